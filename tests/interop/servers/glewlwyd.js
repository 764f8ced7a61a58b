// glewlwyd, a server for single sign-on in C.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Browser } from '../browser.js';
import { API_CLIENT } from '../introspection/asking.js';
import { LogoutRelay } from '../revocation/relay.js';
import { DEBIAN, ProcessServer } from './process.js';
import { ELSEWHERE, newKey, REDIRECT_URI, SECRET, SIGNED_OUT_URI } from './server.js';

/** Set up by its own administration API, as its pages for that do. */
export class Glewlwyd extends ProcessServer {
  static title = 'glewlwyd';
  static notFor = { 'opaque token': 'it issues no opaque tokens' };
  static decodesBasic = false;
  subject = undefined;
  fields = { login: 'user-1' };
  path = '/api/oidc';
  #administrator = new Browser();
  #keys = [];
  #count = 0;

  async prepare() {
    const tables = gunzipSync(readFileSync(join(DEBIAN, 'usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz')));
    execFileSync('sqlite3', [this.file('database')], { input: `BEGIN;\n${tables}\nCOMMIT;` });
    const modules = (name) => JSON.stringify(join(DEBIAN, 'usr/lib/glewlwyd', name));
    writeFileSync(this.file('glewlwyd.conf'), `
      port = ${this.port}
      bind_address = "127.0.0.1"
      external_url = "${this.origin}"
      login_url = "login.html"
      api_prefix = "api"
      static_files_path = "${join(DEBIAN, 'usr/share/glewlwyd/webapp')}"
      static_files_mime_types = ( { extension = ".html" mime_type = "text/html" compress = 0 } )
      log_mode = "console"
      log_level = "WARNING"
      cookie_domain = ""
      cookie_secure = 0
      session_key = "SESSION"
      user_module_path = ${modules('user')}
      user_middleware_module_path = ${modules('none')}
      client_module_path = ${modules('client')}
      user_auth_scheme_module_path = ${modules('scheme')}
      plugin_module_path = ${modules('plugin')}
      hash_algorithm = "SHA512"
      database = { type = "sqlite3" path = "${this.file('database')}" };
    `);
  }

  command() {
    return [join(DEBIAN, 'usr/bin/glewlwyd'), `--config-file=${this.file('glewlwyd.conf')}`];
  }

  async setUp() {
    await this.#administer('POST', '/auth/', { username: 'admin', password: 'password' });
    for (const scope of ['read:me', 'write:me', 'offline_access']) {
      await this.#administer('POST', '/scope/', { name: scope, display_name: scope, password_required: true });
    }
    const scope = ['openid', 'offline_access', 'read:me', 'write:me'];
    for (const username of ['user-1', 'user-2']) {
      await this.#administer('POST', '/user/', { username, password: 'password', enabled: true, scope });
    }
    for (const client of ['app', this.audience]) {
      await this.#administer('POST', '/client/', {
        client_id: client,
        client_secret: SECRET,
        confidential: true,
        enabled: true,
        redirect_uri: [REDIRECT_URI],
        authorization_type: ['code', 'refresh_token', 'client_credentials'],
        token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'],
        scope: ['read:me', 'write:me'],
        ...this.clientOptions,
      });
    }
    if (this.asking) {
      await this.#administer('POST', '/client/', {
        client_id: API_CLIENT,
        client_secret: SECRET,
        confidential: true,
        enabled: true,
        authorization_type: ['client_credentials'],
        token_endpoint_auth_method: [this.asking.method],
        scope: ['read:me'],
      });
    }
    await this.#newKey();
    await this.#administer('POST', '/mod/plugin/', this.#plugin());
  }

  /** The new key is the first one, and signs. The last one is still published. */
  async rotate() {
    await this.#newKey();
    await this.#administer('PUT', '/mod/plugin/oidc', this.#plugin());
    await this.#administer('PUT', '/mod/plugin/oidc/reset');
  }

  async #newKey() {
    this.#keys = [await newKey(this.algorithm, (this.#count += 1)), ...this.#keys].slice(0, 2);
  }

  #plugin() {
    const resources = [this.audience, ELSEWHERE];
    return {
      module: 'oidc',
      name: 'oidc',
      display_name: 'OpenID Connect',
      parameters: {
        iss: this.issuer,
        'jwks-private': JSON.stringify({ keys: this.#keys }),
        'jwks-show': true,
        'access-token-duration': 300,
        'refresh-token-duration': 3600,
        'code-duration': 60,
        'allow-non-oidc': true,
        'auth-type-code-enabled': true,
        'auth-type-client-enabled': true,
        'auth-type-refresh-enabled': true,
        'pkce-allowed': true,
        'resource-allowed': true,
        'resource-scope': { 'read:me': resources, 'write:me': resources },
        ...(this.asking && {
          'introspection-revocation-allowed': true,
          'introspection-revocation-allow-target-client': true,
          // Without a scope here, a client may ask only about tokens of its own by HTTP's Basic authentication.
          'introspection-revocation-auth-scope': ['write:me'],
        }),
        ...this.pluginOptions,
      },
    };
  }

  async #administer(method, path, value) {
    const response = await this.#administrator.request(`${this.origin}/api${path}`, json(method, value));
    assert(response.ok, `${method} ${path}: ${response.status}`);
  }

  /** Its login page is a script, and this is what that sends: the password, the consent, and the way back. */
  async answer({ url }, browser) {
    const [client, scope, next] = ['client_id', 'scope', 'callback_url'].map((name) => url.searchParams.get(name));
    const user = { username: this.fields.login, password: 'password' };
    await browser.request(`${this.origin}/api/auth/`, json('POST', user));
    await browser.request(`${this.origin}/api/auth/grant/${encodeURIComponent(client)}`, json('PUT', { scope }));
    return [new URL(`${next}&g_continue`)];
  }
}

/** The same, and it tells the API when a user has signed out. */
export class GlewlwydWithLogout extends Glewlwyd {
  static notFor = {};
  options = ['--revocation', '--logout-client', 'app'];
  pluginOptions = {
    'session-management-allowed': true,
    'session-cookie-name': 'OIDC_SESSION',
    'session-cookie-expiration': 3600,
    'back-channel-logout-allowed': true,
  };
  relay = new LogoutRelay();

  constructor({ sessionRequired }) {
    super('ES256');
    Object.assign(this, { sessionRequired, sessionInTokens: false });
  }

  get clientOptions() {
    return {
      backchannel_logout_uri: this.relay.url,
      backchannel_logout_session_required: `${this.sessionRequired}`,
    };
  }

  async start(audience) {
    if (audience) await this.relay.start(`${audience}/backchannel-logout`);
    await super.start(audience);
  }

  async stop() {
    await super.stop();
    this.relay.stop();
  }

  get sent() {
    return this.relay.sent;
  }

  /** Another page of that script: the user ends the session, and goes back to the application. */
  async answer(page, browser) {
    const { searchParams } = page.url;
    if (searchParams.get('prompt') !== 'end_session') return super.answer(page, browser);
    for (const path of [`/oidc/session/${searchParams.get('sid')}`, '/auth/']) {
      const { status } = await browser.request(`${this.origin}/api${path}`, { method: 'DELETE' });
      assert.equal(status, 200);
    }
    return [new URL(SIGNED_OUT_URI)];
  }
}

/** The same, and the API asks about its tokens. */
export class GlewlwydIntrospected extends Glewlwyd {
  static notFor = {};
  // Its answers about tokens of clients themselves have no `sub`.
  options = ['--client-as-subject'];

  constructor(asking) {
    super('ES256');
    this.asking = asking;
  }
}

const json = (method, value) => ({
  method,
  ...(value && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }),
});
