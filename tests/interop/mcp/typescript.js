// The clients of the MCP project for TypeScript: the newest package, and the one before it.
import { setTimeout as sleep } from 'node:timers/promises';
import * as newest from '@modelcontextprotocol/client';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { version } from '../servers/server.js';
import { REDIRECT_URI, User, UserWhoStays } from './user.js';

const NEWEST = `@modelcontextprotocol/client ${version('@modelcontextprotocol/client')}`;
const previous = { Client, StreamableHTTPClientTransport, UnauthorizedError };

/** It knows the URL, and nothing else. */
class TypescriptClient {
  static newUser = () => new User();
  static newProvider = () => new Provider();
  /** What it has sent and received, in order. */
  exchanges = [];
  user = this.constructor.newUser();
  #url;
  #provider = this.constructor.newProvider();
  #transport;
  #client;

  constructor(url) {
    this.#url = new URL(url);
  }

  async connect() {
    await this.#withUser(async () => {
      const { Client, StreamableHTTPClientTransport } = this.constructor.library;
      const options = { authProvider: this.#provider, fetch: this.#fetch };
      this.#transport = new StreamableHTTPClientTransport(this.#url, options);
      this.#client = new Client({ name: 'interop', version: '1.0.0' }, this.constructor.options);
      await this.#client.connect(this.#transport);
    });
  }

  /** The text that a tool answers with. */
  async call(name, parameters = {}) {
    const { content } = await this.#withUser(() => this.#client.callTool({ name, arguments: parameters }));
    return content[0].text;
  }

  /** Calls a tool that goes on until the response ends: how often it has said something, when that was, and whether the library tells. */
  async watch(name) {
    let said = 0;
    const enough = new AbortController();
    const options = { onprogress: () => { said += 1; }, signal: enough.signal };
    const told = this.constructor.callWith(this.#client, { name, arguments: {} }, options).then(() => true, () => true);
    while (said === 0) await sleep(10);
    const ended = await this.exchanges.findLast(({ body }) => body?.includes(name)).ended;
    const isTold = await Promise.race([told, sleep(1000)]);
    enough.abort();
    return { said, ended, tells: isTold ? 'an error' : 'nothing' };
  }

  async close() {
    await this.#client.close();
  }

  /** When the library wants the user to authorize it, they do so, and it tries once more. */
  async #withUser(action) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof this.constructor.library.UnauthorizedError)) throw error;
      const answer = await this.user.authorize(this.#provider.request);
      await this.constructor.finish(this.#transport, answer.searchParams);
      return action();
    }
  }

  #fetch = async (url, options) => {
    const response = await fetch(url, options);
    this.exchanges.push(await recorded(url, options, response));
    return response;
  };
}

/** What the library leaves to its users: a place for what it has, and the way to the user. */
class Provider {
  redirectUrl = REDIRECT_URI;
  clientMetadata = { client_name: 'interop', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'] };

  clientInformation() {
    return this.client;
  }

  saveClientInformation(client) {
    this.client = client;
  }

  tokens() {
    return this.saved;
  }

  saveTokens(tokens) {
    this.saved = tokens;
  }

  redirectToAuthorization(request) {
    this.request = request;
  }

  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }

  codeVerifier() {
    return this.verifier;
  }

  discoveryState() {
    return this.discovered;
  }

  saveDiscoveryState(discovered) {
    this.discovered = discovered;
  }
}

class ProviderWithKey extends Provider {
  #session = newest.DpopSession.create();

  dpop() {
    return this.#session;
  }
}

async function recorded(url, options, response) {
  const { method = 'GET', headers, body } = options ?? {};
  // The stream of an MCP server does not end.
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return {
    method,
    url: `${url}`,
    headers: Object.fromEntries(new Headers(headers)),
    body: body && `${body}`,
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? undefined,
    answer: isJson ? await response.clone().json() : undefined,
    /** When that was, in seconds. */
    ended: response.clone().text().then(seconds, seconds),
  };
}

const seconds = () => Date.now() / 1000;

/** It asks the server which revisions it knows, if it is told to. */
export class NewestTypescript extends TypescriptClient {
  static title = `${NEWEST}, \`auto\``;
  static library = newest;
  static options = { versionNegotiation: { mode: 'auto' } };
  static finish = (transport, parameters) => transport.finishAuth(parameters);
  static callWith = (client, call, options) => client.callTool(call, options);
}

/** By default it knows the revisions before 2026-07-28 alone. */
export class NewestTypescriptByDefault extends NewestTypescript {
  static title = `${NEWEST}, by default`;
  static options = {};
}

/** With a key, to which its tokens are bound (RFC 9449). */
export class NewestTypescriptWithKey extends NewestTypescript {
  static newProvider = () => new ProviderWithKey();
}

export class PreviousTypescript extends TypescriptClient {
  static title = `@modelcontextprotocol/sdk ${version('@modelcontextprotocol/sdk')}`;
  static library = previous;
  static options = {};
  static finish = (transport, parameters) => transport.finishAuth(parameters.get('code'));
  static callWith = (client, call, options) => client.callTool(call, undefined, options);
}

/** Where the authorization server gives refresh tokens without being asked for them. */
export class PreviousTypescriptWithRefreshToken extends PreviousTypescript {
  static title = `${PreviousTypescript.title}, with a refresh token`;
  static newUser = () => new UserWhoStays();
}
