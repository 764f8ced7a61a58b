// The client of the MCP project for Python, a process of its own: python_client.py.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { REDIRECT_URI, User } from './user.js';

const [, VERSION] = /^mcp==(\S+)$/m.exec(readFileSync(new URL('requirements.txt', import.meta.url), 'utf8'));
const PYTHON = join(process.env.INTEROP_INSTALLED, 'venv-mcp/bin/python');
const PROGRAM = fileURLToPath(new URL('python_client.py', import.meta.url));

/** It asks the server which revisions it knows. */
export class Python {
  static mode = 'auto';
  static title = `mcp ${VERSION} (PyPI), \`${this.mode}\``;
  exchanges = [];
  user = new User();
  #child;
  #lines;
  #log = '';
  #url;

  constructor(url) {
    this.#url = url;
  }

  async connect() {
    const parameters = ['-B', PROGRAM, this.#url, this.constructor.mode, REDIRECT_URI];
    this.#child = spawn(PYTHON, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (data) => { this.#log += data; });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    await this.#until('connected');
  }

  async call(name, parameters = {}) {
    this.#write({ call: name, arguments: parameters });
    return (await this.#until('text')).text;
  }

  /** Calls a tool that goes on until the response ends: how often it has said something, when that was, and whether the library tells. */
  async watch(name) {
    this.#write({ watch: name });
    const { said, tells } = await this.#until('tells');
    return { said, ended: Date.now() / 1000, tells };
  }

  /** Its process ends when its input does. */
  async close() {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    const [code, signal] = await once(this.#child, 'exit');
    clearTimeout(timer);
    if (code !== 0) throw new Error(`the client has ended with ${code ?? signal}\n${this.#log}`);
  }

  /** Does what it is told by the client, until the client writes this. */
  async #until(name) {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the client has ended\n${this.#log}`);
      const message = JSON.parse(value);
      if (message.exchange) this.exchanges.push(message.exchange);
      if (message.authorize) this.#write({ answer: `${await this.user.authorize(message.authorize)}` });
      if (message.error) throw new Error(message.error);
      if (name in message) return message;
    }
  }

  #write(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }
}

/** With the handshake of the revisions before 2026-07-28. */
export class PythonWithHandshake extends Python {
  static mode = 'legacy';
  static title = `mcp ${VERSION} (PyPI), \`${this.mode}\``;
}
