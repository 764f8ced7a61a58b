// Sign out everywhere: two windows of one user, each a browser of its own, and what the second one still can do after the first has signed
// out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Demo, picture, said, signIn } from './demo.mjs';

/** A token that is issued in the second of the sign-out is refused with those before it: `iat` has whole seconds. */
const nextSecond = () => sleep(1_000 - (Date.now() % 1_000));

/** Whether each arrow of the picture goes from the middle of one lane to the middle of another: the lanes of its two parties. */
const hasGoodArrows = (page) => page.evaluate(() => {
  const middle = (name) => {
    const { left, width } = document.querySelector(`.lanes .${name}`).getBoundingClientRect();
    return left + width / 2;
  };
  return [...document.querySelectorAll('#steps > li')].every((item) => {
    const ends = [...item.classList].map((name) => middle(name.replace(/^(from|to)-/, ''))).sort((a, b) => a - b);
    const { left, right } = item.querySelector('.arrow').getBoundingClientRect();
    return Math.abs(left - ends[0]) < 2 && Math.abs(right - ends[1]) < 2;
  });
});

/** The status of the window's next call of the API, which a person sees. */
async function callApi(page) {
  const answered = page.waitForResponse((response) => response.url().endsWith('/api/me'));
  await page.click('#call-api');
  const response = await answered;
  return [response.status(), response.headers()['www-authenticate'] ?? ''];
}

for (const flags of [[], ['--opaque'], ['--dpop', 'required']]) {
  test(`signed out in one window, refused in the other: ${flags.join(' ') || 'JWTs'}`, async () => {
    const demo = await Demo.start(flags);
    try {
      // The refusals in the other window.
      const [one, other] = [await demo.open(), await demo.open((url) => url.endsWith('/api/me'))];
      for (const { page } of [one, other]) await signIn(page);
      assert.equal((await callApi(other.page))[0], 200);

      await one.page.click('#sign-out-everywhere');
      await one.page.waitForSelector('#sign-out-confirm');
      await picture(one.page, `sign-out-everywhere${flags.join('')}`);
      // As long as the user has not confirmed it, nothing has ended.
      assert.equal((await callApi(other.page))[0], 200);

      const began = Date.now();
      await one.page.click('#sign-out-confirm');
      await said(one.page, 'Signed out everywhere');
      const [status, challenge] = await callApi(other.page);
      const elapsed = Date.now() - began;
      assert.equal(status, 401);
      assert.match(challenge, /error="invalid_token"/);
      assert.ok(elapsed < 1_000, `after ${elapsed} ms`);

      await said(other.page, 'You have been signed out elsewhere');
      assert.match(await one.page.textContent('#steps'), /Authorization server → Resource server\s*POST \/ssf\/events: session revoked/);
      for (const { page } of [one, other]) assert.ok(await page.isVisible('#sign-in') && !await page.isVisible('#account'));
      assert.ok(await hasGoodArrows(one.page));
      await picture(one.page, `signed-out-everywhere${flags.join('')}`);
      await picture(other.page, `signed-out-elsewhere${flags.join('')}`);
      await other.page.reload();
      await other.page.waitForSelector('#sign-in');

      await nextSecond();
      await signIn(other.page);
      assert.equal((await callApi(other.page))[0], 200);
      for (const { errors } of [one, other]) assert.deepEqual(errors, []);
    } finally {
      await demo.stop();
    }
  });
}

test('two tabs of one browser, and a user who stays signed in', async () => {
  const demo = await Demo.start();
  try {
    const { page, context, errors } = await demo.open((url) => url.endsWith('/api/me'));
    await signIn(page);
    const tab = await context.newPage();
    await tab.goto(demo.app);
    await said(tab, 'The API knows you as alice');

    await page.click('#sign-out-everywhere');
    await page.click('#sign-out-cancel');
    await said(page, 'The API knows you as alice');
    assert.equal((await callApi(tab))[0], 200);

    // A link of another site with what the authorization server would say: the session goes on.
    await page.goto(`${demo.app}?signed_out=everywhere`);
    await said(page, 'The API knows you as alice');
    assert.doesNotMatch(await page.textContent('#steps'), /session revoked/);

    await page.click('#sign-out-everywhere');
    await page.click('#sign-out-confirm');
    await said(page, 'Signed out everywhere');
    assert.equal((await callApi(tab))[0], 401);
    await said(tab, 'You have been signed out elsewhere');
    assert.deepEqual(errors, []);
  } finally {
    await demo.stop();
  }
});
