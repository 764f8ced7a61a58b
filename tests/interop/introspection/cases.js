// The cases for tokens that the API asks the server about (RFC 7662), in the order in which they run.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from '../api.js';
import { granted, grantedToUser, refused, settled } from '../cases.js';
import { LIFETIME, metadataOf, revoke } from './asking.js';

export const INTROSPECTION_CASES = {
  discovery: async (world) => {
    const { Client, server } = world;
    const clients = [Client.discover(server), Client.discover(server, server.machine)];
    [world.client, world.machine] = await Promise.all(clients);
    const metadata = await metadataOf(server);
    world.seen.methods = metadata.introspection_endpoint_auth_methods_supported;
    assert(URL.canParse(metadata.introspection_endpoint));
  },
  'code + PKCE': async (world) => {
    world.tokens = await world.client.signIn({ resource: world.audience });
    await see(world, 'user', world.tokens.access_token);
    grantedToUser(world, await world.call(world.tokens.access_token));
  },
  refresh: async (world) => {
    world.tokens = { ...world.tokens, ...(await world.client.refresh(world.tokens.refresh_token, world.audience)) };
    grantedToUser(world, await world.call(world.tokens.access_token));
  },
  'client credentials': async (world) => {
    const token = await tokenOf(world);
    await see(world, 'machine', token);
    const { machine } = world.server;
    granted(await world.call(token), world, { subject: machine, client: machine });
  },
  'too little scope': async (world) => {
    const answer = await world.call(await tokenOf(world, 'write:me'));
    refused(answer, 403, 'insufficient_scope');
    assert.equal(answer.challenges[0].parameters.scope, 'read:me');
  },
  'wrong audience': async (world) => {
    const token = await world.server.elsewhere(world.Client);
    await see(world, 'elsewhere', token);
    assert(world.seen.elsewhere.active);
    refused(await world.call(token), 401, 'invalid_token');
  },
  'no resource named': async (world) => {
    const { access_token: token } = await world.client.signIn({});
    await see(world, 'nowhere', token);
    assert(world.seen.nowhere.active);
    refused(await world.call(token), 401, 'invalid_token');
  },
  'refresh token': async (world) => {
    await see(world, 'refresh', world.tokens.refresh_token);
    refused(await world.call(world.tokens.refresh_token), 401, 'invalid_token');
  },
  'ID token': async (world) => {
    await see(world, 'idToken', world.tokens.id_token);
    refused(await world.call(world.tokens.id_token), 401, 'invalid_token');
  },
  'unknown token': async (world) => {
    refused(await world.call('unknown'), 401, 'invalid_token');
  },
  expired: async (world) => {
    refused(await world.call(await world.server.expired(() => tokenOf(world))), 401, 'invalid_token');
  },
  // The server, whose clock is slow, says that the token is active.
  'expired by the clock of the API': async (world) => {
    world.server.backdate = 7200;
    try {
      const token = await tokenOf(world);
      assert((await world.server.asking.about(token, world.server)).active);
      refused(await world.call(token), 401, 'invalid_token');
    } finally {
      world.server.backdate = 0;
    }
  },
  revoked: async (world) => {
    const token = await tokenOf(world);
    assert.equal((await world.call(token)).status, 200);
    const start = performance.now();
    await revoke(token, world.server, world.server.machine);
    // Use does not prolong the answer.
    while (performance.now() - start < LIFETIME * 1000) {
      assert([200, 401].includes((await world.call(token)).status));
      await sleep(200);
    }
    refused(await world.call(token), 401, 'invalid_token');
  },
  // Not the client's fault, so it keeps its token.
  'wrong credentials of the API': async (world) => {
    world.cold = await another(world, { isWrong: true });
    unavailable(await world.client.call(world.cold.url, world.tokens.access_token));
  },
  'issuer down: known tokens serve': async (world) => {
    world.patient = await another(world, { lifetime: 600 });
    grantedToUser(world, await world.client.call(world.patient.url, world.tokens.access_token));
    grantedToUser(world, await world.call(world.tokens.access_token));
    const asked = performance.now();
    await world.server.stop();
    world.down = true;
    grantedToUser(world, await world.client.call(world.patient.url, world.tokens.access_token));
    // No longer than the answer counts.
    await sleep(LIFETIME * 1000 - (performance.now() - asked));
    unavailable(await world.call(world.tokens.access_token));
  },
  'issuer down: unknown tokens': async (world) => {
    for (const { url } of [world.api, world.patient]) unavailable(await world.client.call(url, 'another'));
  },
  'issuer up again': async (world) => {
    await world.server.start();
    world.down = false;
    // Some keep their tokens in memory.
    world.tokens = await world.client.signIn({ resource: world.audience });
    for (const { url } of [world.api, world.patient]) {
      grantedToUser(world, await settled(() => world.client.call(url, world.tokens.access_token)));
    }
  },
};

/** A token of a client itself. */
async function tokenOf(world, scope) {
  return (await world.machine.clientCredentials(world.audience, scope)).access_token;
}

/** Keeps what the server says about a token. */
async function see(world, name, token) {
  world.seen[name] = await world.server.asking.about(token, world.server);
}

/** Another API, which asks in another way. */
function another(world, changes) {
  const { server } = world;
  return Api.start({ ...world, options: [...server.asking.options(changes), ...server.options], address: undefined });
}

function unavailable(answer) {
  assert.equal(answer.status, 503, JSON.stringify(answer));
  assert.match(answer.retryAfter, /^[1-9][0-9]*$/);
  assert.equal(answer.challenges, undefined, 'the client keeps its token');
}
