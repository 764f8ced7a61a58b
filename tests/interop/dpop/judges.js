// Proofs of `tower_bearer::testing::TestClient`, judged by the API and by libraries that we did not write.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import * as oauth from 'oauth4webapi';
import { freePort } from '../api.js';
import { parts } from '../cases.js';
import { ExampleMe } from '../servers/example-me.js';
import { ALGORITHMS_OF_PROOFS, OidcProviderWithProofs } from '../servers/oidc-provider.js';
import { PROOFS } from './proofs.js';

/** Whether each of them accepts a request to the API with a token and a proof. */
const JUDGES = {
  'the API': async ({ url }, headers) => {
    const response = await fetch(url, { headers });
    if (response.ok) return true;
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate'), /error="invalid_(dpop_proof|token)"/);
    return false;
  },
  oauth4webapi: ({ url, metadata, audience }, headers) => {
    const request = new Request(url, { headers });
    const options = { [oauth.allowInsecureRequests]: true };
    return oauth.validateJwtAccessToken(metadata, request, audience, options).then(() => true, () => false);
  },
};

/** A token request with a proof: the token, or undefined if the proof is refused. */
async function tokenRequest({ server, metadata }, audience, proof) {
  const { id, secret } = server.client(server.machine);
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: 'read:me' });
  const headers = { authorization: `Basic ${btoa(`${id}:${secret}`)}`, dpop: proof };
  const response = await fetch(metadata.token_endpoint, { method: 'POST', headers, body });
  const answer = await response.json();
  if (response.ok) return answer.access_token;
  assert.equal(response.status, 400);
  assert(['invalid_dpop_proof', 'invalid_grant'].includes(answer.error), answer.error);
  return undefined;
}

/** TestClient, in a process of its own. */
class TestClients {
  #process = spawn(process.env.PROOFS, { stdio: ['pipe', 'pipe', 'inherit'] });
  #lines = createInterface({ input: this.#process.stdout });

  async make(wanted) {
    const line = once(this.#lines, 'line');
    this.#process.stdin.write(`${JSON.stringify(wanted)}\n`);
    return JSON.parse((await line)[0]);
  }

  stop() {
    this.#process.stdin.end();
  }
}

/** For each proof, what each judge says by each algorithm. */
export async function judge() {
  const address = `127.0.0.1:${await freePort()}`;
  const audience = `http://${address}`;
  const [server, example] = [new OidcProviderWithProofs(['--dpop'], false), new ExampleMe(['--dpop'])];
  await server.start(audience);
  const clients = new TestClients();
  const apis = [];
  try {
    apis.push(await server.startApi({ issuer: server.issuer, audience, profile: 'rfc9068', address }));
    apis.push(await example.startApi({ audience, profile: 'rfc9068' }));
    const issuers = await Promise.all([server, example].map(async (one) => ({ server: one, metadata: await metadataOf(one) })));
    const world = { clients, audience, issuers, metadata: issuers[0].metadata, url: apis[0].url.href };
    const verdicts = Object.fromEntries(Object.keys(PROOFS).map((name) => [name, {}]));
    for (const algorithm of ALGORITHMS_OF_PROOFS) {
      const token = await tokenRequest(issuers[0], audience, await proofOf(world, algorithm, PROOFS.good, issuers[0]));
      assert(token, `oidc-provider refuses a good proof by ${algorithm}`);
      for (const [name, row] of Object.entries(PROOFS)) {
        if (algorithm !== 'ES256' && !row.byEach) continue;
        for (const [by, accepted] of Object.entries(await verdictsOn(world, algorithm, token, row))) {
          (verdicts[name][by] ??= {})[algorithm] = accepted;
        }
      }
    }
    return verdicts;
  } finally {
    clients.stop();
    for (const api of apis) api.stop();
    await server.stop();
  }
}

async function metadataOf({ issuer }) {
  const response = await oauth.discoveryRequest(new URL(issuer), { [oauth.allowInsecureRequests]: true });
  return oauth.processDiscoveryResponse(new URL(issuer), response);
}

async function verdictsOn(world, algorithm, token, row) {
  const found = {};
  for (const [name, accepts] of Object.entries(JUDGES)) {
    const proof = await proofOf(world, algorithm, row, { token });
    const headers = { authorization: `${row.scheme ?? 'DPoP'} ${token}`, dpop: proof };
    if (row.used) assert(await accepts(world, headers));
    found[name] = await accepts(world, headers);
  }
  if (row.withToken) return found;
  for (const issuer of world.issuers) {
    if (!issuer.metadata.dpop_signing_alg_values_supported.includes(algorithm)) continue;
    const proof = await proofOf(world, algorithm, row, issuer);
    if (row.used) assert(await tokenRequest(issuer, world.audience, proof));
    found[issuer.server.name] = Boolean(await tokenRequest(issuer, world.audience, proof));
  }
  return found;
}

/** A proof of this row: for a request to the API with a token, or for a token request. */
async function proofOf({ clients, url }, algorithm, { change, edit }, { token, metadata }) {
  const request = token ? { method: 'GET', url, token } : { method: 'POST', url: metadata.token_endpoint };
  const wanted = { algorithm, ...request, claims: { jti: randomUUID() } };
  const { header, payload } = parts((await clients.make(wanted)).proof);
  const now = Math.floor(Date.now() / 1000);
  const changed = change({ algorithm, ...request, now, jwk: header.jwk, payload });
  const { proof } = await clients.make({ ...wanted, ...changed, claims: { ...wanted.claims, ...changed.claims } });
  return edit ? edit(proof) : proof;
}
