// How the API asks a server about tokens (RFC 7662), and how the tests do.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import { SECRET } from '../servers/server.js';

/** The client that the API is at the server. */
export const API_CLIENT = 'api';
/** How long an answer counts for the API, in seconds. */
export const LIFETIME = 2;

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keyFile = fileOf(key, 'api-key.pem');
const wrongKeyFile = fileOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'wrong-key.pem');
/** The public key of that client. */
export const API_KEY = { ...key.publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };

const insecure = { [oauth.allowInsecureRequests]: true };

/** One way to ask: how the API authenticates, and whether answers are signed. */
export class Asking {
  constructor(method, { signed = false } = {}) {
    Object.assign(this, { method, signed });
  }

  /** The options of the API. Its secret or its key may be a wrong one. */
  options({ isWrong = false, lifetime = LIFETIME } = {}) {
    const client = this.method === 'private_key_jwt'
      ? [API_CLIENT, '--introspect-key', isWrong ? wrongKeyFile : keyFile]
      : [`${API_CLIENT}:${isWrong ? 'wrong' : SECRET}`, '--introspect-method', this.method];
    const options = ['--introspect', ...client, '--introspect-lifetime', `${lifetime}`];
    return this.signed ? [...options, '--signed-answers'] : options;
  }

  /** What the server says about a token, or its error. oauth4webapi verifies no signature here. */
  async about(token, server) {
    const metadata = await metadataOf(server);
    const client = { client_id: API_CLIENT, introspection_signed_response_alg: this.signed ? server.algorithm : undefined };
    const more = { ...insecure, additionalParameters: { token_type_hint: 'access_token' } };
    const response = await oauth.introspectionRequest(metadata, client, await this.#authentication(), token, more);
    return oauth.processIntrospectionResponse(metadata, client, response).catch((error) => {
      if (!(error instanceof oauth.ResponseBodyError)) throw error;
      return { active: false, error: error.error };
    });
  }

  async #authentication() {
    switch (this.method) {
      case 'client_secret_basic': return oauth.ClientSecretBasic(SECRET);
      case 'client_secret_post': return oauth.ClientSecretPost(SECRET);
      default: {
        const jwk = key.privateKey.export({ format: 'jwk' });
        const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
        return oauth.PrivateKeyJwt(await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']));
      }
    }
  }
}

/** Revokes a token of one of the server's clients (RFC 7009). */
export async function revoke(token, server, name) {
  const metadata = await metadataOf(server);
  const { id, secret } = server.client(name);
  const client = { client_id: id };
  const response = await oauth.revocationRequest(metadata, client, oauth.ClientSecretBasic(secret), token, insecure);
  await oauth.processRevocationResponse(response);
}

/** What the documents of OpenID Connect and of RFC 8414 say, in one. */
export async function metadataOf(server) {
  const documents = ['oidc', 'oauth2'].map(async (algorithm) => {
    const response = await oauth.discoveryRequest(new URL(server.issuer), { ...insecure, algorithm });
    return response.ok ? response.json() : {};
  });
  const [byOpenid, byRfc8414] = await Promise.all(documents);
  return { ...byRfc8414, ...byOpenid };
}

/** The file with the private key of a pair. */
function fileOf({ privateKey }, name) {
  const file = join(process.env.INTEROP_WORK, name);
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return file;
}
