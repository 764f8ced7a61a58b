// Proofs of `tower_bearer::testing::TestClient`, judged by the API and by libraries that we did not write.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import * as oauth from 'oauth4webapi';
import { freePort } from '../api.js';
import { parts } from '../cases.js';
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

/** A token request of a client with a proof: the token, or undefined if the proof is refused. */
async function tokenRequest({ metadata, audience }, proof) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource: audience, scope: 'read:me' });
  const authorization = `Basic ${btoa('app:secret')}`;
  const response = await fetch(metadata.token_endpoint, { method: 'POST', headers: { authorization, dpop: proof }, body });
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

/** For each proof, whether it is good, and what each judge says by each algorithm. */
export async function judge() {
  const address = `127.0.0.1:${await freePort()}`;
  const audience = `http://${address}`;
  const server = new OidcProviderWithProofs(['--dpop'], false);
  await server.start(audience);
  const clients = new TestClients();
  let api;
  try {
    api = await server.startApi({ issuer: server.issuer, audience, profile: 'rfc9068', address });
    const issuer = new URL(server.issuer);
    const response = await oauth.discoveryRequest(issuer, { [oauth.allowInsecureRequests]: true });
    const metadata = await oauth.processDiscoveryResponse(issuer, response);
    const world = { clients, audience, metadata, url: api.url.href };
    const verdicts = {};
    for (const algorithm of ALGORITHMS_OF_PROOFS) {
      const token = await tokenRequest(world, await proofOf(world, algorithm, PROOFS.good));
      assert(token, `oidc-provider refuses a good proof by ${algorithm}`);
      for (const [name, row] of Object.entries(PROOFS)) {
        verdicts[name] ??= {};
        for (const [by, accepted] of Object.entries(await verdictsOn(world, algorithm, token, row))) {
          (verdicts[name][by] ??= {})[algorithm] = accepted;
        }
      }
    }
    return verdicts;
  } finally {
    clients.stop();
    api?.stop();
    await server.stop();
  }
}

async function verdictsOn(world, algorithm, token, row) {
  const found = {};
  for (const [name, accepts] of Object.entries(JUDGES)) {
    const proof = await proofOf(world, algorithm, row, token);
    const headers = { authorization: `${row.scheme ?? 'DPoP'} ${token}`, dpop: proof };
    if (row.used) assert(await accepts(world, headers));
    found[name] = await accepts(world, headers);
  }
  if (row.withToken) return found;
  const proof = await proofOf(world, algorithm, row);
  if (row.used) assert(await tokenRequest(world, proof));
  return { ...found, 'oidc-provider': Boolean(await tokenRequest(world, proof)) };
}

/** A proof of this row: for a request to the API with a token, or for a token request. */
async function proofOf({ clients, metadata, url }, algorithm, { change, edit }, token) {
  const request = token ? { method: 'GET', url, token } : { method: 'POST', url: metadata.token_endpoint };
  const wanted = { algorithm, ...request, claims: { jti: randomUUID() } };
  const { header, payload } = parts((await clients.make(wanted)).proof);
  const now = Math.floor(Date.now() / 1000);
  const changed = change({ algorithm, ...request, now, jwk: header.jwk, payload });
  const { proof } = await clients.make({ ...wanted, ...changed, claims: { ...wanted.claims, ...changed.claims } });
  return edit ? edit(proof) : proof;
}
