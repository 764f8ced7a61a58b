// Clients that we did not write, each behind the same few functions.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Browser, REDIRECT_URI } from './browser.js';
import { SECRET, version } from './servers/server.js';

/** Plain http on this machine. */
const insecure = { [oauth.allowInsecureRequests]: true };

/** openid-client, which hides the steps of the protocol. */
export class OpenidClient {
  static title = 'openid-client';
  static version = version('openid-client');

  static async discover(server, clientId = 'app') {
    const client = new OpenidClient();
    const authentication = (sendsInBody(server, clientId) ? openid.ClientSecretPost : openid.ClientSecretBasic)(SECRET);
    const options = { execute: [openid.allowInsecureRequests] };
    const metadata = { client_secret: SECRET, id_token_signed_response_alg: server.algorithm };
    client.issuer = server;
    client.config = await openid.discovery(new URL(server.issuer), clientId, metadata, authentication, options);
    return client;
  }

  get metadata() {
    return this.config.serverMetadata();
  }

  async signIn({ resource, scope = 'openid offline_access read:me' }) {
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const parameters = {
      redirect_uri: REDIRECT_URI,
      scope,
      state,
      nonce,
      prompt: 'consent',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(resource && { resource }),
    };
    const url = openid.buildAuthorizationUrl(this.config, parameters);
    const callback = await new Browser().authorize(url, this.issuer);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    return openid.authorizationCodeGrant(this.config, callback, checks, resource && { resource });
  }

  refresh(refreshToken, resource) {
    return openid.refreshTokenGrant(this.config, refreshToken, { resource });
  }

  clientCredentials(resource, scope = 'read:me') {
    return openid.clientCredentialsGrant(this.config, { resource, scope });
  }

  call(url, token) {
    return answer(openid.fetchProtectedResource(this.config, token, url, 'GET'), openid.WWWAuthenticateChallengeError);
  }
}

/** oauth4webapi, which spells them out. */
export class Oauth4Webapi {
  static title = 'oauth4webapi';
  static version = version('oauth4webapi');

  static async discover(server, clientId = 'app') {
    const client = new Oauth4Webapi();
    client.authentication = (sendsInBody(server, clientId) ? oauth.ClientSecretPost : oauth.ClientSecretBasic)(SECRET);
    client.issuer = server;
    client.client = { client_id: clientId, id_token_signed_response_alg: server.algorithm };
    const response = await oauth.discoveryRequest(new URL(server.issuer), insecure);
    client.metadata = await oauth.processDiscoveryResponse(new URL(server.issuer), response);
    return client;
  }

  async signIn({ resource, scope = 'openid offline_access read:me' }) {
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
    const nonce = oauth.generateRandomNonce();
    const url = new URL(this.metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: this.client.client_id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope,
      state,
      nonce,
      prompt: 'consent',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(resource && { resource }),
    });
    const callback = await new Browser().authorize(url, this.issuer);
    const parameters = oauth.validateAuthResponse(this.metadata, this.client, callback, state);
    const options = { ...insecure, ...(resource && { additionalParameters: { resource } }) };
    const response = await oauth.authorizationCodeGrantRequest(
      this.metadata, this.client, this.authentication, parameters, REDIRECT_URI, verifier, options);
    const checks = { expectedNonce: nonce, requireIdToken: true };
    return oauth.processAuthorizationCodeResponse(this.metadata, this.client, response, checks);
  }

  async refresh(refreshToken, resource) {
    const options = { ...insecure, additionalParameters: { resource } };
    const response = await oauth.refreshTokenGrantRequest(
      this.metadata, this.client, this.authentication, refreshToken, options);
    return oauth.processRefreshTokenResponse(this.metadata, this.client, response);
  }

  async clientCredentials(resource, scope = 'read:me') {
    const parameters = { resource, scope };
    const response = await oauth.clientCredentialsGrantRequest(
      this.metadata, this.client, this.authentication, parameters, insecure);
    return oauth.processClientCredentialsResponse(this.metadata, this.client, response);
  }

  call(url, token) {
    const request = oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, insecure);
    return answer(request, oauth.WWWAuthenticateChallengeError);
  }
}

/** Whether the client authenticates in the body: its name is a URL, and the server does not decode it in HTTP's Basic. */
const sendsInBody = (server, clientId) => URL.canParse(clientId) && !server.constructor.decodesBasic;

/** Which issuer a client finds that knows only the API: the challenge names the metadata (RFC 9728), and that the issuer. */
export async function findIssuer(api, audience) {
  const refused = await fetch(api.url);
  const [, named] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate'));
  const resource = new URL(audience);
  const response = await oauth.resourceDiscoveryRequest(resource, insecure);
  assert.equal(response.url, named);
  const metadata = await oauth.processResourceDiscoveryResponse(resource, response);
  return metadata.authorization_servers;
}

/** What the API answered, with the challenge as the client library has read it. */
async function answer(request, ChallengeError) {
  try {
    const response = await request;
    const body = await response.text();
    const retryAfter = response.headers.get('retry-after');
    return { status: response.status, body: body && JSON.parse(body), retryAfter };
  } catch (error) {
    if (!(error instanceof ChallengeError)) throw error;
    assert.equal(error.cause.length, 1, 'one challenge');
    return { status: error.status, challenge: error.cause[0], retryAfter: error.response.headers.get('retry-after') };
  }
}
