// What scenarios ask that the MCP project has proposed, but not put into a version of its suite.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { PROBES, post } from './requests.js';

/** By scenario and check, under their names there: each resolves if it is as it should be. */
export async function rows({ issuer, urls }) {
  return { ...audience(issuer, urls.protected), ...(await proofs(issuer, urls)) };
}

/** The scenario `auth-token-audience-validation`, with a request of each revision. */
function audience(issuer, url) {
  const ask = async (token) => {
    const authorization = token && { authorization: `Bearer ${await token}` };
    return Promise.all(Object.values(PROBES).map((probe) => post(url, probe, authorization)));
  };
  const accepted = (token) => async () => {
    for (const { status } of await ask(token())) assert.equal(status, 200);
  };
  const refused = (token) => async () => {
    for (const { status, headers } of await ask(token())) {
      assert.equal(status, 401);
      assert.match(headers['www-authenticate'], /^Bearer /);
    }
  };
  const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;
  const row = (id) => `auth-token-audience-validation: ${id}`;
  return {
    [row('auth-unauthenticated-request-rejected')]: refused(() => undefined),
    [row('auth-valid-audience-token-accepted')]: accepted(() => issuer.token(url)),
    [row('auth-wrong-audience-token-rejected')]: refused(() => issuer.token('https://another.example.com/mcp')),
    [row('auth-missing-audience-token-rejected')]: refused(() => issuer.token(undefined)),
    [row('auth-expired-token-rejected')]: refused(() => issuer.token(url, { iat: ago(4200), exp: ago(600) })),
    [row('auth-untrusted-token-rejected')]: refused(() => issuer.token(url, {}, { published: false })),
  };
}

/** The scenario `auth/dpop-server-validation` (SEP-1932). */
async function proofs(issuer, urls) {
  const key = await newKey();
  const bound = (url, claims) => issuer.token(url, { cnf: { jkt: key.jkt }, ...claims });
  const send = (url, token, proof, scheme = 'DPoP') =>
    post(url, PROBES['2026-07-28'], { authorization: `${scheme} ${token}`, dpop: proof });
  const ask = async (change = {}) => {
    const token = await bound(urls.dpop, change.token);
    return send(urls.dpop, token, await proof(key, urls.dpop, token, change), change.scheme);
  };
  const rejected = (change) => async () => rejection(await ask(change));
  const row = (id, name) => `auth/dpop-server-validation: ${id}, ${name}`;
  const VALIDATE = 'sep-1932-server-validate-proof';
  return {
    [row(VALIDATE, 'AcceptsValidProof')]: async () => assert.equal((await ask()).status, 200),
    [row(VALIDATE, 'RejectsTamperedSignature')]: rejected({ tampered: true }),
    [row(VALIDATE, 'RejectsMissingJti')]: rejected({ claims: { jti: undefined } }),
    [row(VALIDATE, 'RejectsWrongTyp')]: rejected({ header: { typ: 'jwt' } }),
    [row(VALIDATE, 'RejectsHtuMismatch')]: rejected({ claims: { htu: 'https://wrong.example.com/mcp' } }),
    [row(VALIDATE, 'RejectsHtmMismatch')]: rejected({ claims: { htm: 'GET' } }),
    [row(VALIDATE, 'RejectsPrivateKeyInJwk')]: rejected({ header: { jwk: await exportJWK(key.privateKey) } }),
    [row(VALIDATE, 'RejectsWrongAth')]: rejected({ claims: { ath: 'not-the-right-hash' } }),
    [row(VALIDATE, 'RejectsBearerScheme')]: async () => assert.equal((await ask({ scheme: 'Bearer' })).status, 401),
    [row(VALIDATE, 'RejectsDuplicateDpopHeader')]: async () => {
      const token = await bound(urls.dpop);
      const two = await Promise.all([1, 2].map(() => proof(key, urls.dpop, token)));
      rejection(await send(urls.dpop, token, two));
    },
    [row(VALIDATE, 'RejectsMissingHtm')]: rejected({ claims: { htm: undefined } }),
    [row(VALIDATE, 'RejectsMissingHtu')]: rejected({ claims: { htu: undefined } }),
    [row(VALIDATE, 'RejectsMissingIat')]: rejected({ claims: { iat: undefined } }),
    [row(VALIDATE, 'RejectsMissingJwk')]: rejected({ header: { jwk: undefined } }),
    [row(VALIDATE, 'RejectsAthAbsent')]: rejected({ claims: { ath: undefined } }),
    [row(VALIDATE, 'RejectsMalformedProof')]: async () =>
      rejection(await send(urls.dpop, await bound(urls.dpop), 'this-is-not-a-jwt')),
    [row(VALIDATE, 'RejectsCnfJktMismatch')]: rejected({ token: { cnf: { jkt: (await newKey()).jkt } } }),
    [row('sep-1932-server-iat-window', 'RejectsStaleIat')]: rejected({ age: 303 }),
    [row('sep-1932-server-iat-window', 'RejectsFutureIat')]: rejected({ age: -303 }),
    [row('sep-1932-asymmetric-alg-only', 'RejectsAlgNone')]: rejected({ header: { alg: 'none' } }),
    [row('sep-1932-asymmetric-alg-only', 'RejectsAlgSymmetric')]: rejected({ header: { alg: 'HS256' } }),
    [row('sep-1932-server-audience-validation', 'RejectsWrongAudience')]:
      rejected({ token: { aud: 'https://another.example.com/mcp' } }),
    [row('sep-1932-server-reject-401', 'RejectsWith401Challenge')]: async () => {
      const { headers } = await ask({ tampered: true });
      assert.match(headers['www-authenticate'], /^DPoP .*error="invalid_dpop_proof"/);
    },
    [row('sep-1932-server-nonce', 'NonceFlow')]: async () => {
      const token = await bound(urls.nonces);
      const ask = async (nonce) => send(urls.nonces, token, await proof(key, urls.nonces, token, { claims: { nonce } }));
      const first = await ask();
      rejection(first, 'use_dpop_nonce');
      assert.equal((await ask(first.headers['dpop-nonce'])).status, 200);
      rejection(await ask('not-the-nonce-of-the-server'), 'use_dpop_nonce');
    },
  };
}

async function newKey() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk, jkt: await calculateJwkThumbprint(jwk) };
}

/** A good proof, except for the change. What is undefined in it is left out. */
async function proof(key, url, token, { header, claims, age = 0, tampered } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const ath = createHash('sha256').update(token).digest('base64url');
  const payload = plain({ jti: randomUUID(), htm: 'POST', htu: url, iat: now - age, ath, ...claims });
  const head = plain({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk, ...header });
  if (head.alg === 'none') return `${[head, payload].map(encoded).join('.')}.`;
  const secret = head.alg === 'HS256' ? Buffer.alloc(32, 1) : key.privateKey;
  const jwt = await new SignJWT(payload).setProtectedHeader(head).sign(secret);
  const at = jwt.lastIndexOf('.') + 1;
  return tampered ? jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1) : jwt;
}

const plain = (value) => JSON.parse(JSON.stringify(value));
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** 401 with a challenge for DPoP. Only what is about nonces may want one. */
function rejection({ status, headers }, error) {
  assert.equal(status, 401);
  const challenge = headers['www-authenticate'];
  assert.match(challenge, /(^|, )DPoP /);
  if (error) assert.match(challenge, new RegExp(`error="${error}"`));
  else assert.doesNotMatch(challenge, /use_dpop_nonce/);
}
