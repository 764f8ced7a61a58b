// Between the conformance suite, which knows no tokens, and a server that wants one.
import { createServer, request as send } from 'node:http';

/** Passes requests on to the origin of `url` as they are, with the token if there is one. Resolves to its own URL. */
export async function startProxy(url, token) {
  const { hostname, port, pathname } = new URL(url);
  const server = createServer((request, response) => {
    const headers = { ...request.headers, ...(token && { authorization: `Bearer ${token}` }) };
    const { method, url: path } = request;
    const passed = send({ hostname, port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      // Else the head of a stream of events waits for the first of them.
      response.flushHeaders();
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    // The server learns that nobody listens any more.
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}${pathname}`, stop };
}
