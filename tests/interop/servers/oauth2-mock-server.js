// oauth2-mock-server, from npm.
import { randomUUID } from 'node:crypto';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';
import { InProcessServer } from './in-process.js';
import { version } from './server.js';

/** oauth2-mock-server, which leaves to its users what an access token holds. */
export class MockServer extends InProcessServer {
  static title = 'oauth2-mock-server';
  static version = version('oauth2-mock-server');
  static notFor = {
    'opaque token': 'it issues no opaque tokens',
    'ID token for the API': 'it cannot tell clients apart',
    'old key, still published': 'here it has one key',
  };
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
