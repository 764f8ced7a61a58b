// An issuer that signs whatever it is asked for.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const ALGORITHM = 'RS256';

export class Issuer {
  #server;
  #published;
  #other;

  static async start() {
    const issuer = new Issuer();
    [issuer.#published, issuer.#other] = await Promise.all([generateKeyPair(ALGORITHM), generateKeyPair(ALGORITHM)]);
    const jwk = { ...(await exportJWK(issuer.#published.publicKey)), kid: 'key-1', alg: ALGORITHM, use: 'sig' };
    issuer.#server = createServer((request, response) => {
      const document = {
        '/.well-known/oauth-authorization-server': { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` },
        '/jwks': { keys: [jwk] },
      }[request.url];
      response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(document ?? {}));
    });
    await new Promise((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    issuer.url = `http://127.0.0.1:${issuer.#server.address().port}`;
    return issuer;
  }

  /** A good access token for this audience, except for the claims given. Those that are undefined are left out. */
  token(audience, claims = {}, { published = true } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const good = { iss: this.url, aud: audience, sub: 'user-1', client_id: 'app', jti: `${Math.random()}`, iat: now, exp: now + 300 };
    const { privateKey } = published ? this.#published : this.#other;
    const header = { alg: ALGORITHM, kid: 'key-1', typ: 'at+jwt' };
    return new SignJWT(JSON.parse(JSON.stringify({ ...good, ...claims }))).setProtectedHeader(header).sign(privateKey);
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
