// The cases about users who sign out at the server, which tells the API (OpenID Connect Back-Channel Logout 1.0).
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../browser.js';
import { grantedToUser, parts, refused } from '../cases.js';
import { metadataOf } from '../introspection/asking.js';
import { SIGNED_OUT_URI } from '../servers/server.js';

export const LOGOUT_CASES = {
  discovery: async (world) => {
    world.client = await world.Client.discover(world.server);
    world.seen.metadata = await metadataOf(world.server);
    assert(URL.canParse(world.seen.metadata.end_session_endpoint));
  },
  'code + PKCE': async (world) => {
    world.browser = new Browser();
    world.tokens = await signIn(world, world.browser);
    grantedToUser(world, await world.call(world.tokens.access_token));
    world.seen.user = parts(world.tokens.access_token);
    assert.equal('sid' in world.seen.user.payload, world.server.sessionInTokens);
  },
  // With another browser, and another user.
  'further sessions': async (world) => {
    world.elsewhere = await signIn(world, new Browser());
    const { fields } = world.server;
    world.server.fields = { ...fields, login: 'user-2' };
    world.anotherUser = await signIn(world, new Browser());
    world.server.fields = fields;
    for (const { access_token: token } of [world.elsewhere, world.anotherUser]) {
      assert.equal((await world.call(token)).status, 200);
    }
  },
  'sign-out': async (world) => {
    const { server, seen } = world;
    await world.browser.authorize(world.client.signOutUrl(world.tokens.id_token, SIGNED_OUT_URI), server, SIGNED_OUT_URI);
    // Some servers do not wait for it.
    for (let tries = 0; server.sent.length === 0 && tries < 250; tries += 1) await sleep(20);
    world.signedOut = Math.floor(Date.now() / 1000);
    seen.logout = parts(server.sent[0].token);
    assert.equal('sid' in seen.logout.payload, server.sessionRequired);
    assert.deepEqual(server.sent.map(({ status }) => status), [200]);
    refused(await world.call(world.tokens.access_token), 401, 'invalid_token');
  },
  'another session of the user': async (world) => {
    const answer = await world.call(world.elsewhere.access_token);
    // Without `sid` in both the API cannot tell the sessions of a user apart.
    if (world.server.sessionInTokens) assert.equal(answer.status, 200);
    else refused(answer, 401, 'invalid_token');
  },
  'another user': async (world) => {
    assert.equal((await world.call(world.anotherUser.access_token)).status, 200);
  },
  'signed in again': async (world) => {
    // In the second of the sign-out, a token may be from before it.
    await sleep(1000 * (world.signedOut + 1) - Date.now());
    world.again = await signIn(world, world.browser);
    assert.equal((await world.call(world.again.access_token)).status, 200);
  },
  'the same logout token again': async (world) => {
    assert.equal((await send(world, world.server.sent[0].token)).status, 200);
    assert.equal((await world.call(world.again.access_token)).status, 200);
    refused(await world.call(world.tokens.access_token), 401, 'invalid_token');
  },
  'other tokens as logout tokens': async (world) => {
    for (const token of [world.again.id_token, world.again.access_token, world.again.refresh_token]) {
      const response = await send(world, token);
      assert.equal(response.status, 400);
      assert.equal(response.headers.get('cache-control'), 'no-store');
    }
    assert.equal((await world.call(world.again.access_token)).status, 200);
  },
  'a logout token as an access token': async (world) => {
    refused(await world.call(world.server.sent[0].token), 401, 'invalid_token');
  },
};

const signIn = (world, browser) => world.client.signIn({ resource: world.audience, browser });

/** Posts a logout token to the API, as the server does (§2.5). */
function send({ audience }, token) {
  return fetch(`${audience}/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
}
