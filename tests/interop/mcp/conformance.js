// The conformance suite of the MCP project, which knows no tokens: what it finds of a server that needs none, and of the same server
// behind the layer.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { freePort } from '../api.js';
import { version } from '../servers/server.js';
import { startProxy } from './proxy.js';
import { User } from './user.js';

export const SUITE = `@modelcontextprotocol/conformance ${version('@modelcontextprotocol/conformance')}`;
export const REVISIONS = ['2025-11-25', '2026-07-28'];

const PROGRAM = fileURLToPath(new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url));
const WITH_GLOB_SYNC = new URL('with-glob-sync.js', import.meta.url).href;

/** The checks of each scenario about servers, by its name, for each location of the server that Bearer tokens are for. */
export async function serverScenarios({ issuer, urls }, revision) {
  const scenarios = async (name) => {
    const token = name === 'open' ? undefined : await issuer.token(urls[name], { scope: 'tools' });
    return [name, await throughProxy(urls[name], token, revision)];
  };
  return Object.fromEntries(await Promise.all(['open', 'protected', 'headers'].map(scenarios)));
}

async function throughProxy(url, token, revision) {
  const proxy = await startProxy(url, token);
  try {
    return await checks('server', ['--url', proxy.url, '--suite', 'all', '--spec-version', revision]);
  } finally {
    proxy.stop();
  }
}

/** The checks of the scenarios about authorization servers, with a client that has just registered itself. */
export async function authorizationServerScenarios(issuer, revision) {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const registration = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'conformance', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }),
  });
  const { client_id: client } = await registration.json();
  const flags = ['--url', issuer, '--client-id', client, '--port', `${port}`, '--spec-version', revision];
  let [request, listens] = [undefined, false];
  return checks('authorization', flags, async (line) => {
    const isRequest = line.startsWith(metadata.authorization_endpoint);
    const isListening = line.startsWith('Callback server started');
    if (isRequest) request = new URL(line);
    listens ||= isListening;
    if (!(isRequest || isListening) || !request || !listens) return;
    // The suite names no scope, and this server has no default (RFC 6749 §3.3).
    request.searchParams.set('scope', 'files:read');
    await fetch(await new User(redirectUri).authorize(request));
  });
}

/** Runs the suite. Resolves to the checks of each scenario, as `id: status`. */
async function checks(command, flags, onLine = () => {}) {
  const folder = mkdtempSync(join(process.env.INTEROP_WORK, 'conformance-'));
  const parameters = ['--import', WITH_GLOB_SYNC, PROGRAM, command, ...flags, '--output-dir', folder];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  createInterface({ input: child.stdout }).on('line', async (line) => {
    log += `${line}\n`;
    try {
      await onLine(line);
    } catch (error) {
      log += `${inspect(error)}\n`;
      child.kill();
    }
  });
  const [code, signal] = await once(child, 'close');
  // 1 is that of failed checks.
  assert(code === 0 || code === 1, `the suite has ended with ${code ?? signal}\n${log}`);
  const found = {};
  for (const name of readdirSync(folder).sort()) {
    const [, scenario] = /^(?:server-|authorization-server-|authorization-)?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name);
    found[scenario] = JSON.parse(readFileSync(join(folder, name, 'checks.json')));
  }
  assert(Object.keys(found).length > 0, `the suite has found nothing\n${log}`);
  return found;
}
