// Authorization servers that we did not write.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair } from 'jose';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';
import { freePort } from './api.js';

// It warns on the console of everything that is for development only, as all of this is.
console.info = console.warn = () => {};
const { default: Provider } = await import('oidc-provider');

export const REDIRECT_URI = 'https://app.example.test/callback';

export function version(name) {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(file)).version}`;
}

/** An issuer whose URL stays the same, whether it is down, up again, or up with another key. */
class Server {
  /** By how many seconds the access tokens that it issues lie in the past. */
  backdate = 0;
  #keys = 0;
  #server;

  /** `path` is that of its URL: issuers that serve many tenants have one. */
  constructor(algorithm, path = '') {
    Object.assign(this, { algorithm, path });
  }

  async start(audience) {
    this.audience ??= audience;
    this.port ??= await freePort();
    this.issuer = `http://127.0.0.1:${this.port}${this.path}`;
    this.key ??= await this.#newKey();
    const answer = await this.handler();
    this.#server = createServer((request, response) => {
      if (!request.url.startsWith(`${this.path}/`)) return response.writeHead(404).end();
      // What is mounted below a path sees the rest of it, as Express has it.
      request.originalUrl = request.url;
      request.url = request.url.slice(this.path.length);
      return answer(request, response);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
    // The clients are in this process, and have to see that their connections are gone before they are used again.
    await sleep(50);
  }

  /** Starts it anew with another key under another kid, and forgets the old one. */
  async restartWithNewKey() {
    await this.stop();
    this.key = undefined;
    await this.start();
  }

  async #newKey() {
    const { privateKey } = await generateKeyPair(this.algorithm, { extractable: true });
    this.#keys += 1;
    return { ...(await exportJWK(privateKey)), alg: this.algorithm, use: 'sig', kid: `key-${this.#keys}` };
  }
}

/** oidc-provider, with the login and consent pages that it brings for development. */
export class OidcProvider extends Server {
  name = version('oidc-provider');
  subject = 'user-1';

  handler() {
    const client = (id) => ({
      client_id: id,
      client_secret: 'secret',
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
    return new Provider(this.issuer, {
      jwks: { keys: [this.key] },
      clientDefaults: { id_token_signed_response_alg: this.algorithm },
      // The second is a client and the API at once, so that its ID tokens carry the audience of the API.
      clients: [client('app'), client(this.audience)],
      pkce: { required: () => true },
      cookies: { keys: ['secret'] },
      features: {
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          // A token that was asked for without a resource is opaque, and for the provider itself.
          defaultResource: () => undefined,
          useGrantedResource: () => false,
          getResourceServerInfo: (_context, resource) => ({
            audience: resource,
            scope: 'read:me write:me',
            accessTokenFormat: 'jwt',
            accessTokenTTL: 300,
            jwt: { sign: { alg: this.algorithm } },
          }),
        },
      },
      formats: {
        customizers: {
          jwt: (_context, _token, { payload }) => {
            payload.iat -= this.backdate;
            payload.exp -= this.backdate;
          },
        },
      },
    }).callback();
  }
}

/** oauth2-mock-server, which leaves to its users what an access token holds. */
export class MockServer extends Server {
  name = version('oauth2-mock-server');
  subject = 'johndoe';

  async handler() {
    const issuer = new OAuth2Issuer();
    issuer.url = this.issuer;
    await issuer.keys.add(this.key);
    const service = new OAuth2Service(issuer);
    service.on('beforeTokenSigning', ({ payload }, { body }) => {
      // An ID token has its audience already. Without a resource, the access token stays as this server makes it.
      if (payload.aud || !body.resource) return;
      const times = Object.fromEntries(['iat', 'nbf', 'exp'].map((name) => [name, payload[name] - this.backdate]));
      const subject = body.grant_type === 'client_credentials' ? 'app' : payload.sub;
      const scope = payload.scope === 'dummy' ? 'openid offline_access read:me' : payload.scope;
      Object.assign(payload, times, { aud: body.resource, client_id: 'app', sub: subject, scope, jti: randomUUID() });
    });
    return service.requestHandler;
  }
}
