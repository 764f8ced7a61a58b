// Authlib, a library for servers in Python.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ProcessServer, PYTHON } from './process.js';
import { newKey } from './server.js';

/** A small server around it, in authlib_server.py, which says what is Authlib's and what is ours. */
export class Authlib extends ProcessServer {
  static title = 'Authlib';
  static notFor = { 'opaque token': 'it is set up for JWTs (RFC 9068)' };
  fields = { user: 'user-1', password: 'password', answer: 'yes' };
  environment = { AUTHLIB_INSECURE_TRANSPORT: '1' };
  #keys = [];
  #count = 0;

  prepare() {
    return this.rotate();
  }

  command() {
    const program = fileURLToPath(new URL('authlib_server.py', import.meta.url));
    const method = this.asking ? [this.asking.method] : [];
    return [PYTHON, '-B', program, `${this.port}`, this.audience, this.file('keys.json'), ...method];
  }

  /** The new key is the first one, and signs. The last one is still published. The file is read anew each time. */
  async rotate() {
    const key = { ...(await newKey(this.algorithm, (this.#count += 1))), use: 'sig' };
    this.#keys = [key, ...this.#keys].slice(0, 2);
    writeFileSync(this.file('keys.json'), JSON.stringify({ keys: this.#keys }));
  }
}

/** The same with opaque access tokens, about which the API asks. */
export class AuthlibIntrospected extends Authlib {
  static notFor = {};

  constructor(asking) {
    super('ES256');
    this.asking = asking;
  }
}
