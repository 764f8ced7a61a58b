// The newest client for TypeScript with a key (RFC 9449, SEP-1932), the authorization server of examples/me, and an MCP server behind
// the layer. Both servers require proofs, and nonces.
import assert from 'node:assert/strict';
import { freePort } from '../api.js';
import { parts } from '../cases.js';
import { challenges } from './challenges.js';
import { Program } from './process.js';
import { NewestTypescriptWithKey } from './typescript.js';

const AUTHORIZATION_SERVER = 'The authorization server, for development only,';

export const WITH_KEY = {
  'the challenge is for DPoP alone': async ({ client, url }) => {
    await client.connect();
    const first = client.exchanges.find((exchange) => exchange.url === url);
    assert.equal(first.status, 401);
    const [challenge, ...others] = await challenges(first);
    assert.deepEqual([challenge.scheme, others], ['dpop', []]);
    assert.match(challenge.parameters.algs, /\bES256\b/);
    assert.equal(challenge.parameters.error, undefined);
  },
  'a nonce of the authorization server, and a token bound to the key': ({ client, issuer }) => {
    const requests = client.exchanges.filter((exchange) => exchange.url === `${issuer}/token`);
    assert.deepEqual(requests.map(({ status, answer }) => [status, answer.error]), [[400, 'use_dpop_nonce'], [200, undefined]]);
    const { token_type: type, access_token: token } = requests[1].answer;
    assert.equal(type, 'DPoP');
    assert(parts(token).payload.cnf.jkt);
  },
  'a nonce of the MCP server': async ({ client, url }) => {
    const [first, second] = withTokens(client, url);
    assert.equal(first.status, 401);
    assert.equal((await challenges(first))[0].parameters.error, 'use_dpop_nonce');
    assert.equal(second.status, 200);
  },
  'tool calls, each with a proof of its own': async ({ client, url }) => {
    for (let calls = 0; calls < 3; calls += 1) {
      assert.equal(await client.call('test_simple_text'), 'This is a simple text response for testing.');
    }
    const sent = withTokens(client, url);
    for (const { headers } of sent) assert.match(headers.authorization, /^DPoP /);
    assert.equal(new Set(sent.map(({ headers }) => parts(headers.dpop).payload.jti)).size, sent.length);
    assert.deepEqual(sent.slice(1).map(({ status }) => status), sent.slice(1).map(() => 200));
  },
};

const withTokens = (client, url) =>
  client.exchanges.filter((exchange) => exchange.url === url && exchange.headers.authorization);

/** The client with both servers. */
export async function useKey(use) {
  // Each of the servers wants to know where the other one is.
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}/nonces`;
  const flags = ['--audience', url, '--scope', 'tools', '--dpop', 'required', '--dpop-nonce'];
  const me = await Program.start(process.env.EXAMPLE_ME, flags, [AUTHORIZATION_SERVER, 'The API']);
  const issuer = me.urls[AUTHORIZATION_SERVER];
  const server = await Program.start(process.env.CONFORMANCE, [issuer, address], ['nonces']);
  const client = new NewestTypescriptWithKey(url);
  try {
    return await use({ client, url, issuer });
  } finally {
    await client.close();
    server.stop();
    me.stop();
  }
}
