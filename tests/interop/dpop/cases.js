// The cases for tokens that are bound to a key of the client (RFC 9449), in the order in which they run.
import assert from 'node:assert/strict';
import * as dpop from 'dpop';
import { calculateJwkThumbprint } from 'jose';
import { parts } from '../cases.js';
import { newProofKey, resourceMetadata } from '../clients.js';

export const DPOP_CASES = {
  discovery: async (world) => {
    const { Client, server, key, algorithm } = world;
    const clients = ['app', server.machine].map((name) => Client.discover(server, name, key));
    [world.client, world.machine] = await Promise.all(clients);
    assert(world.client.metadata.dpop_signing_alg_values_supported.includes(algorithm));
    const metadata = await resourceMetadata(world.api, world.audience);
    assert(metadata.dpop_signing_alg_values_supported.includes(algorithm));
    assert.equal(metadata.dpop_bound_access_tokens_required ?? false, world.required);
  },
  challenge: async (world) => {
    const { client, api } = world;
    refused(world, await client.callWith({ authorization: null }, api.url, 'none', null), 'none', undefined);
    refused(world, await client.call(api.url, 'none'), 'dpop', 'invalid_token');
    refused(world, await client.call(api.url, 'none', null), 'bearer', 'invalid_token');
  },
  'code + PKCE': async (world) => {
    world.tokens = await world.client.signIn({ resource: world.audience });
    await granted(world, world.tokens, { subject: world.server.subject, client: world.server.client('app').id });
  },
  refresh: async (world) => {
    const tokens = await world.client.refresh(world.tokens.refresh_token, world.audience);
    assert.notEqual(tokens.access_token, world.tokens.access_token);
    await granted(world, tokens, { subject: world.server.subject, client: world.server.client('app').id });
  },
  // RFC 9449 §5.
  'refresh token of a public client': async (world) => {
    const { Client, server, key, audience } = world;
    const client = await Client.discover(server, 'public', key);
    const { refresh_token: token } = await client.signIn({ resource: audience });
    const thief = client.proofsBy(await newProofKey(world.algorithm));
    await assert.rejects(client.refresh(token, audience, thief), byServer);
    const { id } = server.client('public');
    await granted(world, await client.refresh(token, audience), { subject: server.subject, client: id });
  },
  // RFC 9449 §10.
  'code for a key': async (world) => {
    const { client, audience } = world;
    const more = { dpop_jkt: await thumbprint(world.key) };
    const { token_type: type } = await client.signIn({ resource: audience, more });
    assert.equal(type, 'dpop');
    const thief = client.proofsBy(await newProofKey(world.algorithm));
    await assert.rejects(client.signIn({ resource: audience, more, proofs: thief }), byServer);
  },
  'client credentials': async (world) => {
    const { id } = world.server.client(world.server.machine);
    const tokens = await world.machine.clientCredentials(world.audience);
    world.token = tokens.access_token;
    await granted(world, tokens, { subject: id, client: id });
  },
  // The clients send again what is refused for its nonce.
  nonces: async (world) => {
    const { Client, server, key, api } = world;
    const client = await Client.discover(server, server.machine, key);
    const statuses = async (work) => {
      const before = client.exchanges.length;
      await work();
      return client.exchanges.slice(before).map(({ response }) => response.status);
    };
    const askForToken = () => client.clientCredentials(world.audience);
    assert.deepEqual(await statuses(askForToken), server.nonces ? [400, 200] : [200]);
    assert.deepEqual(await statuses(askForToken), [200]);
    // The nonce of the server is not one of the API.
    const call = () => client.call(api.url, world.token);
    assert.deepEqual(await statuses(call), world.nonces ? [401, 200] : [200]);
    assert.deepEqual(await statuses(call), [200]);
    const answers = client.exchanges.filter(({ url }) => url === api.url.href);
    const withNonce = answers.map(({ response }) => response.headers.has('dpop-nonce'));
    assert.deepEqual(withNonce, world.nonces ? [true, false, false] : [false, false]);
    if (!world.nonces) return;
    const another = client.proofsBy(key, (_header, claims) => { claims.nonce = 'another'; });
    refused(world, await client.call(api.url, world.token, another), 'dpop', 'use_dpop_nonce');
  },
  'proof by dpop': async (world) => {
    const { api, key, token } = world;
    assert.equal(await dpop.calculateThumbprint(key.publicKey), parts(token).payload.cnf.jkt);
    const send = async (nonce) => {
      const proof = await dpop.generateProof(key, api.url.href, 'GET', nonce, token);
      return fetch(api.url, { headers: { authorization: `DPoP ${token}`, dpop: proof } });
    };
    const first = await send();
    assert.equal(first.status, world.nonces ? 401 : 200);
    if (world.nonces) assert.equal((await send(first.headers.get('dpop-nonce'))).status, 200);
  },
  'as a Bearer token': async (world) => {
    const { client, api, token } = world;
    refused(world, await client.call(api.url, token, null), 'bearer', 'invalid_token');
    await client.call(api.url, token);
    const { dpop: proof } = last(client).request.headers;
    refused(world, await client.callWith({ dpop: proof }, api.url, token, null), 'bearer', 'invalid_token');
  },
  'another key': async (world) => {
    const proofs = world.client.proofsBy(await newProofKey(world.algorithm));
    refused(world, await world.client.call(world.api.url, world.token, proofs), 'dpop', 'invalid_dpop_proof');
  },
  'another request': async (world) => {
    const changes = { htm: 'POST', htu: 'https://elsewhere.example.test/api/me', ath: 'x' };
    for (const [claim, value] of Object.entries(changes)) {
      const proofs = world.client.proofsBy(world.key, (_header, claims) => { claims[claim] = value; });
      refused(world, await world.client.call(world.api.url, world.token, proofs), 'dpop', 'invalid_dpop_proof');
    }
  },
  'used again': async (world) => {
    const { client, api, token } = world;
    const answer = await client.call(api.url, token);
    assert.equal(answer.status, 200);
    const { dpop: proof } = last(client).request.headers;
    refused(world, await client.callWith({ dpop: proof }, api.url, token), 'dpop', 'invalid_dpop_proof');
  },
  'a slow clock': async (world) => {
    const proofs = world.client.proofsBy(world.key, (_header, claims) => { claims.iat -= 3600; });
    const answer = await world.client.call(world.api.url, world.token, proofs);
    if (world.nonces) assert.equal(answer.status, 200, JSON.stringify(answer));
    else refused(world, answer, 'dpop', 'invalid_dpop_proof');
  },
  'a token without a key': async (world) => {
    const { Client, server, api } = world;
    const without = await Client.discover(server, server.machine);
    if (server.requiresProofs) {
      await assert.rejects(without.clientCredentials(world.audience), byServer);
      return;
    }
    const { access_token: token } = await without.clientCredentials(world.audience);
    assert.equal(parts(token).payload.cnf, undefined);
    refused(world, await world.client.call(api.url, token), 'dpop', 'invalid_token');
    const answer = await without.call(api.url, token);
    if (world.required) refused(world, answer, 'bearer', 'invalid_token');
    else assert.equal(answer.status, 200, JSON.stringify(answer));
  },
  'too little scope': async (world) => {
    const { access_token: token } = await world.machine.clientCredentials(world.audience, 'write:me');
    const answer = await world.client.call(world.api.url, token);
    const challenge = refused(world, answer, 'dpop', 'insufficient_scope', 403);
    assert.equal(challenge.parameters.scope, 'read:me');
  },
};

const last = ({ exchanges }) => exchanges.at(-1);

const thumbprint = async ({ publicKey }) => calculateJwkThumbprint(await crypto.subtle.exportKey('jwk', publicKey));

/** Whether it is the server that has refused. */
const byServer = ({ error }) => ['invalid_grant', 'invalid_dpop_proof'].includes(error);

/** Accepted, with a token that is bound to the client's key. */
async function granted(world, tokens, expected) {
  assert.equal(tokens.token_type, 'dpop');
  const { cnf } = parts(tokens.access_token).payload;
  assert.deepEqual(cnf, { jkt: await thumbprint(world.key) });
  const answer = await world.client.call(world.api.url, tokens.access_token);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  const { issuer, client, subject, scopes } = answer.body;
  assert.deepEqual({ issuer, client, subject }, { issuer: world.server.issuer, ...expected });
  assert(scopes.includes('read:me'));
}

/** Refused with this error in the challenge of the scheme that was used, and in no other. */
function refused(world, answer, used, error, status = 401) {
  const schemes = world.required ? ['dpop'] : ['bearer', 'dpop'];
  const named = schemes.includes(used) ? used : 'dpop';
  assert.equal(answer.status, status, JSON.stringify(answer));
  const found = answer.challenges.map(({ scheme, parameters }) => [scheme, parameters.error]);
  assert.deepEqual(found, schemes.map((scheme) => [scheme, scheme === named ? error : undefined]));
  const challenge = answer.challenges.find(({ scheme }) => scheme === 'dpop');
  assert(challenge.parameters.algs.split(' ').includes(world.algorithm));
  return answer.challenges.find(({ scheme }) => scheme === named);
}
