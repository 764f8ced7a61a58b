// oidc-provider, from npm.
import { InProcessServer } from './in-process.js';
import { REDIRECT_URI, SECRET, version } from './server.js';

// It warns on the console of everything that is for development only, as all of this is.
console.info = console.warn = () => {};
const { default: Provider } = await import('oidc-provider');

/** oidc-provider, with the login and consent pages that it brings for development. */
export class OidcProvider extends InProcessServer {
  static title = 'oidc-provider';
  static version = version('oidc-provider');
  static notFor = {
    'no resource named': 'the token is opaque',
    'old key, still published': 'here it has one key',
  };
  fields = { login: 'user-1', password: 'any' };

  handler() {
    const client = (id) => ({
      client_id: id,
      client_secret: SECRET,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
    return new Provider(this.issuer, {
      jwks: { keys: [this.key] },
      clientDefaults: { id_token_signed_response_alg: this.algorithm },
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
