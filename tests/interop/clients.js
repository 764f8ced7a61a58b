// Clients that we did not write, each behind the same few functions, and a user with a browser.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { REDIRECT_URI, version } from './servers.js';

const SECRET = 'secret';
/** Plain http on this machine. */
const insecure = { [oauth.allowInsecureRequests]: true };

/** openid-client, which hides the steps of the protocol. */
export class OpenidClient {
  static title = version('openid-client');

  static async discover({ issuer, algorithm }, clientId = 'app') {
    const client = new OpenidClient();
    const basic = openid.ClientSecretBasic(SECRET);
    const options = { execute: [openid.allowInsecureRequests] };
    const metadata = { client_secret: SECRET, id_token_signed_response_alg: algorithm };
    client.config = await openid.discovery(new URL(issuer), clientId, metadata, basic, options);
    return client;
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
    const callback = await authorize(openid.buildAuthorizationUrl(this.config, parameters));
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
  static title = version('oauth4webapi');
  #basic = oauth.ClientSecretBasic(SECRET);

  static async discover({ issuer, algorithm }, clientId = 'app') {
    const client = new Oauth4Webapi();
    client.client = { client_id: clientId, id_token_signed_response_alg: algorithm };
    const response = await oauth.discoveryRequest(new URL(issuer), insecure);
    client.server = await oauth.processDiscoveryResponse(new URL(issuer), response);
    return client;
  }

  async signIn({ resource, scope = 'openid offline_access read:me' }) {
    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
    const nonce = oauth.generateRandomNonce();
    const url = new URL(this.server.authorization_endpoint);
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
    const parameters = oauth.validateAuthResponse(this.server, this.client, await authorize(url), state);
    const options = { ...insecure, ...(resource && { additionalParameters: { resource } }) };
    const response = await oauth.authorizationCodeGrantRequest(
      this.server, this.client, this.#basic, parameters, REDIRECT_URI, verifier, options);
    const checks = { expectedNonce: nonce, requireIdToken: true };
    return oauth.processAuthorizationCodeResponse(this.server, this.client, response, checks);
  }

  async refresh(refreshToken, resource) {
    const options = { ...insecure, additionalParameters: { resource } };
    const response = await oauth.refreshTokenGrantRequest(this.server, this.client, this.#basic, refreshToken, options);
    return oauth.processRefreshTokenResponse(this.server, this.client, response);
  }

  async clientCredentials(resource, scope = 'read:me') {
    const parameters = { resource, scope };
    const response = await oauth.clientCredentialsGrantRequest(
      this.server, this.client, this.#basic, parameters, insecure);
    return oauth.processClientCredentialsResponse(this.server, this.client, response);
  }

  call(url, token) {
    const request = oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, insecure);
    return answer(request, oauth.WWWAuthenticateChallengeError);
  }
}

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

/** A user with a browser: follows redirects, keeps cookies, fills in each form, and comes back with the callback's URL. */
async function authorize(start) {
  const cookies = new Map();
  let [url, form] = [new URL(start)];
  for (let pages = 0; pages < 20; pages += 1) {
    const fitting = [...cookies.values()].filter(({ path }) => url.pathname.startsWith(path));
    const response = await fetch(url, {
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      headers: { cookie: fitting.map(({ pair }) => pair).join('; ') },
      redirect: 'manual',
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const path = /; *path=([^;]*)/i.exec(cookie)?.[1] ?? '/';
      cookies.set(`${pair.split('=')[0]} ${path}`, { pair, path });
    }
    const page = await response.text();
    if (response.status >= 300 && response.status < 400) {
      [url, form] = [new URL(response.headers.get('location'), url)];
      if (url.href.startsWith(REDIRECT_URI)) return url;
      continue;
    }
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page) ?? [];
    const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page) ?? [];
    assert(response.ok && action && prompt, `no form to fill in: ${response.status} ${page}`);
    [url, form] = [new URL(action, url), { prompt, login: 'user-1', password: 'any' }];
  }
  throw new Error('the user has had enough of it');
}
