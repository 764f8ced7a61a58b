// A person with a browser: signs in, consents, calls the API, refreshes, steps up, signs out, on the real pages of
// examples/me. Any error on the console fails it, but for the one refusal that the app asks for.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const [example, screenshots] = [process.env.EXAMPLE, process.env.SCREENSHOTS];
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

let browser, me, app;

before(async () => {
  await mkdir(screenshots, { recursive: true });
  me = spawn(example, { stdio: ['ignore', 'pipe', 'ignore'] });
  app = await new Promise((resolve, reject) => {
    let printed = '';
    me.stdout.on('data', (text) => {
      printed += text;
      const line = printed.match(/^Open (\S+) in a browser/m);
      if (line) resolve(line[1]);
    });
    me.on('exit', (code) => reject(new Error(`the example ended with ${code}:\n${printed}`)));
  });
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  me?.kill();
});

/** A page in a browser of its own, with what went wrong on it. */
async function open() {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Chromium logs every refusal as an error; this one is the point of the demonstration.
    const stepUp = message.location().url.endsWith('/api/transfer') && message.text().includes('401');
    if (message.type() === 'error' && !stepUp) errors.push(message.text());
  });
  await page.goto(app);
  return { page, errors };
}

const said = (page, text) => page.waitForFunction((text) => document.querySelector('#message')?.textContent.includes(text), text);

async function logIn(page, password = 'wonderland') {
  await page.click('#sign-in');
  await page.fill('#username', 'alice');
  await page.fill('#password', password);
  await page.click('#login');
}

async function signIn(page) {
  await logIn(page);
  await page.click('#consent-allow');
  await said(page, 'The API knows you as alice');
}

/** The page as it is at both widths, and nothing of it is out of reach. */
async function picture(page, name) {
  for (const [width, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(viewport);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `${name} is ${content} wide at ${window}`);
    await page.screenshot({ path: `${screenshots}/${name}-${width}.png` });
  }
  await page.setViewportSize(DESKTOP);
}

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

  await page.click('#transfer');
  await page.waitForSelector('#otp');
  await page.fill('#otp', (await page.textContent('#otp-hint')).match(/\d{6}/)[0]);
  await page.click('#otp-submit');
  await said(page, 'Transferred by alice, who was authenticated as urn:example:mfa');
  assert.match(await page.textContent('#steps'), /insufficient_user_authentication/);
  await picture(page, 'stepped-up');

  await page.click('#sign-out');
  await said(page, 'Signed out');
  assert.ok(await page.isVisible('#sign-in'));
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
  await said(page, 'foreign state');
  assert.match(await page.textContent('#token-claims'), /alice/, 'and the session goes on');
  assert.deepEqual(errors, []);
});
