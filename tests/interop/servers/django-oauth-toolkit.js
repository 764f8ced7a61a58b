// django-oauth-toolkit, a library for servers in Python.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ProcessServer, PYTHON } from './process.js';

/** A project with it, in django_server.py. */
export class DjangoOauthToolkit extends ProcessServer {
  static title = 'django-oauth-toolkit';
  static notFor = { 'opaque token': 'here it is set up for JWTs; its own tokens are opaque' };
  path = '/o';
  subject = '1';
  machine = 'machine';
  fields = { username: 'user-1', password: 'password', allow: 'Authorize' };
  environment = { OAUTHLIB_INSECURE_TRANSPORT: '1' };
  /** The tokens that it issues, if these are not JWTs. */
  tokens;
  #keys = [];

  prepare() {
    this.#newKey();
  }

  command() {
    const program = fileURLToPath(new URL('django_server.py', import.meta.url));
    const files = [this.file('keys.json'), this.file('database')];
    return [PYTHON, '-B', program, `${this.port}`, this.audience, ...files, ...(this.tokens ? [this.tokens] : [])];
  }

  /** Settings count from the next start on. The last key is still published. */
  async rotate() {
    this.#newKey();
    await this.stop();
    await this.start();
  }

  #newKey() {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#keys = [privateKey.export({ type: 'pkcs8', format: 'pem' }), ...this.#keys].slice(0, 2);
    writeFileSync(this.file('keys.json'), JSON.stringify(this.#keys));
  }
}

const OF_USERS = 'tokens of its users are refused: see the row "code + PKCE"';

/** The same with its own, opaque access tokens, about which the API asks. Its answers have no `sub`. */
export class DjangoIntrospected extends DjangoOauthToolkit {
  static notFor = {
    refresh: OF_USERS,
    'wrong credentials of the API': OF_USERS,
    'issuer down: known tokens serve': OF_USERS,
    'issuer down: unknown tokens': OF_USERS,
    'issuer up again': OF_USERS,
  };
  tokens = 'opaque';
  options = ['--client-as-subject'];

  constructor(asking) {
    super('RS256');
    this.asking = asking;
  }
}

/** The same with a view that adds a `sub`. */
export class DjangoIntrospectedWithSubject extends DjangoIntrospected {
  static title = 'django-oauth-toolkit, with `sub`';
  static notFor = {};
  tokens = 'opaque-with-subject';
  options = [];
}
