// SETs that `jose` signs, posted to the API (RFC 8935), and what becomes of tokens.
import { request } from 'node:http';
import { once } from 'node:events';
import { Api, freePort } from '../api.js';
import { table } from '../report.js';
import { Issuer, NEW, OLD } from './issuer.js';
import { REFUSALS } from './refusals.js';
import { SHAPES } from './shapes.js';

const TRANSMITTER = 'Bearer the-transmitter';

/** Tokens of which each is accepted before the SET: the claims of each, and when it was issued. */
const PROBES = {
  session: ({ user, session }) => [user, OLD, { sid: session }],
  'other session': ({ user, session }) => [user, OLD, { sid: `${session}-other` }],
  'no session': ({ user }) => [user, OLD, {}],
  'session, later': ({ user, session }) => [user, NEW, { sid: session }],
  'no session, later': ({ user }) => [user, NEW, {}],
  'another user': ({ user, session }) => [`${user}-other`, OLD, { sid: `${session}-of-other` }],
};

const HEADINGS = {
  session: 'of the session', 'other session': 'of another session', 'no session': 'that names no session',
  'session, later': 'of the session, issued later', 'no session, later': 'without a session, issued later',
  'another user': 'of another user',
};

/** What each SET did, and what of that is not as it should be. */
export async function judgeSets() {
  const issuer = await Issuer.start('/realms/one');
  const address = `127.0.0.1:${await freePort()}`;
  const audience = `http://${address}`;
  const options = ['--revocation', '--ssf-token', 'the-transmitter'];
  const api = await Api.start({ issuer: issuer.url, audience, profile: 'rfc9068', address, options });
  try {
    const world = { issuer, audience, api };
    const shapes = await Promise.all(Object.entries(SHAPES).map(([name, shape], number) =>
      judgeShape({ ...world, user: `user-${number}`, session: `session-${number}` }, name, shape)));
    const refusals = await Promise.all(Object.entries(REFUSALS).map(([name, refusal], number) =>
      judgeRefusal({ ...world, user: `victim-${number}`, session: `session-of-victim-${number}` }, name, refusal)));
    refusals.push(await judgeTransmitter({ ...world, user: 'victim', session: 'session-of-victim' }));
    return report(shapes, refusals);
  } finally {
    api.stop();
    issuer.stop();
  }
}

async function judgeShape(world, name, { ends, make }) {
  const before = await tokens(world);
  const errors = await differences(world, before, []);
  const set = await world.issuer.sign(await make(world), { typ: 'secevent+jwt' });
  const { status, body } = await push(world, set);
  if (status !== 202 || body) errors.push(`answered ${status} ${body}`);
  // The very next requests: with tokens that the API knows, and with ones that it has never seen.
  const accepted = await statuses(world, before);
  for (const tokensNow of [before, await tokens(world)]) errors.push(...(await differences(world, tokensNow, ends)));
  const repeated = await push(world, set);
  if (repeated.status !== 202) errors.push(`a repeat is answered ${repeated.status} ${repeated.body}`);
  errors.push(...(await differences(world, before, ends)));
  return { name, errors, cells: [status, ...Object.values(accepted).map((code) => (code === 200 ? 'accepted' : 'refused'))] };
}

async function judgeRefusal(world, name, [error, make]) {
  return refusal(world, name, await push(world, await make(world)), error);
}

/** Its credentials are wrong, and the SET is good. */
async function judgeTransmitter(world) {
  const { make } = SHAPES['Keycloak: a password changes'];
  const set = await world.issuer.sign(await make(world), { typ: 'secevent+jwt' });
  const answer = await push(world, set, 'Bearer a-stranger');
  return refusal(world, 'the wrong bearer token of the transmitter', answer, 'authentication_failed');
}

/** A refusal is what RFC 8935 has, and changes nothing. */
async function refusal(world, name, { status, body, type }, expected) {
  const { err, description } = type === 'application/json' ? JSON.parse(body) : {};
  const errors = await differences(world, await tokens(world), []);
  if (status !== 400 || err !== expected) errors.push(`answered ${status} ${body}, and not 400 ${expected}`);
  if (typeof description !== 'string') errors.push('no description');
  return { name, errors, cells: [status, `\`${err}\``] };
}

/** A token for each probe, that the API has not seen. */
async function tokens(world) {
  const made = Object.entries(PROBES).map(async ([name, probe]) => {
    const [user, issued, more] = probe(world);
    return [name, await world.issuer.accessToken(world.audience, user, issued, more)];
  });
  return Object.fromEntries(await Promise.all(made));
}

async function statuses({ api }, tokens) {
  const asked = Object.entries(tokens).map(async ([name, token]) => {
    const response = await fetch(api.url, { headers: { authorization: `Bearer ${token}` } });
    const isInvalid = /error="invalid_token"/.test(response.headers.get('www-authenticate'));
    return [name, response.status === 401 && !isInvalid ? '401 without invalid_token' : response.status];
  });
  return Object.fromEntries(await Promise.all(asked));
}

/** Where the API's answers are not 401 for those that have ended, and 200 for all others. */
async function differences(world, tokens, ended) {
  const found = Object.entries(await statuses(world, tokens));
  return found.filter(([name, status]) => status !== (ended.includes(name) ? 401 : 200))
    .map(([name, status]) => `a token "${name}" gets ${status}`);
}

/** Posts a SET as Keycloak does, without the `Accept` that RFC 8935 §2.1 asks for. */
async function push({ api }, set, authorization = TRANSMITTER) {
  const headers = { 'content-type': 'application/secevent+jwt', authorization, connection: 'close' };
  const sent = request(new URL('/ssf/events', api.url), { method: 'POST', headers });
  sent.end(set);
  const [response] = await once(sent, 'response');
  const body = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, body, type: response.headers['content-type'] };
}

function report(shapes, refusals) {
  const all = [...shapes, ...refusals];
  const rows = (judged) => judged.map(({ name, cells }) => [name, ...cells]);
  const written = [
    '### SETs, and what they end',
    table(['a SET', 'answer', ...Object.keys(PROBES).map((name) => HEADINGS[name])], rows(shapes)),
    '#### SETs that are refused',
    table(['a SET', 'answer', '`err`'], rows(refusals)),
  ].join('\n\n');
  const found = all.filter(({ errors }) => errors.length > 0)
    .map(({ name, errors }) => ({ cell: `the SET "${name}"`, error: [...new Set(errors)].join('; ') }));
  return { written, found, count: all.length };
}
