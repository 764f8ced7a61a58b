// Clients that we did not write, each behind the same few functions.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Browser } from './browser.js';
import { version } from './servers/server.js';

/** Plain http on this machine. */
const insecure = { [oauth.allowInsecureRequests]: true };

/** A key for proofs (RFC 9449), of which only the public half can be taken out. */
export const newProofKey = (algorithm) => oauth.generateKeyPair(algorithm);

class Client {
  /** The requests that it has sent, with their answers. */
  exchanges = [];
  #headers = {};

  /** What the library calls to send a request. */
  fetch = async (url, options) => {
    const headers = Object.entries({ ...options.headers, ...this.#headers }).filter(([, value]) => value !== null);
    const request = { ...options, headers: Object.fromEntries(headers) };
    const response = await fetch(url, request);
    this.exchanges.push({ url, request, response });
    return response;
  };

  /** Calls the API with some other headers than the library would send. `null` leaves one out. */
  async callWith(headers, ...parameters) {
    this.#headers = headers;
    try {
      return await this.call(...parameters);
    } finally {
      this.#headers = {};
    }
  }
}

/** openid-client, which hides the steps of the protocol. */
export class OpenidClient extends Client {
  static title = 'openid-client';
  static version = version('openid-client');

  /** The client `name` of the server. With a key for proofs, its requests have them. */
  static async discover(server, name = 'app', key) {
    const client = new OpenidClient();
    const { id, secret, redirectUri } = server.client(name);
    const options = { execute: [openid.allowInsecureRequests] };
    const metadata = { client_secret: secret, id_token_signed_response_alg: server.algorithm };
    const authentication = authenticationBy(openid, server, id, secret);
    Object.assign(client, { issuer: server, redirectUri });
    client.config = await openid.discovery(new URL(server.issuer), id, metadata, authentication, options);
    client.config[openid.customFetch] = client.fetch;
    client.proofs = key && client.proofsBy(key);
    return client;
  }

  /** Proofs by a key. Before one is signed, `change` may change its header and its claims. */
  proofsBy(key, change) {
    return openid.getDPoPHandle(this.config, key, { [openid.modifyAssertion]: change });
  }

  get metadata() {
    return this.config.serverMetadata();
  }

  async signIn({ resource, more, proofs = this.proofs, browser = new Browser() }) {
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const parameters = {
      redirect_uri: this.redirectUri,
      scope: 'openid offline_access read:me',
      state,
      nonce,
      prompt: 'consent',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(resource && { resource }),
      ...more,
    };
    const url = openid.buildAuthorizationUrl(this.config, parameters);
    const callback = await browser.authorize(url, this.issuer, this.redirectUri);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    const options = { DPoP: proofs };
    return openid.authorizationCodeGrant(this.config, callback, checks, resource && { resource }, options);
  }

  refresh(refreshToken, resource, proofs = this.proofs) {
    return openid.refreshTokenGrant(this.config, refreshToken, { resource }, { DPoP: proofs });
  }

  clientCredentials(resource, scope = 'read:me') {
    return openid.clientCredentialsGrant(this.config, { resource, scope }, { DPoP: this.proofs });
  }

  /** Where a user signs out at the server, who comes back to `redirectUri` (RP-Initiated Logout 1.0 §2). */
  signOutUrl(idToken, redirectUri) {
    return openid.buildEndSessionUrl(this.config, { id_token_hint: idToken, post_logout_redirect_uri: redirectUri });
  }

  /** Calls the API. With `null` instead of proofs, the token is sent as a Bearer token. */
  call(url, token, proofs = this.proofs) {
    const options = { DPoP: proofs ?? undefined };
    const request = openid.fetchProtectedResource(this.config, token, url, 'GET', undefined, undefined, options);
    return answer(request, openid.WWWAuthenticateChallengeError);
  }
}

/** oauth4webapi, which spells them out. */
export class Oauth4Webapi extends Client {
  static title = 'oauth4webapi';
  static version = version('oauth4webapi');

  static async discover(server, name = 'app', key) {
    const client = new Oauth4Webapi();
    const { id, secret, redirectUri } = server.client(name);
    const authentication = authenticationBy(oauth, server, id, secret);
    Object.assign(client, { issuer: server, redirectUri, authentication });
    client.client = { client_id: id, id_token_signed_response_alg: server.algorithm };
    client.options = { ...insecure, [oauth.customFetch]: client.fetch };
    const response = await oauth.discoveryRequest(new URL(server.issuer), insecure);
    client.metadata = await oauth.processDiscoveryResponse(new URL(server.issuer), response);
    client.proofs = key && client.proofsBy(key);
    return client;
  }

  proofsBy(key, change) {
    return oauth.DPoP(this.client, key, { [oauth.modifyAssertion]: change });
  }

  async signIn({ resource, more, proofs = this.proofs, browser = new Browser() }) {
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
    const nonce = oauth.generateRandomNonce();
    const url = new URL(this.metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: this.client.client_id,
      redirect_uri: this.redirectUri,
      response_type: 'code',
      scope: 'openid offline_access read:me',
      state,
      nonce,
      prompt: 'consent',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(resource && { resource }),
      ...more,
    });
    const callback = await browser.authorize(url, this.issuer, this.redirectUri);
    const parameters = oauth.validateAuthResponse(this.metadata, this.client, callback, state);
    const checks = { expectedNonce: nonce, requireIdToken: true };
    return this.#withNonce(proofs, async (DPoP) => {
      const options = { ...this.options, DPoP, ...(resource && { additionalParameters: { resource } }) };
      const response = await oauth.authorizationCodeGrantRequest(
        this.metadata, this.client, this.authentication, parameters, this.redirectUri, verifier, options);
      return oauth.processAuthorizationCodeResponse(this.metadata, this.client, response, checks);
    });
  }

  refresh(refreshToken, resource, proofs = this.proofs) {
    return this.#withNonce(proofs, async (DPoP) => {
      const options = { ...this.options, DPoP, additionalParameters: { resource } };
      const response = await oauth.refreshTokenGrantRequest(
        this.metadata, this.client, this.authentication, refreshToken, options);
      return oauth.processRefreshTokenResponse(this.metadata, this.client, response);
    });
  }

  clientCredentials(resource, scope = 'read:me') {
    return this.#withNonce(this.proofs, async (DPoP) => {
      const response = await oauth.clientCredentialsGrantRequest(
        this.metadata, this.client, this.authentication, { resource, scope }, { ...this.options, DPoP });
      return oauth.processClientCredentialsResponse(this.metadata, this.client, response);
    });
  }

  /** The library has no function for that. */
  signOutUrl(idToken, redirectUri) {
    const url = new URL(this.metadata.end_session_endpoint);
    url.search = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: redirectUri });
    return url;
  }

  call(url, token, proofs = this.proofs) {
    const request = this.#withNonce(proofs, (DPoP) =>
      oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, { ...this.options, DPoP }));
    return answer(request, oauth.WWWAuthenticateChallengeError);
  }

  /** Sends a request once more if its answer says that it wants a nonce. openid-client does that by itself. */
  async #withNonce(proofs, send) {
    const DPoP = proofs ?? undefined;
    try {
      return await send(DPoP);
    } catch (error) {
      if (!DPoP || !oauth.isDPoPNonceError(error)) throw error;
      return send(DPoP);
    }
  }
}

/** A client whose name is a URL authenticates in the body if the server does not decode it in HTTP's Basic. */
function authenticationBy(library, server, id, secret) {
  if (!secret) return library.None();
  const sendsInBody = URL.canParse(id) && !server.constructor.decodesBasic;
  return (sendsInBody ? library.ClientSecretPost : library.ClientSecretBasic)(secret);
}

/** What the API says of itself (RFC 9728). The challenge to a client that knows only its URL names where. */
export async function resourceMetadata(api, audience) {
  const refused = await fetch(api.url);
  const [, named] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate'));
  const resource = new URL(audience);
  const response = await oauth.resourceDiscoveryRequest(resource, insecure);
  assert.equal(response.url, named);
  return oauth.processResourceDiscoveryResponse(resource, response);
}

/** What the API answered, with the challenges as the client library has read them. */
async function answer(request, ChallengeError) {
  try {
    const response = await request;
    const body = await response.text();
    const retryAfter = response.headers.get('retry-after');
    return { status: response.status, body: body && JSON.parse(body), retryAfter };
  } catch (error) {
    if (!(error instanceof ChallengeError)) throw error;
    return { status: error.status, challenges: error.cause, retryAfter: error.response.headers.get('retry-after') };
  }
}
