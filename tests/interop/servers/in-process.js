// A server in this process.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort } from '../api.js';
import { newKey, Server } from './server.js';

/** A server that `handler()` makes anew each time it is started, with `this.key`. */
export class InProcessServer extends Server {
  /** By how many seconds the access tokens that it issues lie in the past. */
  backdate = 0;
  #keys = 0;
  #server;

  constructor(algorithm, path = '') {
    super(algorithm);
    this.path = path;
  }

  async start(audience) {
    this.audience ??= audience;
    this.port ??= await freePort();
    this.issuer = `http://127.0.0.1:${this.port}${this.path}`;
    this.key ??= { ...(await newKey(this.algorithm, (this.#keys += 1))), use: 'sig' };
    const answer = await this.handler();
    this.#server = createServer((request, response) => {
      if (!request.url.startsWith(`${this.path}/`)) return response.writeHead(404).end();
      // What is mounted below a path sees the rest of it, as Express has it.
      request.originalUrl = request.url;
      request.url = request.url.slice(this.path.length);
      return answer(request, response);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Starts it anew with another key under another kid, and forgets the old one. */
  async rotate() {
    await this.stop();
    this.key = undefined;
    await this.start();
  }
}
