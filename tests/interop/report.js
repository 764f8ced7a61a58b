// What was found: in detail for the console, as tables for README.md, and what is wrong with it.
import { CASES } from './cases.js';

const names = Object.keys(CASES);
const failed = (outcome) => outcome !== undefined && outcome !== true;
const titleOf = ({ server }) => server.constructor.title;

/** What makes the run fail: a ✗ without an explanation, and explanations and exceptions that are out of date. */
export function problems(runs, explained) {
  const found = [];
  for (const run of runs) {
    for (const name of names) {
      const [outcome, explanation] = [run.outcomes[name], explained[titleOf(run)]?.[name]];
      const cell = `${heading(run)}: ${name}`;
      if (failed(outcome) && !explanation) found.push({ cell, error: outcome, log: run.server.log?.() });
      if (!failed(outcome) && explanation) found.push({ cell, error: 'explained.js explains a ✗, and it is none' });
    }
  }
  const known = [...names, ...runs.map(titleOf)];
  const named = [explained, ...Object.values(explained), ...runs.map(({ server }) => server.constructor.notFor)];
  for (const name of new Set(named.flatMap(Object.keys))) {
    if (!known.includes(name)) found.push({ cell: name, error: 'explained.js or notFor names what there is not' });
  }
  return found;
}

const heading = ({ server, profile, Client }) =>
  [`${titleOf({ server })}${server.path}`, server.algorithm, Client.title, profile].join(', ');

/** A column for each run. */
export function details(runs) {
  const lines = runs.map((run, index) => `${String(index + 1).padStart(2)}  ${heading(run)}`);
  const width = Math.max(...names.map((name) => name.length));
  const row = (name, cells) => name.padEnd(width) + cells.map((cell) => cell.padStart(3)).join('');
  const rows = names.map((name) => row(name, runs.map(({ outcomes }) => mark([outcomes[name]]))));
  return [...lines, '', row('', runs.map((_, index) => String(index + 1))), ...rows].join('\n');
}

function mark(outcomes) {
  if (outcomes.some(failed)) return '✗';
  return outcomes.includes(true) ? '✓' : '–';
}

/** A column for each server, without anything that differs from machine to machine. */
export function tables(runs, explained) {
  const servers = new Map();
  for (const run of runs) servers.set(titleOf(run), [...(servers.get(titleOf(run)) ?? []), run]);
  const titles = [...servers.keys()];
  const notes = new Map();
  const cell = (name, title) => {
    const [{ server }] = servers.get(title);
    const sign = mark(servers.get(title).map(({ outcomes }) => outcomes[name]));
    const reason = { '✗': explained[title]?.[name], '–': server.constructor.notFor[name] }[sign];
    if (!reason) return sign;
    notes.set(reason, (notes.get(reason) ?? new Set()).add(title));
    return `${sign} (${[...notes.keys()].indexOf(reason) + 1})`;
  };
  const row = (name, value) => [name, ...titles.map(value)];
  return [
    table(row('', (title) => title), names.map((name) => row(name, (title) => cell(name, title)))),
    [...notes].map(([reason, of], index) => `${index + 1}. ${[...of].join(', ')}: ${reason}.`).join('\n'),
    '### The runs behind it',
    table(['server', 'path of the issuer', 'signs with', 'profile of the API', 'clients'], configurations(runs)),
    '### What was seen of their tokens and keys',
    table(row('', (title) => title), Object.entries(FACTS).map(([name, fact]) =>
      row(name, (title) => fact(servers.get(title)[0].seen, servers.get(title)[0].server)))),
  ].join('\n\n');
}

/** The runs, in one row those that differ only in the client. */
function configurations(runs) {
  const rows = new Map();
  for (const { server, profile, Client } of runs) {
    const { title, options } = server.constructor;
    const cells = [title, server.path && code(server.path), server.algorithm, [profile, ...options.map(code)].join(' ')];
    rows.set(cells.join(), [...(rows.get(cells.join()) ?? cells), Client.title]);
  }
  return [...rows.values()].map((row) => [...row.slice(0, 4), row.slice(4).join(', ')]);
}

/** Rows about the tokens and keys, and how each is read off a run. */
const FACTS = {
  'header: `typ`': ({ user }) => code(user.header.typ),
  'header: `kid`': ({ user }) => form(user.header.kid),
  '`aud`': ({ user }) => form(user.payload.aud),
  '`scope`': ({ user }) => form(user.payload.scope),
  '`client_id`': ({ user }) => form(user.payload.client_id),
  '`sub` of a user': ({ user }) => form(user.payload.sub),
  '`sub` of a client': ({ machine }, server) =>
    machine.payload.sub === server.machine ? 'its `client_id`' : form(machine.payload.sub),
  'beside these, `iss` and `exp`': ({ user }) => list(Object.keys(user.payload).filter((name) => !ROWS.includes(name)).sort()),
  'ID token has': ({ idToken }) => list(['at_hash', 'azp', 'nonce'].filter((name) => name in idToken.payload)),
  'keys have': ({ jwks }) => list(['kid', 'alg', 'use'].filter((name) => name in jwks.keys[0])),
  'keys may be kept': ({ keys }) => keys.headers.get('cache-control') ?? 'not said',
  'location of RFC 8414': ({ atRfc8414 }) =>
    atRfc8414.status === 200 ? `200, ${atRfc8414.headers.get('content-type')}` : `${atRfc8414.status}`,
};

const ROWS = ['iss', 'aud', 'scope', 'client_id', 'sub', 'exp'];

function form(value) {
  if (Array.isArray(value)) return `array of ${value.length}`;
  return value === undefined ? 'none' : typeof value;
}

const code = (text) => `\`${text}\``;
const list = (words) => words.map(code).join(', ') || 'nothing';

function table([first, ...rest], rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line([first, ...rest]), line([first, ...rest].map(() => '---')), ...rows.map(line)].join('\n');
}
