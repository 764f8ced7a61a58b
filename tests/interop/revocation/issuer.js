// A small issuer that signs with `jose`: of access tokens, and of SETs in shapes that others have given them.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** How many seconds ago the events of the tests happened. Tokens from before that are OLD, others are NEW. */
export const EVENT = 20;
export const OLD = 60;
export const NEW = 2;

/** The time that many seconds ago, in seconds as JWTs have it. */
export const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;

/** That of Keycloak, unless it is told otherwise, and of Okta. */
const ALGORITHM = 'RS256';

export class Issuer {
  #key;
  #server;

  /** With a path for the issuer's URL, as realms and tenants have one. */
  static async start(path) {
    const issuer = new Issuer();
    issuer.#key = await keyPair('key-1');
    issuer.#server = createServer((request, response) => issuer.#answer(request, response));
    issuer.#server.listen(0, '127.0.0.1');
    await once(issuer.#server, 'listening');
    issuer.url = `http://127.0.0.1:${issuer.#server.address().port}${path}`;
    return issuer;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Signs any claims, by its own key unless another one is given. */
  sign(claims, header = {}, { key, kid } = this.#key) {
    return new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, kid, ...header }).sign(key);
  }

  /** An access token by RFC 9068, of a user. */
  accessToken(audience, user, issued, more) {
    const claims = { iss: this.url, aud: audience, sub: user, client_id: 'app', scope: 'read:me', jti: randomUUID() };
    return this.sign({ ...claims, iat: ago(issued), exp: ago(-600), ...more }, { typ: 'at+jwt' });
  }

  /** The claims that the SETs of all transmitters have. */
  set(audience, events, more) {
    return { iss: this.url, aud: audience, jti: randomUUID(), iat: ago(EVENT), events, ...more };
  }

  /** A key that the issuer does not publish. */
  static anotherKey(kid) {
    return keyPair(kid);
  }

  /** Its public key, as it publishes it. */
  get publicKey() {
    return this.#key.jwk;
  }

  #answer(request, response) {
    const { pathname } = new URL(this.url);
    const documents = {
      [`${pathname}/.well-known/openid-configuration`]: { issuer: this.url, jwks_uri: `${this.url}/keys` },
      [`${pathname}/keys`]: { keys: [this.#key.jwk] },
    };
    const document = documents[request.url];
    if (!document) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  }
}

async function keyPair(kid) {
  const { privateKey: key, publicKey } = await generateKeyPair(ALGORITHM);
  return { kid, key, jwk: { ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' } };
}
