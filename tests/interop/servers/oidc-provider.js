// oidc-provider, from npm.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_CLIENT, API_KEY } from '../introspection/asking.js';
import { InProcessServer } from './in-process.js';
import { REDIRECT_URI, SECRET, SIGNED_OUT_URI, version } from './server.js';

// It warns on the console of everything that is for development only, as all of this is.
console.info = console.warn = () => {};
const { default: Provider } = await import('oidc-provider');

const ON_EVERY_HASH = ['RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits));
/** All that it can verify, but those that Node.js has only since version 24. */
export const ALGORITHMS_OF_PROOFS = [...ON_EVERY_HASH, 'EdDSA', 'Ed25519'];

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
    return new Provider(this.issuer, this.configuration()).callback();
  }

  configuration() {
    const client = (id) => ({
      client_id: id,
      client_secret: SECRET,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
    return {
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
    };
  }
}

/** The same, for clients with keys. With `nonces`, it wants proofs to have nonces of its own. */
export class OidcProviderWithProofs extends OidcProvider {
  static notFor = {};

  constructor(options, nonces) {
    super('ES256');
    Object.assign(this, { options, nonces });
  }

  configuration() {
    const configuration = super.configuration();
    const [app] = configuration.clients;
    const { client_secret: _, ...withoutSecret } = { ...app, client_id: 'public', token_endpoint_auth_method: 'none' };
    configuration.clients.push({ ...withoutSecret, grant_types: ['authorization_code', 'refresh_token'] });
    const nonceSecret = this.nonces ? randomBytes(32) : undefined;
    configuration.features.dPoP = { enabled: true, nonceSecret, requireNonce: () => this.nonces };
    // By default it accepts ES256, Ed25519 and EdDSA.
    configuration.enabledJWA = { dPoPSigningAlgValues: ALGORITHMS_OF_PROOFS };
    return configuration;
  }

  client(name) {
    return name === 'public' ? { ...super.client(name), secret: undefined } : super.client(name);
  }
}

/** The same with opaque access tokens, about which the API asks. */
export class OidcProviderIntrospected extends OidcProvider {
  static notFor = { 'expired by the clock of the API': 'it runs in the process of the tests, by the same clock' };
  // Its answers about tokens of clients themselves have no `sub`.
  options = ['--client-as-subject'];
  #lifetime = 300;

  constructor(asking) {
    super('RS256');
    this.asking = asking;
  }

  configuration() {
    const configuration = super.configuration();
    const { method, signed } = this.asking;
    configuration.clients.push({
      client_id: API_CLIENT,
      redirect_uris: [],
      response_types: [],
      grant_types: [],
      token_endpoint_auth_method: method,
      ...(method === 'private_key_jwt' ? { jwks: { keys: [API_KEY] } } : { client_secret: SECRET }),
      ...(signed && { introspection_signed_response_alg: this.algorithm }),
    });
    const { features } = configuration;
    Object.assign(features, {
      introspection: { enabled: true },
      revocation: { enabled: true },
      jwtIntrospection: { enabled: signed },
    });
    const { getResourceServerInfo } = features.resourceIndicators;
    features.resourceIndicators.getResourceServerInfo = (...parameters) => ({
      ...getResourceServerInfo(...parameters),
      accessTokenFormat: 'opaque',
      accessTokenTTL: this.#lifetime,
    });
    return configuration;
  }

  async expired(issue) {
    this.#lifetime = 1;
    const token = await issue();
    this.#lifetime = 300;
    await sleep(1500);
    return token;
  }
}

/** The same, which tells the API when a user has signed out (OpenID Connect Back-Channel Logout 1.0). */
export class OidcProviderWithLogout extends OidcProvider {
  static notFor = {};
  options = ['--revocation', '--logout-client', 'app'];
  fields = { ...this.fields, logout: 'yes' };
  /** The logout tokens that it has sent, each with the status of the answer. */
  sent = [];

  /** With or without `sid` in logout tokens, and, if it is there, in access tokens. */
  constructor({ sessionRequired, sessionInTokens }) {
    super('ES256');
    Object.assign(this, { sessionRequired, sessionInTokens });
  }

  configuration() {
    const configuration = super.configuration();
    Object.assign(configuration.clients.find(({ client_id: id }) => id === 'app'), {
      backchannel_logout_uri: `${this.audience}/backchannel-logout`,
      backchannel_logout_session_required: this.sessionRequired,
      post_logout_redirect_uris: [SIGNED_OUT_URI],
    });
    configuration.features.backchannelLogout = { enabled: true };
    // By default its access tokens name no session.
    if (this.sessionInTokens) configuration.extraTokenClaims = (_context, { sid }) => ({ sid });
    configuration.fetch = async (url, { dispatcher: _, ...request }) => {
      // Without its dispatcher, which connects to no loopback address.
      const response = await fetch(url, request);
      this.sent.push({ token: request.body.get('logout_token'), status: response.status });
      return response;
    };
    return configuration;
  }
}
