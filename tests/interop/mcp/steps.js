// The steps of a client that knows the URL of an MCP server and nothing else, in the order in which they happen. Each is asserted on
// what the client has sent and received.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts } from '../cases.js';
import { code, list } from '../report.js';
import { challenges } from './challenges.js';

export const STEPS = {
  '401 without a token': async (world) => {
    const { client, url } = world;
    await client.connect();
    const first = toServer(world)[0];
    assert.equal(first.headers.authorization, undefined);
    assert.equal(first.status, 401);
    assert.deepEqual(await challenge(first), {
      realm: url,
      resource_metadata: metadataUrl(url),
      // What the client starts with, and no `offline_access`: that is nothing this server needs (SEP-2207).
      scope: 'files:read',
    });
  },
  'metadata of the MCP server': async (world) => {
    const { answer } = answered(world, metadataUrl(world.url), 200);
    assert.equal(answer.resource, world.url);
    assert.deepEqual(answer.authorization_servers, [world.issuer]);
    assert.deepEqual(answer.scopes_supported, ['files:read']);
    assert.deepEqual(await atRoot(world), answer);
  },
  'metadata of the authorization server': async (world) => {
    const { answer } = answered(world, `${world.issuer}/.well-known/oauth-authorization-server`, 200);
    assert.equal(answer.issuer, world.issuer);
    world.metadata = answer;
  },
  registration: async (world) => {
    const { body, answer } = answered(world, world.metadata.registration_endpoint, 201);
    world.registered = { ...JSON.parse(body), id: answer.client_id };
    assert.equal(answer.client_secret, undefined);
  },
  'code with PKCE': async (world) => {
    const { client, url, registered } = world;
    const [{ request, answer }] = client.user.authorizations;
    assert.equal(request.client_id, registered.id);
    assert.equal(request.code_challenge_method, 'S256');
    assert.equal(request.resource, url);
    assert.deepEqual(named(request.scope), ['files:read']);
    // RFC 9207.
    assert(world.metadata.authorization_response_iss_parameter_supported);
    assert.equal(answer.iss, world.issuer);
    const exchange = answered(world, world.metadata.token_endpoint, 200);
    const form = Object.fromEntries(new URLSearchParams(exchange.body));
    assert.equal(form.code, answer.code);
    assert.equal(form.resource, url);
    assert(form.code_verifier);
    assert.equal(form.client_secret, undefined);
  },
  'tool call': async (world) => {
    assert.match(await world.client.call('whoami'), /^alice with the client /);
    assert.equal(await world.client.call('list_files'), 'accounts.txt\nletter.txt\nnotes.txt');
    world.called = toServer(world).at(-1);
    assert.equal(world.client.user.authorizations.length, 1);
  },
  '403 with the scope, step-up': async (world) => {
    const before = toServer(world).length;
    assert.equal(await world.client.call('delete_file', { name: 'notes.txt' }), 'notes.txt is deleted');
    const refused = toServer(world).slice(before).filter(({ status }) => status === 403);
    assert.equal(refused.length, 1);
    assert.deepEqual(await challenge(refused[0]), {
      realm: world.url,
      resource_metadata: metadataUrl(world.url),
      error: 'insufficient_scope',
      error_description: 'The request needs more than the access token grants',
      // All that this operation needs, and nothing else (SEP-2350).
      scope: 'files:write',
    });
    assert.equal(world.client.user.authorizations.length, 2);
    assert(named(world.client.user.authorizations[1].request.scope).includes('files:write'));
  },
  'what was granted before is kept': async (world) => {
    assert.equal(await world.client.call('list_files'), 'accounts.txt\nletter.txt');
    const { length } = world.client.user.authorizations;
    assert.equal(length, 2, `${length} authorizations`);
  },
  'a stream ends with the token': async (world) => {
    const { client } = world.shortLived;
    await client.connect();
    world.watched = await client.watch('watch_files');
    const token = watching(client).headers.authorization.replace('Bearer ', '');
    const late = world.watched.ended - parts(token).payload.exp;
    assert(world.watched.said > 0 && late >= 0 && late < 3, JSON.stringify({ ...world.watched, late }));
  },
  'the token has expired': async (world) => {
    const { client, url, issuer } = world.shortLived;
    // Clients count from when they got it.
    await sleep(1000);
    assert.match(await client.call('whoami'), /^alice with the client /);
    // Some tell the server that they do not wait for the stream any more.
    const since = client.exchanges.slice(client.exchanges.indexOf(watching(client)) + 1);
    const refused = since.filter((exchange) => exchange.url === url && exchange.status === 401);
    for (const exchange of refused) assert.equal((await challenge(exchange)).error, 'invalid_token');
    const tokens = since.filter((exchange) => exchange.url === `${issuer}/token`);
    assert.equal(tokens.length, 1);
    world.renewed = { refused: refused.length > 0, by: new URLSearchParams(tokens[0].body).get('grant_type') };
  },
};

/** What a table says about each client, beside the steps. */
export const FACTS = {
  'protocol revision': (world) => code(revision(world)),
  'first request': (world) => code(JSON.parse(toServer(world)[0].body).method),
  'MCP headers of a tool call': ({ called }) =>
    list(Object.keys(called.headers).filter((name) => name.startsWith('mcp-')).sort()),
  'its registration says': ({ registered }) => {
    const names = ['application_type', 'token_endpoint_auth_method'].filter((name) => name in registered);
    return list(names.map((name) => `${name}=${registered[name]}`));
  },
  'scopes asked for': ({ client }) => client.user.authorizations.map(({ request }) => code(request.scope)).join(', then '),
  'the step-up asks for': ({ client: { user: { authorizations: [, second] } } }) =>
    (named(second.request.scope).includes('files:read') ? 'the union' : 'what the challenge names'),
  'authorizations': ({ client }) => `${client.user.authorizations.length}`,
  '`state` in the authorization request': ({ client }) => (client.user.authorizations[0].request.state ? 'yes' : 'no'),
  'metadata read again for the step-up': (world) => {
    const count = world.client.exchanges.filter(({ url }) => url === metadataUrl(world.url)).length;
    return count > 1 ? 'yes' : 'no';
  },
  'when a stream has ended, the call gets': ({ watched }) => watched.tells,
  'when the token has expired': ({ renewed: { refused, by } }) =>
    `${refused ? '401, then' : 'before it is sent,'} ${code(by)}`,
};

/** What it has sent to the MCP server itself. */
const toServer = ({ client, url }) => client.exchanges.filter((exchange) => exchange.url === url && exchange.method === 'POST');

/** The request whose response has ended with the token. */
const watching = ({ exchanges }) => exchanges.findLast(({ body }) => body?.includes('watch_files'));

/** The revision that both have agreed on: that of later requests. */
function revision({ called }) {
  return called.headers['mcp-protocol-version'];
}

/** RFC 9728 §3.1. */
function metadataUrl(url) {
  const { origin, pathname } = new URL(url);
  return `${origin}/.well-known/oauth-protected-resource${pathname}`;
}

async function atRoot({ url }) {
  return (await fetch(`${new URL(url).origin}/.well-known/oauth-protected-resource`)).json();
}

/** The first exchange with this URL, which has been answered with this status. */
function answered({ client }, url, status) {
  const exchange = client.exchanges.find((exchange) => exchange.url === url);
  assert(exchange, `${url} has not been asked`);
  assert.equal(exchange.status, status, JSON.stringify(exchange));
  return exchange;
}

/** The parameters of its only challenge, which is for Bearer. */
async function challenge(exchange) {
  const [{ scheme, parameters }, ...others] = await challenges(exchange);
  assert.deepEqual([scheme, others], ['bearer', []]);
  return { ...parameters };
}

/** Without what makes a refresh token: clients ask for that on their own. */
const named = (scope) => scope.split(' ').filter((name) => name !== 'offline_access');
