// The same with keys (RFC 9449): the page's key never leaves its browser, and a token without it is worth nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Demo, picture, said, signIn, transfer } from './demo.mjs';

/** The page's key as a script on the page gets it, and what becomes of an attempt to take it out. */
const ownKey = (page) => page.evaluate(async () => {
  const result = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await result(indexedDB.open('dpop'));
  const { privateKey, publicKey } = await result(database.transaction('keys').objectStore('keys').get('own'));
  database.close();
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify({ crv, kty, x, y })));
  const attempts = await Promise.allSettled(['jwk', 'pkcs8', 'raw'].map((form) => crypto.subtle.exportKey(form, privateKey)));
  return {
    extractable: privateKey.extractable,
    usages: privateKey.usages,
    exported: attempts.map(({ status }) => status),
    thumbprint: btoa(String.fromCharCode(...new Uint8Array(hash))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
  };
});

const decode = (jwt) => jwt.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));

/** What the page sends to the API and to its backend, in order. */
function record(page) {
  const requests = [];
  page.on('request', (request) => {
    const { authorization, dpop } = request.headers();
    if (dpop || authorization) requests.push({ url: request.url(), authorization, proof: dpop && decode(dpop)[1] });
  });
  return requests;
}

const jkt = async (page) => JSON.parse(await page.textContent('#token-claims')).cnf?.jkt;

for (const nonces of [false, true]) {
  test(`the whole sequence with a key, ${nonces ? 'and nonces' : 'without nonces'}`, async () => {
    const demo = await Demo.start(['--dpop', 'required', ...(nonces ? ['--dpop-nonce'] : [])]);
    try {
      // The API refuses a proof without its nonce, and the token without the key.
      const { page, errors } = await demo.open((url) => url.endsWith('/api/me'));
      const requests = record(page);
      await signIn(page);
      const key = await ownKey(page);
      assert.deepEqual([key.extractable, key.usages, key.exported], [false, ['sign'], ['rejected', 'rejected', 'rejected']]);
      assert.equal(await jkt(page), key.thumbprint);
      assert.match(await page.textContent('#steps'), /"htm": "POST",\s+"htu": "[^"]+\/token"/);
      await picture(page, nonces ? 'dpop-nonce' : 'dpop');

      await page.click('#refresh');
      await said(page, 'The access token is a new one');
      await page.click('#call-api');
      await said(page, 'The API knows you as alice');
      await transfer(page);
      await page.click('#call-api-by-backend');
      await said(page, 'The API knows the backend as demo-web-app, and you as alice');
      await page.click('#call-api-without-key');
      await said(page, 'The API refuses the token without the key: invalid_token');

      // A reload finds the same key, and so does another tab.
      await page.reload();
      await said(page, 'The API knows you as alice');
      assert.deepEqual([await jkt(page), (await ownKey(page)).thumbprint], [key.thumbprint, key.thumbprint]);
      const other = await page.context().newPage();
      await other.goto(demo.app);
      await said(other, 'The API knows you as alice');
      assert.equal(await jkt(other), key.thumbprint);

      const proofs = requests.filter(({ proof }) => proof).map(({ proof }) => proof);
      assert.equal(new Set(proofs.map(({ jti }) => jti)).size, proofs.length, 'no proof is sent twice');
      for (const { url, authorization, proof } of requests) {
        const toBackend = url.startsWith(demo.app);
        if (proof) assert.equal(proof.htu.endsWith('/token'), toBackend, `${url} with a proof for ${proof.htu}`);
        assert.equal(Boolean(proof?.ath), authorization?.startsWith('DPoP ') ?? false, url);
      }
      checkNonces(proofs, nonces);

      await page.click('#sign-out');
      await said(page, 'Signed out');
      assert.deepEqual(errors, []);
    } finally {
      await demo.stop();
    }
  });
}

/** Each server's nonces stand in the proofs for it alone, after one proof without. */
function checkNonces(proofs, nonces) {
  const origins = [...new Set(proofs.map(({ htu }) => new URL(htu).origin))];
  assert.equal(origins.length, 2);
  const noncesOf = (origin) => proofs.filter(({ htu }) => htu.startsWith(`${origin}/`)).map(({ nonce }) => nonce);
  const [one, other] = origins.map((origin) => new Set(noncesOf(origin)));
  if (!nonces) {
    assert.deepEqual([[...one], [...other]], [[undefined], [undefined]]);
    return;
  }
  for (const seen of [one, other]) assert.ok(seen.has(undefined) && seen.size > 1, 'the first proof has no nonce');
  for (const nonce of one) assert.ok(nonce === undefined || !other.has(nonce), 'a nonce of one server is sent to the other');
}

test('tabs that start at once share one key', async () => {
  const demo = await Demo.start(['--dpop']);
  try {
    const { page } = await demo.open();
    // A browser that has no key yet.
    const context = await page.context().browser().newContext();
    // So slow in making one that every tab begins before the first has finished.
    await context.addInitScript(() => {
      const { generateKey } = SubtleCrypto.prototype;
      SubtleCrypto.prototype.generateKey = async function (...parameters) {
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        return generateKey.apply(this, parameters);
      };
    });
    const tabs = await Promise.all([1, 2, 3].map(() => context.newPage()));
    await Promise.all(tabs.map((tab) => tab.goto(demo.app)));
    // Each says at the sign-in which key it has in its memory.
    const keys = await Promise.all(tabs.map(async (tab) => {
      const sent = tab.waitForRequest((request) => request.url().includes('/authorize?'));
      await tab.click('body:not([aria-busy]) #sign-in');
      return new URL((await sent).url()).searchParams.get('dpop_jkt');
    }));
    assert.match(keys[0], /^[\w-]{43}$/);
    assert.deepEqual(keys, tabs.map(() => keys[0]));
  } finally {
    await demo.stop();
  }
});

test('a token that is read on its way is worth nothing without the key', async () => {
  const demo = await Demo.start(['--dpop']);
  try {
    const { page, errors } = await demo.open((url) => url.endsWith('/api/me'));
    const requests = record(page);
    await signIn(page);
    // As a thief would who has read the token on its way.
    const { url, authorization } = requests.findLast(({ authorization }) => authorization);
    const call = (headers) => page.evaluate(async ([url, headers]) => (await fetch(url, { headers })).status, [url, headers]);
    assert.match(authorization, /^DPoP /);
    assert.equal(await call({ Authorization: authorization.replace('DPoP', 'Bearer') }), 401);
    assert.equal(await call({ Authorization: authorization }), 401);
    assert.deepEqual(errors, []);
  } finally {
    await demo.stop();
  }
});
