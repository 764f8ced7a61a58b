// Proofs, good and bad ones. `explained.js` has the reasons of those who do not accept the good ones alone.
import { randomBytes } from 'node:crypto';

const MINUTE = 60;

/** Changes claims of a good proof. `null` leaves one out. */
const claims = (changed) => () => ({ claims: changed });
const header = (changed) => () => ({ header: changed });
const iat = (seconds) => ({ now }) => ({ claims: { iat: now + seconds } });
const htu = (change) => ({ url }) => ({ claims: { htu: change(url) } });
const jwk = (changed) => ({ jwk }) => ({ header: { jwk: { ...jwk, ...changed } } });

const good = (change, more) => ({ good: true, change, ...more });
const bad = (change, more) => ({ good: false, change, ...more });
/** About the key and the signature: by every algorithm. The others are by ES256. */
const byEach = { byEach: true };
/** About the token, of which a proof for a token request says nothing. */
const withToken = { withToken: true };
const another = (algorithm) => (algorithm.startsWith('ES') ? 'PS256' : 'ES256');
const percentEncode = (letter) => `%${letter.charCodeAt().toString(16)}`;
const changeSignature = (proof) => proof.replace(/.(?=.{8}$)/, (letter) => (letter === 'A' ? 'B' : 'A'));

export const PROOFS = {
  good: good(() => ({}), byEach),
  'signed by another key': bad(() => ({ signer: 'another' }), byEach),
  'signature changed': bad(() => ({}), { ...byEach, edit: changeSignature }),
  'the key of another client': bad(() => ({ client: 'another' }), { ...byEach, ...withToken }),

  '`typ`: `JWT`': bad(header({ typ: 'JWT' })),
  '`typ`: none': bad(header({ typ: null })),
  '`typ`: `application/dpop+jwt`': good(header({ typ: 'application/dpop+jwt' })),
  '`typ`: `DPoP+JWT`': good(header({ typ: 'DPoP+JWT' })),
  '`alg`: `none`': bad(header({ alg: 'none' }), byEach),
  '`alg`: `none`, and no signature': bad(header({ alg: 'none' }), { ...byEach, edit: (proof) => proof.replace(/[^.]*$/, '') }),
  '`alg`: `HS256`': bad(header({ alg: 'HS256' }), byEach),
  '`alg`: that of another kind of key': bad(({ algorithm }) => ({ header: { alg: another(algorithm) } }), byEach),
  '`crit`': bad(header({ crit: ['exp'] })),
  '`kid`': good(header({ kid: 'another' })),
  '`jwk`: none': bad(header({ jwk: null }), byEach),
  '`jwk`: a text': bad(header({ jwk: 'key' }), byEach),
  '`jwk`: symmetric': bad(header({ jwk: { kty: 'oct', k: 'c2VjcmV0' } }), byEach),
  '`jwk` with `d`': bad(jwk({ d: 'AQAB' }), byEach),
  '`jwk` with `kid`, `use`': good(jwk({ kid: 'mine', use: 'sig' }), byEach),
  '`jwk` with the `use` `enc`': bad(jwk({ use: 'enc' }), byEach),
  '`jwk` with another `alg`': bad(({ jwk, algorithm }) => ({ header: { jwk: { ...jwk, alg: another(algorithm) } } }), byEach),

  '`jti`: none': bad(claims({ jti: null })),
  '`jti`: empty': bad(claims({ jti: '' })),
  '`jti`: a number': bad(claims({ jti: 1 })),
  '`jti`: 1,000 letters': good(() => ({ claims: { jti: randomBytes(500).toString('hex') } })),
  '`htm`: none': bad(claims({ htm: null })),
  '`htm`: another': bad(claims({ htm: 'DELETE' })),
  '`htm`: in lower case': bad(({ method }) => ({ claims: { htm: method.toLowerCase() } })),
  '`htu`: none': bad(claims({ htu: null })),
  '`htu`: another host': bad(htu((url) => url.replace('127.0.0.1', 'localhost'))),
  '`htu`: another scheme': bad(htu((url) => url.replace('http:', 'https:'))),
  '`htu`: another path': bad(htu((url) => `${url}s`)),
  '`htu`: with a slash at the end': bad(htu((url) => `${url}/`)),
  '`htu`: a path alone': bad(htu((url) => new URL(url).pathname)),
  '`htu`: with a query and a fragment': good(htu((url) => `${url}?page=2#top`)),
  '`htu`: the scheme in upper case': good(htu((url) => url.replace('http', 'HTTP'))),
  '`htu`: a letter percent-encoded': good(htu((url) => url.replace(/.$/, percentEncode))),
  '`htu`: with dot segments': good(htu((url) => url.replace(/[^/]*$/, 'x/../$&'))),
  '`iat`: none': bad(claims({ iat: null })),
  '`iat`: a text': bad(({ now }) => ({ claims: { iat: `${now}` } })),
  '`iat`: a fraction': good(iat(-0.5)),
  '`iat`: 30 s ago': good(iat(-30)),
  '`iat`: in 30 s': good(iat(30)),
  '`iat`: 2 minutes ago': bad(iat(-2 * MINUTE)),
  '`iat`: in 2 minutes': bad(iat(2 * MINUTE)),
  '`iat`: 10 minutes ago': bad(iat(-10 * MINUTE)),
  '`iat`: in 10 minutes': bad(iat(10 * MINUTE)),
  '`ath`: none': bad(claims({ ath: null }), withToken),
  '`ath`: of another token': bad(claims({ ath: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg' }), withToken),
  '`nonce`: one that nobody asked for': good(claims({ nonce: 'mine' })),
  '`exp`: a minute ago': bad(({ now }) => ({ claims: { exp: now - MINUTE } })),
  '`nbf`: in a minute': bad(({ now }) => ({ claims: { nbf: now + MINUTE } })),
  'further claims': good(claims({ sub: 'user-1', further: { claims: [null] } })),
  'a claim twice': bad(({ payload }) => ({ payload: JSON.stringify(payload).replace(/"htm":"\w+"/, '$&,$&') })),

  'two in one header': bad(() => ({}), { edit: (proof) => `${proof}, ${proof}` }),
  'a fourth part': bad(() => ({}), { edit: (proof) => `${proof}.` }),
  'base64url with padding': bad(() => ({}), { edit: (proof) => proof.replace(/\./g, '=.') }),
  'by the scheme `dpop`': good(() => ({}), { ...withToken, scheme: 'dpop' }),
  'by the scheme `Bearer`': bad(() => ({}), { ...withToken, scheme: 'Bearer' }),
  'used before': bad(() => ({}), { used: true }),
};
