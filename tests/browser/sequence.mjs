// A person with a browser: signs in, consents, calls the API, refreshes, steps up, signs out, on the real pages of
// examples/me. Any error on the console fails it, but for the one refusal that the app asks for.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Demo, logIn, picture, said, signIn, transfer } from './demo.mjs';

let demo, app;
const open = () => demo.open();

before(async () => {
  demo = await Demo.start();
  app = demo.app;
});
after(() => demo?.stop());

test('sign in, profile, refresh, step up, sign out', async () => {
  const { page, errors } = await open();
  await signIn(page);
  assert.match(await page.textContent('#profile'), /alice/);
  assert.match(await page.textContent('#token-claims'), /urn:example:pwd/);
  await picture(page, 'profile');

  const before = await page.textContent('#token-claims');
  await page.click('#refresh');
  await said(page, 'The access token is a new one');
  assert.notEqual(await page.textContent('#token-claims'), before);
  await page.click('#call-api');
  await said(page, 'The API knows you as alice');

  await transfer(page);
  assert.match(await page.textContent('#steps'), /insufficient_user_authentication/);
  await picture(page, 'stepped-up');

  await page.click('#sign-out');
  await said(page, 'Signed out');
  assert.ok(await page.isVisible('#sign-in'));
  assert.deepEqual(errors, []);
});

/** Until the page can do something, it says that it is busy: a click would be lost. */
test('a page that loads slowly loses no click', async () => {
  const { page, errors } = await open();
  const late = async (route) => {
    await sleep(500);
    await route.continue();
  };
  await page.route('**/config.json', late);
  await page.route('**/bff/refresh', late);
  await page.reload();
  await signIn(page);
  assert.deepEqual(errors, []);
});

test('a wrong password, and a user who does not consent', async () => {
  const { page, errors } = await open();
  await logIn(page, 'looking-glass');
  await page.waitForSelector('.banner');
  await page.fill('#username', 'alice');
  await page.fill('#password', 'wonderland');
  await page.click('#login');
  await page.click('#consent-deny');
  await said(page, 'Refused by the authorization server');
  assert.ok(await page.isVisible('#sign-in'));
  // Chromium logs the page that says so, once, by its status.
  assert.deepEqual(errors.map((error) => error.match(/\d{3}/)[0]), ['422']);
});

test('an answer with a foreign state is refused', async () => {
  const { page, errors } = await open();
  await signIn(page);
  await page.goto(`${app}?code=stolen&state=foreign&iss=https://login.example.com`);
  await said(page, 'does not match any sign-in');
  assert.match(await page.textContent('#token-claims'), /alice/, 'and the session goes on');
  assert.deepEqual(errors, []);
});

/** The refresh token, as only the browser itself and this test see it. */
async function refreshCookie(context) {
  const cookies = await context.cookies(`${app}bff/refresh`);
  return cookies.find(({ name }) => name === 'refresh');
}

/** All that a script on the page can read. */
const readable = (page) => page.evaluate(() => JSON.stringify([
  document.cookie,
  Object.entries(localStorage),
  Object.entries(sessionStorage),
  document.documentElement.outerHTML,
]));

test('a reload stays signed in, and no script can read the refresh token', async () => {
  const { page, errors, context } = await open();
  await signIn(page);
  const first = await refreshCookie(context);
  const { httpOnly, sameSite, path } = first;
  assert.deepEqual({ httpOnly, sameSite, path }, { httpOnly: true, sameSite: 'Strict', path: '/bff' });

  const before = await page.textContent('#token-claims');
  await page.reload();
  await said(page, 'The API knows you as alice');
  assert.notEqual(await page.textContent('#token-claims'), before, 'the access token was in the memory alone');
  assert.match(await page.textContent('#profile'), /alice/);
  await picture(page, 'reloaded');

  const second = await refreshCookie(context);
  assert.notEqual(second.value, first.value, 'the authorization server rotates');
  assert.equal(await page.evaluate(() => document.cookie), '');
  assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], ['steps']]);
  const seen = await readable(page);
  for (const { value } of [first, second]) {
    const [family, secret] = value.split('.');
    assert.ok(!seen.includes(family) && !seen.includes(secret), 'a script can read a refresh token');
  }
  const access = await page.evaluate(() => Object.values(sessionStorage).join());
  assert.doesNotMatch(access, /eyJ[\w-]{20,}/, 'nor is a token in the storage');

  // The server-side way: the backend calls the API, and no token comes to the page.
  await page.click('#call-api-by-backend');
  await said(page, 'The API knows the backend as demo-web-app, and you as alice');

  await page.click('#sign-out');
  await said(page, 'Signed out');
  assert.equal(await refreshCookie(context), undefined);
  await page.reload();
  await page.waitForSelector('#sign-in');
  assert.match(await page.textContent('#steps'), /Nobody is signed in/);
  assert.deepEqual(errors, []);
});

test('two tabs that start at once both stay signed in', async () => {
  const { page, errors, context } = await open();
  await signIn(page);
  const tabs = await Promise.all([context.newPage(), context.newPage()]);
  await Promise.all([page.reload(), ...tabs.map((tab) => tab.goto(app))]);
  for (const tab of [page, ...tabs]) await said(tab, 'The API knows you as alice');
  for (const tab of [page, ...tabs]) {
    await tab.click('#refresh');
    await said(tab, 'The access token is a new one');
  }
  assert.deepEqual(errors, []);
});

/** Posts to the backend from a page of another origin, as an attacker's would, and returns what went over the wire. */
async function postFrom(context, origin, url) {
  const page = await context.newPage();
  await page.goto(origin);
  // What the browser adds to a request is seen on this way alone; its own requests, as for an icon, are among them.
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  const [sent, seen] = [new Map(), new Map()];
  const exchanged = new Promise((resolve) => {
    let id;
    // The three events come in any order.
    const check = () => { if (sent.has(id) && seen.has(id)) resolve([sent.get(id), seen.get(id)]); };
    network.on('Network.requestWillBeSent', ({ requestId, request }) => { if (request.url === url) id = requestId; check(); });
    network.on('Network.requestWillBeSentExtraInfo', ({ requestId, headers }) => { sent.set(requestId, headers); check(); });
    network.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => { seen.set(requestId, statusCode); check(); });
  });
  // A simple request: the browser sends it without asking, and with the cookies that the site may have.
  await page.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => {}), url);
  const [headers, status] = await exchanged;
  const header = (wanted) => Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
  return { status, cookie: header('cookie'), origin: header('origin') };
}

test('the backend refuses other sites, and other ports of this machine', async () => {
  const { page, context } = await open();
  await signIn(page);
  const server = createServer((request, response) => response.setHeader('Content-Type', 'text/html').end('<p>an attacker'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address();
    for (const what of ['refresh', 'profile', 'sign-out']) {
      const url = `${app}bff/${what}`;
      // Another port is another origin of the same site: the cookie comes along, and Origin alone gives it away.
      const neighbour = await postFrom(context, `http://127.0.0.1:${port}/`, url);
      assert.deepEqual([neighbour.status, neighbour.origin], [403, `http://127.0.0.1:${port}`]);
      assert.match(neighbour.cookie, /refresh=/, 'SameSite does not keep it back');
      // Another site: no cookie either.
      const stranger = await postFrom(context, `http://localhost:${port}/`, url);
      assert.deepEqual([stranger.status, stranger.origin], [403, `http://localhost:${port}`]);
      assert.doesNotMatch(stranger.cookie, /refresh=/);
    }
  } finally {
    server.close();
  }
  await page.reload();
  await said(page, 'The API knows you as alice');
});

test('the walk shows the confidential client, and both refusals', () => {
  const { printed } = demo;
  for (const step of [
    'The backend redeems the code, and the page gets only the access token',
    'Two tabs refresh at once, and both stay signed in',
    'The code is refused with the right secret and a wrong PKCE verifier',
    'The code is refused with a wrong secret and the right verifier',
    'With the right secret and the right verifier it is redeemed',
    'The server calls the API for the user',
  ]) {
    assert.match(printed, new RegExp(`^ *\\d+\\. ✓ ${step}$`, 'm'));
  }
});
