// The same with opaque access tokens (RFC 7662): the page cannot read them, and needs nothing of what they stand for.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Demo, picture, said, signIn, transfer } from './demo.mjs';

for (const flags of [['--opaque'], ['--opaque', '--dpop', 'required']]) {
  test(`the whole sequence with ${flags.join(' ')}`, async () => {
    const demo = await Demo.start(flags);
    try {
      const { page, errors } = await demo.open((url) => url.endsWith('/api/me'));
      await signIn(page);
      assert.match(await page.textContent('#token-opaque'), /^[\w-]{8}… is opaque: /);
      assert.deepEqual(await Promise.all(['#token-opaque', '#token-jwt'].map((part) => page.isVisible(part))), [true, false]);
      assert.match(await page.textContent('#id-token-claims'), /"sub": "alice"/);
      await picture(page, flags.join('').replaceAll('--', ''));
      await page.click('#refresh');
      await said(page, 'The access token is a new one');
      await page.click('#call-api');
      await said(page, 'The API knows you as alice');
      await transfer(page);
      await page.click('#sign-out');
      await said(page, 'Signed out');
      assert.deepEqual(errors, []);
    } finally {
      await demo.stop();
    }
  });
}
