// MCP clients that we did not write, and the conformance suite of the MCP project. Prints what was found. A ✗ without an explanation
// makes it exit with 1, and so do tables in README.md that differ.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { listed, noted, table } from '../report.js';
import { authorizationServerScenarios, REVISIONS, serverScenarios, SUITE } from './conformance.js';
import { useKey, WITH_KEY } from './dpop.js';
import { EXPLAINED_SCENARIOS, EXPLAINED_SKIPS, EXPLAINED_STEPS } from './explained.js';
import { Issuer } from './issuer.js';
import { Program } from './process.js';
import { Python, PythonWithHandshake } from './python.js';
import { rows } from './rows.js';
import { FACTS, STEPS } from './steps.js';
import {
  NewestTypescript,
  NewestTypescriptByDefault,
  NewestTypescriptWithKey,
  PreviousTypescript,
  PreviousTypescriptWithRefreshToken,
} from './typescript.js';

const CLIENTS = [
  NewestTypescript,
  NewestTypescriptByDefault,
  PreviousTypescript,
  PreviousTypescriptWithRefreshToken,
  Python,
  PythonWithHandshake,
];
/** For how many seconds the tokens are good whose end some steps wait for. */
const LIFETIME = 5;
/** For how many milliseconds a step may go on. */
const PATIENCE = 25000;

const started = performance.now();
const problems = [];
const [walks, withKey, servers, authorizationServers, proposed] = await Promise.all([
  Promise.all(CLIENTS.map(walk)),
  useKey((world) => outcomes(WITH_KEY, world)),
  conformance(),
  withExample([], ({ issuer }) => each(REVISIONS, (revision) => authorizationServerScenarios(issuer, revision))),
  withServer(async (server) => outcomes(await rows(server))),
]);
const written = [
  '### MCP clients',
  stepTable(),
  factTable(),
  list(`${NewestTypescriptWithKey.title}, with a key`, withKey),
  `### ${SUITE}`,
  scenarioTable(),
  '### Scenarios that are proposed, but not in it',
  list('check', proposed),
].join('\n\n');
finish();

/** A client through all steps, with servers of its own. */
async function walk(Client) {
  return withExample([], (longLived) =>
    withExample(['--token-lifetime', `${LIFETIME}`], async (shortLived) => {
      const world = { ...longLived, client: new Client(longLived.url) };
      world.shortLived = { ...shortLived, client: new Client(shortLived.url) };
      const found = await outcomes(STEPS, world);
      for (const client of [world.client, world.shortLived.client]) {
        await client.close().catch((error) => problems.push({ cell: `${Client.title}: goodbye`, error }));
      }
      return { Client, outcomes: found, world };
    }));
}

/** What the suite finds of a server without the layers is what it finds with them. */
async function conformance() {
  return withServer((server) => each(REVISIONS, async (revision) => {
    const { open, ...behind } = await serverScenarios(server, revision);
    for (const [location, scenarios] of Object.entries(behind)) {
      assert.deepEqual(Object.keys(scenarios), Object.keys(open));
      for (const [name, checks] of Object.entries(scenarios)) {
        const [without, found] = [open[name], checks].map(verdicts);
        if (!isDeepStrictEqual(found, without)) problems.push({ cell: `${name}, ${revision}, ${location}`, error: { without, found } });
      }
    }
    return behind.protected;
  }));
}

async function withExample(flags, use) {
  const names = ['MCP server', 'authorization server'];
  const program = await Program.start(process.env.EXAMPLE_MCP, ['--listen', '127.0.0.1:0', ...flags], names);
  try {
    return await use({ url: program.urls['MCP server'], issuer: program.urls['authorization server'] });
  } finally {
    program.stop();
  }
}

async function withServer(use) {
  const issuer = await Issuer.start();
  const program = await Program.start(process.env.CONFORMANCE, [issuer.url], ['open', 'protected', 'headers', 'dpop', 'nonces']);
  try {
    return await use({ issuer, urls: program.urls });
  } finally {
    program.stop();
    issuer.stop();
  }
}

/** Each is true or the error, one after the other. */
async function outcomes(steps, world) {
  const found = {};
  for (const [name, step] of Object.entries(steps)) {
    const tooLong = sleep(PATIENCE).then(() => { throw new Error(`it goes on for more than ${PATIENCE} ms`); });
    const done = (async () => step(world))();
    found[name] = await Promise.race([done, tooLong]).then(() => true, (error) => error);
  }
  return found;
}

/** One after the other. */
async function each(keys, use) {
  const done = {};
  for (const key of keys) done[key] = await use(key);
  return done;
}

function stepTable() {
  const notes = new Map();
  const cell = (name, { Client, outcomes }) => {
    const [reason, error] = EXPLAINED_STEPS[Client.title]?.[name] ?? [];
    const number = reason && noted(notes, reason, Client.title);
    return sign(outcomes[name], `${Client.title}: ${name}`, number, error);
  };
  const names = Object.keys(STEPS);
  known(EXPLAINED_STEPS, walks.map(({ Client }) => Client.title));
  for (const explained of Object.values(EXPLAINED_STEPS)) known(explained, names);
  const found = names.map((name) => [name, ...walks.map((walk) => cell(name, walk))]);
  return `${table(['', ...walks.map(({ Client }) => Client.title)], found)}\n\n${listed(notes)}`;
}

function list(title, found) {
  return table([title, ''], Object.entries(found).map(([name, outcome]) => [name, sign(outcome, name)]));
}

function factTable() {
  const cell = (fact, { world }) => {
    try {
      return fact(world);
    } catch {
      // A step has failed, and says why.
      return '–';
    }
  };
  const found = Object.entries(FACTS).map(([name, fact]) => [name, ...walks.map((walk) => cell(fact, walk))]);
  return table(['', ...walks.map(({ Client }) => Client.title)], found);
}

function scenarioTable() {
  const notes = new Map();
  const found = REVISIONS.map((revision) => ({ ...servers[revision], ...authorizationServers[revision] }));
  const names = [...new Set(found.flatMap(Object.keys))].sort();
  known(EXPLAINED_SCENARIOS, names);
  const checks = found.flatMap((scenarios) => Object.values(scenarios).flat());
  const skipped = checks.filter(({ status }) => status === 'SKIPPED').map(({ id }) => id);
  known(EXPLAINED_SKIPS, skipped);
  const silently = skipped.filter((id) => !(id in EXPLAINED_SKIPS));
  problems.push(...silently.map((cell) => ({ cell, error: 'the suite has skipped it' })));
  for (const [id, reason] of Object.entries(EXPLAINED_SKIPS)) noted(notes, `skipped: ${reason}`, id);
  const lines = names.map((name) => {
    const signs = found.map((scenarios) => outcome(scenarios[name]));
    const reason = EXPLAINED_SCENARIOS[name];
    if (signs.includes('✗') === !reason) {
      const checks = found.flatMap((scenarios) => scenarios[name] ?? []).filter(isBad);
      problems.push({ cell: name, error: reason ? 'explained.js explains a ✗, and it is none' : checks });
    }
    return [`${name}${reason ? ` (${noted(notes, reason, name)})` : ''}`, ...signs];
  });
  return `${table(['scenario', ...REVISIONS], lines)}\n\n${listed(notes)}`;
}

/** ✓ or ✗, with the number of its note if there is one. A ✗ needs one, and the error that it is about. A ✓ must not have one. */
function sign(outcome, cell, number, expected) {
  if (outcome !== true && !expected?.test(outcome.message)) problems.push({ cell, error: outcome });
  if (outcome === true && number) problems.push({ cell, error: 'explained.js explains a ✗, and it is none' });
  return `${outcome === true ? '✓' : '✗'}${number ? ` (${number})` : ''}`;
}

function known(explained, names) {
  const unknown = Object.keys(explained).filter((name) => !names.includes(name));
  problems.push(...unknown.map((cell) => ({ cell, error: 'explained.js explains what there is not' })));
}

/** A scenario is not about every revision. */
function outcome(checks) {
  if (!checks) return '–';
  return checks.some(isBad) ? '✗' : '✓';
}

function isBad({ status }) {
  return status === 'FAILURE' || status === 'WARNING';
}

function verdicts(checks) {
  return checks.map(({ id, name, status }) => `${id} ${name}: ${status}`).sort();
}

function finish() {
  for (const { cell, error } of problems) console.log(`✗ ${cell}\n`, error);
  const README = new URL('../README.md', import.meta.url);
  const [BEGIN, END] = ['<!-- From here on written by mcp/main.js. -->', '<!-- To there. -->'];
  const readme = readFileSync(README, 'utf8');
  const part = [BEGIN, written, END].join('\n\n');
  const differs = !readme.includes(part);
  if (process.env.UPDATE_README) {
    writeFileSync(README, readme.split(BEGIN)[0] + part + readme.split(END)[1]);
  } else if (differs && problems.length === 0) {
    console.log(`\nThe tables of tests/interop/README.md differ from these:\n\n${part}`);
    console.log('\n`UPDATE_README=1 ./tests/interop/run.sh` writes them anew.');
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`\nMCP: ${walks.length} clients, ${problems.length} unexplained, in ${seconds} s`);
  // What has gone wrong may still wait for something.
  process.exit(problems.length || (differs && !process.env.UPDATE_README) ? 1 : 0);
}
