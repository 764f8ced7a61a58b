// The page's key for DPoP (RFC 9449), and the proofs that it signs: a stolen access token is of no use without the key.
//
// The browser makes the key, and no script can read its private half (`extractable: false`). A foreign script inside this page could
// sign with it as long as it runs, but could not take it away. It could also ask for a token for a key of its own, so the
// Content-Security-Policy is still needed. IndexedDB keeps keys as they are, so a reload finds the same one.

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const [DATABASE, STORE, NAME] = ['dpop', 'keys', 'own'];

const encode = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (text) => encode(await crypto.subtle.digest('SHA-256', utf8(text)));
const target = (url) => { const { origin, pathname } = new URL(url); return origin + pathname; };

export class Prover {
  #key;
  #jwk;
  // The last one of each server, by its origin: another server does not accept it.
  #nonces = new Map();

  /** With the key of this browser, which is made at the first visit. */
  static async open() {
    const prover = new Prover();
    prover.#key = await ownKey();
    const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', prover.#key.publicKey);
    prover.#jwk = { crv, kty, x, y };
    return prover;
  }

  /** What tokens are bound to: the hash of the public key, whose members stand in this order (RFC 7638). */
  thumbprint() {
    return sha256(JSON.stringify(this.#jwk));
  }

  /** A proof for one request (RFC 9449 §4.2). With an access token it also shows that the request is one with that token. */
  async proof(method, url, accessToken) {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: this.#jwk };
    const nonce = this.#nonces.get(new URL(url).origin);
    const claims = {
      jti: crypto.randomUUID(),
      htm: method,
      htu: target(url),
      iat: Math.floor(Date.now() / 1000),
      ...(accessToken && { ath: await sha256(accessToken) }),
      ...(nonce && { nonce }),
    };
    const input = [header, claims].map((part) => encode(utf8(JSON.stringify(part)))).join('.');
    const signature = await crypto.subtle.sign(ALGORITHM, this.#key.privateKey, utf8(input));
    return { header, claims, text: `${input}.${encode(signature)}` };
  }

  /** Keeps the nonce that this server wants in the next proof, if it has sent one. */
  keepNonce(url, response) {
    const nonce = response.headers.get('DPoP-Nonce');
    if (nonce) this.#nonces.set(new URL(url).origin, nonce);
  }
}

/** The key pair of this browser. Tabs that start at once all get the one that is stored first. */
async function ownKey() {
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const known = await inStore(database, 'readonly', (store) => store.get(NAME));
  if (known) return known;
  const made = await crypto.subtle.generateKey(ALGORITHM, false, ['sign']);
  // `add` fails if another tab was faster.
  await inStore(database, 'readwrite', (store) => store.add(made, NAME)).catch(() => {});
  return inStore(database, 'readonly', (store) => store.get(NAME));
}

function inStore(database, mode, ask) {
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(STORE, mode).objectStore(STORE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
