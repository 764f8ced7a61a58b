// Passes logout tokens on to the API, and keeps them.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export class LogoutRelay {
  /** The logout tokens that have come, each with the status of the API's answer. */
  sent = [];
  #server;

  async start(target) {
    this.#server = createServer(async (request, response) => {
      const { 'content-type': type } = request.headers;
      const body = await text(request);
      const answer = await fetch(target, { method: 'POST', headers: { 'content-type': type }, body });
      this.sent.push({ token: new URLSearchParams(body).get('logout_token'), status: answer.status });
      response.writeHead(answer.status).end(await answer.text());
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
