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
  #keys = [];

  prepare() {
    this.#newKey();
  }

  command() {
    const program = fileURLToPath(new URL('django_server.py', import.meta.url));
    const files = [this.file('keys.json'), this.file('database')];
    return [PYTHON, '-B', program, `${this.port}`, this.audience, ...files];
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
