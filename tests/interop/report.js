// What was found: in detail for the console, as tables for README.md, and what is wrong with it.
const failed = (outcome) => outcome !== undefined && outcome !== true;
const titleOf = ({ server }) => server.constructor.title;

/** What makes the run fail: a ✗ without an explanation, and explanations and exceptions that are out of date. */
export function problems({ cases, explained, runs, configuration }) {
  const names = Object.keys(cases);
  const found = [];
  for (const run of runs) {
    for (const name of names) {
      const [outcome, explanation] = [run.outcomes[name], explained[titleOf(run)]?.[name]];
      const cell = `${heading(run, configuration)}: ${name}`;
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

const heading = (run, configuration) => [...cellsOf(run, configuration), run.Client.title].filter(Boolean).join(', ');
const cellsOf = (run, configuration) => Object.values(configuration).map((value) => value(run));

/** A column for each run. */
export function details({ cases, runs, configuration }) {
  const names = Object.keys(cases);
  const lines = runs.map((run, index) => `${String(index + 1).padStart(2)}  ${heading(run, configuration)}`);
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
export function tables({ title, cases, explained, runs, configuration, facts }) {
  const servers = new Map();
  for (const run of runs) servers.set(titleOf(run), [...(servers.get(titleOf(run)) ?? []), run]);
  const titles = [...servers.keys()];
  const notes = new Map();
  const cell = (name, title) => {
    const [{ server }] = servers.get(title);
    const sign = mark(servers.get(title).map(({ outcomes }) => outcomes[name]));
    const reason = { '✗': explained[title]?.[name], '–': server.constructor.notFor[name] }[sign];
    return reason ? `${sign} (${noted(notes, reason, title)})` : sign;
  };
  const row = (name, value) => [name, ...titles.map(value)];
  const written = [
    title && `### ${title}`,
    table(row('', (title) => title), Object.keys(cases).map((name) => row(name, (title) => cell(name, title)))),
    listed(notes),
    title ? '#### The runs behind that' : '### The runs behind it',
    table([...Object.keys(configuration), 'clients'], configurations(runs, configuration)),
  ];
  if (facts) {
    const rows = Object.entries(facts.rows).map(([name, fact]) =>
      row(name, (title) => fact(servers.get(title)[0].seen, servers.get(title)[0].server)));
    written.push(`${title ? '####' : '###'} ${facts.title}`, table(row('', (title) => title), rows));
  }
  return written.filter(Boolean).join('\n\n');
}

/** The runs, in one row those that differ only in the client. */
function configurations(runs, configuration) {
  const rows = new Map();
  for (const run of runs) {
    const cells = cellsOf(run, configuration);
    rows.set(cells.join(), [...(rows.get(cells.join()) ?? cells), run.Client.title]);
  }
  const { length } = Object.keys(configuration);
  return [...rows.values()].map((row) => [...row.slice(0, length), row.slice(length).join(', ')]);
}

/** What a run is about, with how each column of that table is read off it. */
export const CONFIGURATION = {
  server: titleOf,
  'path of the issuer': ({ server }) => server.path && code(server.path),
  'signs with': ({ server }) => server.algorithm,
  'profile of the API': ({ server, profile }) => [profile, ...server.options.map(code)].join(' '),
};

/** Whether each judge accepts each proof, with the reasons where that is not what the RFC says. */
export function judgements({ proofs, explained, verdicts }) {
  const judges = Object.keys(verdicts.good);
  const [notes, found] = [new Map(), []];
  const cell = (name, judge) => {
    if (!verdicts[name][judge]) return '–';
    const accepted = new Set(Object.values(verdicts[name][judge]));
    const reason = explained[name]?.[judge];
    const isAsSaid = accepted.size === 1 && accepted.has(proofs[name].good);
    if (isAsSaid !== !reason) {
      const error = reason ? 'explained.js explains it, and there is nothing to explain' : verdicts[name][judge];
      found.push({ cell: `the proof "${name}", ${judge}`, error });
    }
    const word = [...accepted].map((is) => (is ? 'accepted' : 'refused')).join(' or ');
    return reason ? `${word} (${noted(notes, reason, judge)})` : word;
  };
  const rows = Object.keys(proofs).map((name) => [name, ...judges.map((judge) => cell(name, judge))]);
  const unknown = Object.keys(explained).filter((name) => !(name in proofs));
  found.push(...unknown.map((name) => ({ cell: name, error: 'explained.js explains a proof that there is not' })));
  const written = ['### Proofs, and who accepts them', table(['a proof', ...judges], rows)];
  return { written: [...written, listed(notes)].join('\n\n'), found };
}

/** The number of the note with this reason, which is about this one too. */
export function noted(notes, reason, about) {
  notes.set(reason, (notes.get(reason) ?? new Set()).add(about));
  return [...notes.keys()].indexOf(reason) + 1;
}

export const listed = (notes) =>
  [...notes].map(([reason, about], index) => `${index + 1}. ${[...about].join(', ')}: ${reason}.`).join('\n');

/** Rows about the tokens and keys, and how each is read off a run. */
export const FACTS = {
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

export function form(value) {
  if (Array.isArray(value)) return `array of ${value.length}`;
  return value === undefined ? 'none' : typeof value;
}

export const code = (text) => `\`${text}\``;
export const list = (words) => words.map(code).join(', ') || 'nothing';

export function table([first, ...rest], rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line([first, ...rest]), line([first, ...rest].map(() => '---')), ...rows.map(line)].join('\n');
}
