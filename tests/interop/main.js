// Every server with every client through every case, against examples/me. Prints the table; any ✗ makes it exit with 1.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, freePort } from './api.js';
import { findIssuer, Oauth4Webapi, OpenidClient } from './clients.js';
import { MockServer, OidcProvider } from './servers.js';

const ELSEWHERE = 'https://elsewhere.example.test';

// In this order: a case may use what earlier ones have left, and `world.tokens` are those of the first.
const CASES = {
  'the issuer is found from a 401': async ({ api, audience, server }) => {
    assert.deepEqual(await findIssuer(api, audience), [server.issuer]);
  },
  'code + PKCE': async (world) => {
    world.tokens = await world.client.signIn({ resource: world.audience });
    granted(await world.call(world.tokens.access_token), world, world.server.subject);
  },
  refresh: async (world) => {
    const before = world.tokens;
    world.tokens = { ...before, ...(await world.client.refresh(before.refresh_token, world.audience)) };
    assert.notEqual(world.tokens.access_token, before.access_token);
    granted(await world.call(world.tokens.access_token), world, world.server.subject);
  },
  'client credentials': async (world) => {
    const { access_token: token } = await world.client.clientCredentials(world.audience);
    granted(await world.call(token), world, 'app');
  },
  'too little scope': async (world) => {
    const { access_token: token } = await world.client.clientCredentials(world.audience, 'write:me');
    const answer = await world.call(token);
    refused(answer, 403, 'insufficient_scope');
    assert.equal(answer.challenge.parameters.scope, 'read:me');
  },
  'wrong audience': async (world) => {
    const { access_token: token } = await world.client.clientCredentials(ELSEWHERE);
    assert.equal(payload(token).aud, ELSEWHERE);
    refused(await world.call(token), 401, 'invalid_token');
  },
  'ID token': async (world) => {
    refused(await world.call(world.tokens.id_token), 401, 'invalid_token');
  },
  'ID token for the API': async (world) => {
    const client = await world.Client.discover(world.server, world.audience);
    const { id_token: token } = await client.signIn({ resource: world.audience });
    assert.deepEqual([payload(token).aud].flat(), [world.audience]);
    const answer = await world.call(token);
    // With neither `typ` nor `at_hash`, only the strict profile knows it for what it is. Otherwise it is an access token
    // without any scope: an API that is a client too wants the strict profile, or an audience of its own.
    if (world.profile === 'rfc9068') refused(answer, 401, 'invalid_token');
    else refused(answer, 403, 'insufficient_scope');
  },
  'opaque token': async (world) => {
    const { access_token: token } = await world.client.signIn({});
    assert(!token.includes('.'));
    refused(await world.call(token), 401, 'invalid_token');
  },
  'no audience': async (world) => {
    const { access_token: token } = await world.client.signIn({});
    assert(!('aud' in payload(token)));
    refused(await world.call(token), 401, 'invalid_token');
  },
  expired: async (world) => {
    world.server.backdate = 7200;
    const { access_token: token } = await world.client.clientCredentials(world.audience);
    world.server.backdate = 0;
    assert(payload(token).exp < Date.now() / 1000 - 60);
    refused(await world.call(token), 401, 'invalid_token');
  },
  'new key after a restart': async (world) => {
    const kid = header(world.tokens.access_token).kid;
    await world.server.restartWithNewKey();
    world.old = world.tokens;
    world.client = await world.Client.discover(world.server);
    world.tokens = await world.client.signIn({ resource: world.audience });
    assert.notEqual(header(world.tokens.access_token).kid, kid);
    // Not one of many clients is refused while the API learns of it.
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.call(world.tokens.access_token)));
    for (const answer of answers) granted(answer, world, world.server.subject);
  },
  'old key after that': async (world) => {
    let answer = await world.call(world.old.access_token);
    // The keys are asked for at most twice at once, so it may be too early to say that the old one is gone.
    if (answer.status === 429) {
      assert(Number(answer.retryAfter) <= 5, JSON.stringify(answer));
      await sleep(Number(answer.retryAfter) * 1000);
      answer = await world.call(world.old.access_token);
    }
    refused(answer, 401, 'invalid_token');
  },
  'issuer down: known keys serve': async (world) => {
    await world.server.stop();
    world.down = true;
    granted(await world.call(world.tokens.access_token), world, world.server.subject);
  },
  'issuer down: a cold API': async (world) => {
    world.cold = await Api.start({ ...world, issuer: world.server.issuer, address: undefined });
    const answer = await world.client.call(world.cold.url, world.tokens.access_token);
    assert.equal(answer.status, 503);
    assert.match(answer.retryAfter, /^[1-9][0-9]*$/);
    assert.equal(answer.challenge, undefined, 'the client keeps its token');
    world.retryAfter = Number(answer.retryAfter);
  },
  'issuer up again': async (world) => {
    await world.server.start();
    world.down = false;
    await sleep(world.retryAfter * 1000);
    for (const api of [world.cold, world.api]) {
      granted(await world.client.call(api.url, world.tokens.access_token), world, world.server.subject);
    }
  },
};

// The mock server issues no opaque tokens, and cannot tell clients apart.
const NOT_FOR = { OidcProvider: ['no audience'], MockServer: ['opaque token', 'ID token for the API'] };

const SERVERS = [
  ...['RS256', 'PS256', 'EdDSA', 'Ed25519'].map((algorithm) => [() => new OidcProvider(algorithm), 'generic']),
  ...['RS256', 'ES256'].map((algorithm) => [() => new OidcProvider(algorithm, '/tenants/one'), 'rfc9068']),
  ...['RS256', 'ES384'].map((algorithm) => [() => new MockServer(algorithm), 'generic']),
];

function granted(answer, { server }, subject) {
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const { issuer, client, scopes } = answer.body;
  assert.deepEqual({ issuer, client, subject: answer.body.subject }, { issuer: server.issuer, client: 'app', subject });
  assert(scopes.includes('read:me'));
}

function refused(answer, status, error) {
  assert.equal(answer.status, status, JSON.stringify(answer));
  assert.equal(answer.challenge.scheme, 'bearer');
  assert.equal(answer.challenge.parameters.error, error);
}

const part = (token, index) => JSON.parse(Buffer.from(token.split('.')[index], 'base64url'));
const header = (token) => part(token, 0);
const payload = (token) => part(token, 1);

/** The outcome of every case: undefined where it does not apply, else true or the error. */
async function run(makeServer, profile, Client) {
  const server = makeServer();
  const address = `127.0.0.1:${await freePort()}`;
  // The audience is the URL of the API, as RFC 8707 has it.
  const world = { Client, server, profile, audience: `http://${address}` };
  await server.start(world.audience);
  const outcomes = {};
  try {
    world.api = await Api.start({ ...world, issuer: server.issuer, address });
    world.client = await Client.discover(server);
    world.call = (token) => world.client.call(world.api.url, token);
    for (const [name, test] of Object.entries(CASES)) {
      if (NOT_FOR[server.constructor.name].includes(name)) continue;
      outcomes[name] = await test(world).then(() => true, (error) => error);
    }
  } finally {
    world.api?.stop();
    world.cold?.stop();
    if (!world.down) await server.stop();
  }
  return { title: [server.name + server.path, server.algorithm, Client.title, profile], outcomes };
}

const started = performance.now();
// All at once: mostly they wait.
const columns = await Promise.all(
  SERVERS.flatMap(([makeServer, profile]) =>
    [OpenidClient, Oauth4Webapi].map((Client) => run(makeServer, profile, Client))),
);

const failures = columns.flatMap(({ title, outcomes }) =>
  Object.entries(outcomes).filter(([, outcome]) => outcome !== true).map(([name, error]) => ({ title, name, error })));
for (const { title, name, error } of failures) console.log(`✗ ${title.join(', ')}: ${name}\n`, error);

console.log(`node ${process.version}; the last word of a line is the profile of the API\n`);
columns.forEach(({ title }, index) => console.log(`${String(index + 1).padStart(2)}  ${title.join(', ')}`));
const width = Math.max(...Object.keys(CASES).map((name) => name.length));
const row = (name, cells) => console.log(name.padEnd(width), cells.map((cell) => cell.padStart(3)).join(''));
console.log();
row('', columns.map((_, index) => String(index + 1)));
for (const name of Object.keys(CASES)) {
  const mark = (outcome) => (outcome === undefined ? '–' : outcome === true ? '✓' : '✗');
  row(name, columns.map(({ outcomes }) => mark(outcomes[name])));
}
const cases = columns.reduce((sum, { outcomes }) => sum + Object.keys(outcomes).length, 0);
console.log(`\n${cases - failures.length} of ${cases} cases as they should be, in ${Math.round(performance.now() - started) / 1000} s`);
process.exitCode = failures.length ? 1 : 0;
