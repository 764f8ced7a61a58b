// Requests to an MCP server by hand, to see answers that client libraries hide.
import { request as send } from 'node:http';

/** What a server answers before anything else: a request for each revision that needs nothing before it. */
export const PROBES = {
  '2025-11-25': probe('2025-11-25', 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'interop', version: '1.0.0' },
  }),
  '2026-07-28': probe('2026-07-28', 'server/discover', {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'interop', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }),
};

function probe(revision, method, params) {
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    ...(method !== 'initialize' && { 'mcp-protocol-version': revision, 'mcp-method': method }),
  };
  return { headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) };
}

/** Sends a probe with further headers, of which one with several values has a line for each. */
export function post(url, { headers, body }, more = {}) {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { ...headers, ...more, connection: 'close' } };
    const request = send(url, options, (response) => {
      // The head is what the tests ask about.
      response.destroy();
      resolve({ status: response.statusCode, headers: response.headers });
    });
    request.once('error', reject);
    request.end(body);
  });
}
