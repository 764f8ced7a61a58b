// What the cases need of a server.
import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import { Api } from '../api.js';
import { fillIn } from '../browser.js';

export const REDIRECT_URI = 'https://app.example.test/callback';
/** Where users come back to who have signed out. */
export const SIGNED_OUT_URI = 'https://app.example.test/signed-out';
export const SECRET = 'secret';
/** Another API. */
export const ELSEWHERE = 'https://elsewhere.example.test';

export function version(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file)).version;
}

/** A private key as a JWK, whose name has its number. */
export async function newKey(algorithm, number) {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: algorithm, kid: `key-${number}` };
}

/**
 * An issuer whose URL stays the same, whether it is down, up again, or up with another key. It has a user and two clients, whose
 * secret is SECRET: `app`, and one whose name is the audience of the API, so that its ID tokens have that audience.
 */
export class Server {
  /** Cases that do not apply, each with the reason. */
  static notFor = {};
  /** Whether it decodes a client's name and secret of HTTP's Basic authentication, as RFC 6749 §2.3.1 has it. */
  static decodesBasic = true;
  /** Options of the API that its tokens need. */
  options = [];
  /** How the API asks it about tokens, if it does. */
  asking;
  /** That of its URL: issuers that serve many tenants have one. */
  path = '';
  /** The subject of the user's tokens, if it can be foretold. */
  subject = 'user-1';
  /** What the user types and presses, by the names of the fields. */
  fields = {};
  /** The client that gets tokens of its own (RFC 6749 §4.4). */
  machine = 'app';
  /** The client whose tokens are opaque if it names no resource. */
  opaque = 'app';

  constructor(algorithm) {
    this.algorithm = algorithm;
  }

  get name() {
    return this.constructor.title;
  }

  /** A client, by its name in the cases. */
  client(name) {
    return { id: name, secret: SECRET, redirectUri: REDIRECT_URI };
  }

  /** The API that trusts it. */
  startApi(world) {
    return Api.start({ ...world, options: [...(this.asking?.options() ?? []), ...this.options] });
  }

  /** What the user does on a page: where to go next, and with which form. */
  answer(page) {
    return fillIn(page, this.fields);
  }

  /** One of the tokens that `issue` gets, when it has expired. */
  async expired(issue) {
    this.backdate = 7200;
    try {
      return await issue();
    } finally {
      this.backdate = 0;
    }
  }

  /** A token for another API. */
  async elsewhere(Client) {
    const client = await Client.discover(this, this.machine);
    return (await client.clientCredentials(ELSEWHERE)).access_token;
  }
}
