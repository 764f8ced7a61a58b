// Every server with every client through every case, against examples/me. Prints what was found. A ✗ without an
// explanation makes it exit with 1, and so do tables in README.md that differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { freePort } from './api.js';
import { CASES } from './cases.js';
import { newProofKey, Oauth4Webapi, OpenidClient } from './clients.js';
import { judge } from './dpop/judges.js';
import { PROOFS } from './dpop/proofs.js';
import { DPOP_SUITE } from './dpop/suite.js';
import { EXPLAINED, EXPLAINED_VERDICTS } from './explained.js';
import { INTROSPECTION_SUITE } from './introspection/suite.js';
import { CONFIGURATION, details, FACTS, judgements, problems, tables } from './report.js';
import { judgeSets } from './revocation/sets.js';
import { LOGOUT_SUITE } from './revocation/suite.js';
import { Authlib } from './servers/authlib.js';
import { DjangoOauthToolkit } from './servers/django-oauth-toolkit.js';
import { Glewlwyd } from './servers/glewlwyd.js';
import { LemonldapNg } from './servers/lemonldap-ng.js';
import { MockServer } from './servers/oauth2-mock-server.js';
import { OidcProvider } from './servers/oidc-provider.js';
import { version } from './servers/server.js';

// Each with the profile of the API.
const SERVERS = [
  ...['RS256', 'PS256', 'EdDSA', 'Ed25519'].map((algorithm) => [() => new OidcProvider(algorithm), 'generic']),
  ...['RS256', 'ES256'].map((algorithm) => [() => new OidcProvider(algorithm, '/tenants/one'), 'rfc9068']),
  ...['RS256', 'ES384'].map((algorithm) => [() => new MockServer(algorithm), 'generic']),
  [() => new Glewlwyd('ES256'), 'rfc9068'],
  [() => new LemonldapNg('RS256'), 'generic'],
  [() => new Authlib('ES256'), 'rfc9068'],
  [() => new DjangoOauthToolkit('RS256'), 'rfc9068'],
];
const SUITES = [
  {
    cases: CASES,
    explained: EXPLAINED,
    servers: SERVERS.map(([makeServer, profile]) => ({ makeServer, profile })),
    configuration: CONFIGURATION,
    facts: { title: 'What was seen of their tokens and keys', rows: FACTS },
  },
  DPOP_SUITE,
  INTROSPECTION_SUITE,
  LOGOUT_SUITE,
];

// Without kept connections: one whose server has ended is used again for as long as this process is too busy to notice.
const { fetch } = globalThis;
globalThis.fetch = (url, options) => {
  const headers = new Headers(options?.headers);
  headers.set('connection', 'close');
  return fetch(url, { ...options, headers });
};

/** The outcome of every case: undefined where it does not apply, else true or the error. */
async function run(cases, { makeServer, ...more }, Client) {
  const server = makeServer();
  const address = `127.0.0.1:${await freePort()}`;
  // The audience is the URL of the API, as RFC 8707 has it.
  const world = { Client, server, address, audience: `http://${address}`, seen: {}, ...more };
  if (world.algorithm) world.key = await newProofKey(world.algorithm);
  await server.start(world.audience);
  const outcomes = {};
  try {
    world.issuer = server.issuer;
    world.api = await server.startApi(world);
    world.call = (token) => world.client.call(world.api.url, token);
    for (const [name, test] of Object.entries(cases)) {
      if (name in server.constructor.notFor) continue;
      outcomes[name] = await test(world).then(() => true, (error) => error);
    }
  } finally {
    for (const api of [world.api, world.cold, world.patient]) api?.stop();
    if (!world.down) await server.stop();
  }
  return { ...more, server, Client, outcomes, seen: world.seen };
}

const started = performance.now();
for (const suite of SUITES) suite.runs = [];
const waiting = SUITES.toReversed().flatMap((suite) => suite.servers.flatMap((server, row) =>
  [OpenidClient, Oauth4Webapi].map((Client, column) => async () => {
    suite.runs[2 * row + column] = await run(suite.cases, server, Client);
  })));
let [verdicts, sets] = [];
waiting.unshift(async () => { verdicts = await judge(); }, async () => { sets = await judgeSets(); });
// Some at once, so that there is something to do while they wait. The slow ones are last in the list, and so first here.
await Promise.all(Array.from({ length: 8 }, async () => {
  while (waiting.length > 0) await waiting.pop()();
}));
const proofs = judgements({ proofs: PROOFS, explained: EXPLAINED_VERDICTS, verdicts });

const runs = SUITES.flatMap((suite) => suite.runs);
const found = [...SUITES.flatMap(problems), ...proofs.found, ...sets.found];
for (const { cell, error, log } of found) console.log(`✗ ${cell}\n`, error, log ? `\n${log}` : '');

const used = runs.flatMap(({ server, Client }) => [server.constructor, Client]).filter(({ version }) => version);
const versions = new Set(used.map(({ title, version }) => `${title} ${version}`));
console.log(`node ${process.version}; ${[...versions, `dpop ${version('dpop')}`].join(', ')}`);
for (const suite of SUITES) console.log(`\n${details(suite)}`);

const README = new URL('README.md', import.meta.url);
const [BEGIN, END] = ['<!-- From here on written by run.sh. -->', '<!-- To here. -->'];
const readme = readFileSync(README, 'utf8');
const written = [BEGIN, ...SUITES.map(tables), sets.written, proofs.written, END].join('\n\n');
const differs = !readme.includes(written);
if (process.env.UPDATE_README) {
  const [before, after] = [readme.split(BEGIN)[0], readme.split(END)[1]];
  writeFileSync(README, before + written + after);
} else if (differs && found.length === 0) {
  console.log(`\nThe tables of tests/interop/README.md differ from these:\n\n${written}`);
  console.log('\n`UPDATE_README=1 ./tests/interop/run.sh` writes them anew.');
}

const outcomes = runs.flatMap((run) => Object.values(run.outcomes));
const passed = outcomes.filter((outcome) => outcome === true).length;
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`\n${passed} of ${outcomes.length} cases ✓, ${sets.count} SETs, ${found.length} unexplained, in ${seconds} s`);
process.exitCode = found.length || (differs && !process.env.UPDATE_README) ? 1 : 0;
