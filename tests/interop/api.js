// The API under test: examples/me, a process of its own.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill()));
// Else a signal would end this process without that.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export class Api {
  #process;
  /** Where it says that it and its servers are. */
  urls = {};

  /**
   * Starts the API, which trusts `issuer` and listens on `address`. `profile` is how closely tokens must follow RFC 9068, and
   * `options` are further ones that the issuer's tokens need. Without `issuer` it brings its own authorization server.
   */
  static async start({ issuer, audience, profile, options, address = '127.0.0.1:0' }) {
    const flags = ['--audience', audience, '--scope', 'read:me', '--profile', profile, '--listen', address, ...options];
    if (issuer) flags.push('--issuer', issuer);
    const api = new Api();
    api.#process = spawn(process.env.EXAMPLE_ME, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(api.#process);
    api.url = await new Promise((resolve, reject) => {
      api.#process.once('error', reject);
      api.#process.once('exit', (code) => reject(new Error(`the API ended with ${code}`)));
      // Read to the end: its standard output must not fill up.
      createInterface({ input: api.#process.stdout }).on('line', (line) => {
        const [, what, url] = /^(The .*) is at (\S+)$/.exec(line) ?? [];
        if (what) api.urls[what] = url;
        if (what === 'The API') resolve(new URL(url));
      });
    });
    return api;
  }

  stop() {
    this.#process.removeAllListeners('exit');
    this.#process.kill();
    running.delete(this.#process);
  }
}

const given = new Set();

/** One that stays free until it is listened on: it is below those that outgoing connections get, and is given once. */
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
