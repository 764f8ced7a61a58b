// The cases, in the order in which they run: a case may use what earlier ones have left. `world.tokens` are the user's newest.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from './api.js';
import { resourceMetadata } from './clients.js';

export const CASES = {
  'the issuer is found from a 401': async ({ api, audience, server }) => {
    const metadata = await resourceMetadata(api, audience);
    assert.deepEqual(metadata.authorization_servers, [server.issuer]);
  },
  discovery: async (world) => {
    const { Client, server } = world;
    const clients = [Client.discover(server), Client.discover(server, server.machine)];
    [world.client, world.machine] = await Promise.all(clients);
    assert.equal(world.client.metadata.issuer, server.issuer);
    const urls = [wellKnown(server.issuer), world.client.metadata.jwks_uri];
    const [atRfc8414, keys] = await Promise.all(urls.map((url) => fetch(url)));
    Object.assign(world.seen, { atRfc8414, keys, jwks: await keys.json() });
  },
  // The API has nothing but the issuer's URL either.
  'code + PKCE': async (world) => {
    world.tokens = await world.client.signIn({ resource: world.audience });
    Object.assign(world.seen, { user: parts(world.tokens.access_token), idToken: parts(world.tokens.id_token) });
    grantedToUser(world, await world.call(world.tokens.access_token));
  },
  refresh: async (world) => {
    const before = world.tokens;
    world.tokens = { ...before, ...(await world.client.refresh(before.refresh_token, world.audience)) };
    assert.notEqual(world.tokens.access_token, before.access_token);
    grantedToUser(world, await world.call(world.tokens.access_token));
  },
  'client credentials': async (world) => {
    const { access_token: token } = await world.machine.clientCredentials(world.audience);
    world.seen.machine = parts(token);
    const { machine } = world.server;
    granted(await world.call(token), world, { subject: machine, client: machine });
  },
  'too little scope': async (world) => {
    const { access_token: token } = await world.machine.clientCredentials(world.audience, 'write:me');
    const answer = await world.call(token);
    refused(answer, 403, 'insufficient_scope');
    assert.equal(answer.challenges[0].parameters.scope, 'read:me');
  },
  'wrong audience': async (world) => {
    const token = await world.server.elsewhere(world.Client);
    assert(!audiences(token).includes(world.audience));
    refused(await world.call(token), 401, 'invalid_token');
  },
  'no resource named': async (world) => {
    const { access_token: token } = await world.client.signIn({});
    assert(!audiences(token).includes(world.audience));
    refused(await world.call(token), 401, 'invalid_token');
  },
  'opaque token': async (world) => {
    const client = await world.Client.discover(world.server, world.server.opaque);
    const { access_token: token } = await client.signIn({});
    assert(!token.includes('.'));
    refused(await world.call(token), 401, 'invalid_token');
  },
  'ID token': async (world) => {
    refused(await world.call(world.tokens.id_token), 401, 'invalid_token');
  },
  'ID token for the API': async (world) => {
    const client = await world.Client.discover(world.server, world.audience);
    const { id_token: token } = await client.signIn({ resource: world.audience });
    assert.deepEqual(audiences(token), [world.audience]);
    const answer = await world.call(token);
    // With neither `typ` nor `at_hash`, only the strict profile knows it for what it is. Otherwise it is an access token
    // without any scope: an API that is a client too wants the strict profile, or an audience of its own.
    if (world.profile === 'rfc9068' || parts(token).payload.at_hash) refused(answer, 401, 'invalid_token');
    else refused(answer, 403, 'insufficient_scope');
  },
  'refresh token': async (world) => {
    refused(await world.call(world.tokens.refresh_token), 401, 'invalid_token');
  },
  expired: async (world) => {
    world.server.backdate = 7200;
    const { access_token: token } = await world.machine.clientCredentials(world.audience);
    world.server.backdate = 0;
    assert(parts(token).payload.exp < Date.now() / 1000 - 60);
    refused(await world.call(token), 401, 'invalid_token');
  },
  'new key': async (world) => {
    world.old = world.tokens;
    await signInWithNewKey(world);
    // Not one of many clients is refused while the API learns of it.
    const { access_token: token } = world.tokens;
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.call(token)));
    for (const answer of answers) grantedToUser(world, answer);
  },
  'old key, still published': async (world) => {
    const { keys } = await (await fetch(world.client.metadata.jwks_uri)).json();
    assert.equal(keys.length, 2);
    grantedToUser(world, await world.call(world.old.access_token));
  },
  'old key, withdrawn': async (world) => {
    if (!('old key, still published' in world.server.constructor.notFor)) {
      await signInWithNewKey(world);
      grantedToUser(world, await settled(() => world.call(world.tokens.access_token)));
    }
    refused(await settled(() => world.call(world.old.access_token)), 401, 'invalid_token');
  },
  'issuer down: known keys serve': async (world) => {
    await world.server.stop();
    world.down = true;
    grantedToUser(world, await world.call(world.tokens.access_token));
  },
  'issuer down: a cold API': async (world) => {
    world.cold = await Api.start({ ...world, options: world.server.options, address: undefined });
    const answer = await world.client.call(world.cold.url, world.tokens.access_token);
    assert.equal(answer.status, 503);
    assert.match(answer.retryAfter, /^[1-9][0-9]*$/);
    assert.equal(answer.challenges, undefined, 'the client keeps its token');
  },
  'issuer up again': async (world) => {
    await world.server.start();
    world.down = false;
    for (const { url } of [world.cold, world.api]) {
      grantedToUser(world, await settled(() => world.client.call(url, world.tokens.access_token)));
    }
  },
};

/** Where RFC 8414 §3.1 has the metadata of an issuer. */
function wellKnown(issuer) {
  const { origin, pathname } = new URL(issuer);
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`;
}

async function signInWithNewKey(world) {
  const { kid } = parts(world.tokens.access_token).header;
  await world.server.rotate();
  world.client = await world.Client.discover(world.server);
  world.tokens = await world.client.signIn({ resource: world.audience });
  assert.notEqual(parts(world.tokens.access_token).header.kid, kid);
}

/** The answer that `call` gets once the API has asked for the keys: it waits and calls again if the answer says so. */
export async function settled(call) {
  for (let tries = 0; ; tries += 1) {
    const answer = await call();
    if (![429, 503].includes(answer.status) || tries === 3) return answer;
    assert(Number(answer.retryAfter) <= 5, JSON.stringify(answer));
    await sleep(Number(answer.retryAfter) * 1000);
  }
}

/** Accepted, as a token of the user for the client `app`. Its subject is that of the ID token. */
export function grantedToUser(world, answer) {
  const { sub: subject } = parts(world.tokens.id_token).payload;
  assert.equal(subject, world.server.subject ?? subject);
  granted(answer, world, { subject, client: 'app' });
}

export function granted(answer, { server }, expected) {
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const { issuer, client, subject, scopes } = answer.body;
  assert.deepEqual({ issuer, client, subject }, { issuer: server.issuer, ...expected });
  assert(scopes.includes('read:me'));
}

export function refused(answer, status, error) {
  assert.equal(answer.status, status, JSON.stringify(answer));
  assert.equal(answer.challenges.length, 1);
  assert.equal(answer.challenges[0].scheme, 'bearer');
  assert.equal(answer.challenges[0].parameters.error, error);
}

export function parts(token) {
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  return { header: JSON.parse(header), payload: JSON.parse(payload) };
}

const audiences = (token) => [parts(token).payload.aud ?? []].flat();
