// The page of the client app, which uses no library, so that each of its steps can be read here. Its backend, on the same origin,
// signs the user in and keeps the refresh token; this page calls the API.
//
// user → page → backend (PKCE verifier and challenge) → /authorize → login and consent → code → page → backend → /token with the
// verifier and the client's secret → access, refresh and ID token → access token to the page → GET /api/me with the access token
//
// With DPoP the access token is bound to a key of this page (dpop.js). The page signs a proof for each request to the API, and one for
// each request to /token, which its backend passes on.

import { refusal } from '/challenges.js';
import { Prover } from '/dpop.js';
import { abbreviate, decode, httpText, jsonText, queryText } from '/messages.js';

const config = await (await fetch('/config.json')).json();
const prover = config.dpop ? await Prover.open() : null;

// The access token is in the memory of this page alone: neither a later visitor of this browser nor another page finds it, and a
// reload asks the backend for the next one. No script can read the refresh token; it is in an HttpOnly cookie of the backend. A
// foreign script inside this page could use the access token as long as it runs, so the Content-Security-Policy lets none in.
let tokens = null;
let profile = null;

// What is drawn. The way to the authorization server and back ends the page, so the steps wait in sessionStorage, and secrets are
// abbreviated in them.
const steps = JSON.parse(sessionStorage.getItem('steps')) ?? [];
const save = () => sessionStorage.setItem('steps', JSON.stringify(steps));

/** The step with which the user leaves to sign out everywhere. */
const LEAVE_TO_SIGN_OUT = 'GET /sign-out-everywhere';

/** Ends what was going on; its message is for the user. */
class Refused extends Error {
  /** Whether the user was signed in until now. */
  isSignedOut = false;
}

// --- Signing in -------------------------------------------------------------------------------------------------------

async function signIn() {
  steps.length = 0;
  click('Sign in', 'The page asks its backend to begin: what proves that the answer is for this browser stays there.');
  await authorize();
}

/**
 * Sends the user to the authorization server. `demands` are what a challenge asks for, `resume` names the action to take up
 * again afterwards.
 */
async function authorize(demands = {}, resume = null) {
  const { location: url } = await askBackend('authorize', {
    json: {
      scope: config.scope, ...demands, resume, subject: profile?.subject,
      ...(prover && { dpop_jkt: await prover.thumbprint() }),
    },
    answer: () => 'PKCE challenge',
  });
  const { pathname, host, searchParams } = new URL(url);
  record({
    from: 'client',
    to: 'authorization',
    title: resume ? 'GET /authorize, step up' : 'GET /authorize, challenge',
    note: 'The verifier stays in a cookie that only the backend reads; what goes along is the challenge, its SHA-256.',
    http: httpText(queryText(`GET ${pathname}`, searchParams), { Host: host }),
  });
  location.assign(url);
}

/** What the page does first: it takes the answer of the authorization server to its backend, or asks who is signed in. */
async function start() {
  const answer = new URLSearchParams(location.search);
  if (answer.has('signed_out')) return finishSignOutEverywhere();
  if (!answer.has('code') && !answer.has('error')) return restore();
  const path = location.pathname;
  // A code works once: neither a reload nor the history should offer it again.
  history.replaceState(null, '', '/');
  try {
    return await finishAuthorization(path, answer);
  } catch (error) {
    // Whoever was signed in before still is.
    await restore().catch(() => {});
    throw error;
  }
}

async function finishAuthorization(path, answer) {
  const error = answer.get('error');
  const sentFor = steps.findLast(({ from, to }) => from === 'client' && to === 'authorization')?.title ?? '';
  record({
    from: 'user',
    to: 'authorization',
    title: error ? 'Not allowed' : sentFor.endsWith('step up') ? 'Second factor' : 'Login and consent',
    note: 'On the pages of the authorization server: this app sees neither the password nor a one-time code.',
  });
  record({
    from: 'authorization',
    to: 'client',
    title: error ?? 'Redirect with code',
    note: 'The code is worth nothing here: the backend compares the state and iss (RFC 9207), and has the verifier and the secret.',
    http: httpText(queryText(`GET ${path}`, answer), { Host: location.host }),
  });
  const { access_token, id_token_claims, resume } = await askBackend('session', {
    json: Object.fromEntries(answer),
    forToken: true,
    answer: ({ access_token }) => (access_token ? 'Access token' : 'Refused'),
  });
  tokens = { access_token, id_token_claims };
  const said = await callApi();
  return resume === 'transfer' ? transfer({ mayStepUp: false }) : said;
}

/** A reload keeps nothing but the backend's cookie, and that is enough. */
async function restore() {
  click('Open the page', 'Its memory is empty. The page asks its backend who is signed in; the browser sends the cookie.');
  return (await refreshed()) ? callApi() : '';
}

// --- Tokens -----------------------------------------------------------------------------------------------------------

/** Whether there is a new access token. */
async function refreshed() {
  const { access_token } = await askBackend('refresh', {
    forToken: true,
    answer: ({ access_token }) => (access_token ? 'Access token' : 'Nobody is signed in'),
  });
  // The ID token says who signed in, and how, and is not issued again.
  tokens = access_token ? { ...tokens, access_token } : null;
  return tokens !== null;
}

async function refresh() {
  click('Refresh token', 'No user is needed for it: the backend has the refresh token, and its secret.');
  if (!await refreshed()) throw new Refused('Signed out in the meantime.');
  return 'The access token is a new one.';
}

async function signOut() {
  click('Sign out', 'The page forgets the access token; the backend has the refresh token revoked and removes its cookie.');
  tokens = profile = null;
  const { revoked } = await askBackend('sign-out', { answer: ({ revoked }) => (revoked ? 'Revoked' : 'Not revoked') });
  if (!revoked) throw new Refused('Signed out here, but the authorization server has not revoked the refresh token.');
  return 'Signed out: the refresh token is revoked, its cookie is gone, and this page has forgotten the access token.';
}

/**
 * On a page of the authorization server, because it alone knows the user's other sessions. It asks whether the user means it, so no other
 * site can sign the user out.
 */
function signOutEverywhere() {
  steps.length = 0;
  click('Sign out everywhere', 'This app can end its own session alone. The authorization server ends all of them.');
  const { host, pathname, search } = new URL(config.sign_out_everywhere);
  record({
    from: 'client',
    to: 'authorization',
    title: LEAVE_TO_SIGN_OUT,
    note: 'The browser sends the cookie of the authorization server along.',
    http: httpText(queryText(`GET ${pathname}`, new URLSearchParams(search)), { Host: host }),
  });
  location.assign(config.sign_out_everywhere);
}

/** The user comes back. The query proves nothing, and any link may have it: whether somebody is signed in, the backend knows. */
async function finishSignOutEverywhere() {
  history.replaceState(null, '', '/');
  if (steps.at(-1)?.title !== LEAVE_TO_SIGN_OUT) return restore();
  record({
    from: 'user',
    to: 'authorization',
    title: 'Yes, everywhere',
    note: 'On a page of the authorization server. It ends all sessions and all refresh tokens of the user.',
  });
  record({
    from: 'authorization',
    to: 'resource',
    title: 'POST /ssf/events: session revoked',
    note: 'A security event (RFC 8417) from server to server, so this page does not see it: the API is to refuse the access tokens that the user has, in all windows and on all devices.',
  });
  record({ from: 'resource', to: 'authorization', title: '202 Accepted', note: 'From now on the API refuses them, though they have not expired.' });
  record({ from: 'authorization', to: 'client', title: 'Redirect', note: 'The user is back, and the page asks its backend whether somebody is signed in.' });
  try {
    if (await refreshed()) return callApi();
  } catch (error) {
    if (!error.isSignedOut) throw error;
  }
  return 'Signed out everywhere: all sessions and refresh tokens have ended, and the API refuses all access tokens of before.';
}

/** A request to the backend, which says what it did for it. One for a token needs a proof for /token, which the backend passes on. */
async function askBackend(what, { json = {}, forToken = false, answer }) {
  const { response, body } = await exchange({
    title: `POST /bff/${what}`,
    to: 'backend',
    url: `${location.origin}/bff/${what}`,
    prove: forToken && prover && (() => prover.proof('POST', config.token_endpoint)),
    nonceOf: config.token_endpoint,
    json,
    answer: (response, body) => (response.ok ? body.refused ? body.error ?? 'Refused' : answer(body) : 'Refused'),
  });
  if (response.ok && !body.refused) return body;
  const error = new Refused(body.refused ?? `Refused by the backend: ${response.status}.`);
  if (body.signed_out) {
    tokens = profile = null;
    error.isSignedOut = true;
  }
  throw error;
}

// --- API --------------------------------------------------------------------------------------------------------------

/** How the token goes along. */
const SCHEME = prover ? 'DPoP' : 'Bearer';

/**
 * A request to the API. If the API refuses the access token itself (RFC 6750 §3.1), a new one may do: it has expired, or the user has signed
 * out elsewhere, and then there is no new one.
 */
async function askApi(path, request) {
  const exchanged = await askApiOnce(path, request);
  if (exchanged.response.ok || refusal(exchanged.response).error !== 'invalid_token') return exchanged;
  const isRenewed = await refreshed().catch((error) => {
    if (!error.isSignedOut) throw error;
  });
  if (isRenewed) return askApiOnce(path, request);
  profile = null;
  throw new Refused(SIGNED_OUT_ELSEWHERE);
}

const SIGNED_OUT_ELSEWHERE =
  'You have been signed out elsewhere: the API refuses the access token (invalid_token), and there is no new one. Sign in again.';

/** With the access token, and with a proof that it comes from the holder of the key. */
function askApiOnce(path, { json, answer }) {
  const [method, url, access_token] = [json ? 'POST' : 'GET', `${config.api}${path}`, tokens.access_token];
  return exchange({
    title: `${method} ${path}, ${prover ? 'token and proof' : 'Bearer token'}`,
    to: 'resource',
    url,
    authorization: [SCHEME, access_token],
    prove: prover && (() => prover.proof(method, url, access_token)),
    nonceOf: url,
    json,
    answer: (response, body) => (response.ok ? answer : refusal(response).error),
  });
}

async function callApi() {
  const { response, body } = await askApi('/api/me', { answer: 'Profile' });
  if (!response.ok) throw new Refused(`Refused by the API: ${refusal(response).error_description ?? response.status}`);
  profile = body;
  return `The API knows you as ${body.subject}.`;
}

/** What somebody can do with the token who has stolen it, and has not the key. */
async function callApiWithoutKey() {
  click('Call without the key', 'As a thief would who has the token alone.');
  const { response } = await exchange({
    title: 'GET /api/me, Bearer token',
    to: 'resource',
    url: `${config.api}/api/me`,
    authorization: ['Bearer', tokens.access_token],
    answer: (response) => (response.ok ? 'Profile' : refusal(response).error),
  });
  if (response.ok) throw new Refused('The API takes a stolen token.');
  return `The API refuses the token without the key: ${refusal(response).error}.`;
}

/** A web application on a server: it calls the API itself, and its page gets what there is to show. */
async function callApiByBackend() {
  click('Let the backend call', 'As a web application on a server does: no token comes to the page.');
  const { profile: body } = await askBackend('profile', { answer: ({ profile }) => (profile ? 'Profile' : 'Nobody is signed in') });
  if (!body) throw new Refused('Signed out in the meantime.');
  profile = body;
  return `The API knows the backend as ${body.client}, and you as ${body.subject}.`;
}

/** The API wants a stronger or a more recent authentication for it and says which (RFC 9470); the user is sent to get it. */
async function transfer({ mayStepUp = true } = {}) {
  if (mayStepUp) click('Transfer', 'The app just tries: the API knows what a transfer needs.');
  const { response, body } = await askApi('/api/transfer', {
    json: { to: 'bob', amount: 100, currency: 'EUR' },
    answer: 'Transferred',
  });
  if (response.ok) return `Transferred by ${body.transferred_by}, who was authenticated as ${body.acr}.`;

  const { error, error_description, scope, acr_values, max_age } = refusal(response);
  // Once: a server that is not content with what it asked for will not be content the next time either.
  if (error !== 'insufficient_user_authentication' || !mayStepUp) {
    throw new Refused(`Refused by the API: ${error_description ?? response.status}`);
  }
  // The challenge names the scope of this one request; the new token has to serve for the others too.
  const scopes = [...new Set(`${config.scope} ${scope ?? ''}`.trim().split(' '))].join(' ');
  await authorize({ scope: scopes, ...(acr_values && { acr_values }), ...(max_age && { max_age }) }, 'transfer');
  return 'The API wants a stronger sign-in.';
}

// --- What goes over the wire, and how it is shown ---------------------------------------------------------------------

/**
 * One request of this page and its answer, each recorded as a step; between the two, what the backend did meanwhile. `prove` makes the
 * proof that goes along, and `nonceOf` is the server whose nonces stand in such proofs.
 */
async function exchange({ title, to, url, authorization, prove, nonceOf, json, answer }, mayRepeat = true) {
  const method = json ? 'POST' : 'GET';
  const proof = prove && await prove();
  const headers = {
    ...(authorization && { Authorization: authorization.join(' ') }),
    ...(proof && { DPoP: proof.text }),
    ...(json && { 'Content-Type': 'application/json' }),
  };
  const content = json && JSON.stringify(json);
  const { host, pathname } = new URL(url);
  const shown = {
    Host: host,
    ...headers,
    ...(authorization && { Authorization: `${authorization[0]} ${abbreviate(authorization[1])}` }),
    ...(proof && { DPoP: `${abbreviate(proof.text)}\n${jsonText(proof.header)}\n${jsonText(proof.claims)}` }),
  };
  record({
    from: 'client',
    to,
    title,
    http: httpText(`${method} ${pathname}`, shown, json && Object.keys(json).length > 0 && jsonText(json)),
  });

  const response = await fetch(url, { method, headers, body: content }).catch(() => {
    throw new Refused(`${host} does not answer.`);
  });
  const text = await response.text();
  const { messages = [], ...body } = text && response.headers.get('Content-Type')?.includes('json') ? JSON.parse(text) : {};
  messages.forEach(record);
  // A page of another origin sees the headers that CORS exposes.
  const seen = ['Content-Type', 'WWW-Authenticate', 'DPoP-Nonce', 'Retry-After'].filter((name) => response.headers.has(name));
  record({
    from: to,
    to: 'client',
    title: `${response.status} ${answer(response, body) ?? ''}`,
    http: httpText(
      `${response.status} ${response.statusText}`,
      Object.fromEntries(seen.map((name) => [name, response.headers.get(name)])),
      Object.keys(body).length ? jsonText(body) : messages.length ? '' : text,
    ),
  });
  if (proof) prover.keepNonce(nonceOf, response);
  // The server wants its nonce in the proof. It has just sent one, so a second time would be in vain.
  const wantsNonce = body.error === 'use_dpop_nonce' || refusal(response).error === 'use_dpop_nonce';
  if (proof && wantsNonce && mayRepeat) {
    return exchange({ title: `${title}, with the nonce`, to, url, authorization, prove, nonceOf, json, answer }, false);
  }
  return { response, body };
}

// --- The page ---------------------------------------------------------------------------------------------------------

const element = (id) => document.getElementById(id);
const ACTORS = {
  user: 'User',
  client: 'Page',
  backend: 'Backend',
  authorization: 'Authorization server',
  resource: 'Resource server',
};

/** A step of the sequence, from one actor to another. */
function record(step) {
  steps.push(step);
  save();
  render();
}

const click = (title, note) => record({ from: 'user', to: 'client', title, note });

function say(text, kind = 'good') {
  element('message').className = text && `banner ${kind}`;
  element('message').textContent = text;
}

function render() {
  element('welcome').hidden = Boolean(tokens);
  element('account').hidden = element('token').hidden = !tokens;
  element('profile').replaceChildren(...Object.entries(profile ?? {}).flatMap(entry));
  if (tokens) renderToken(tokens);
  renderSteps();
}

/** A name and its value; a list as one chip for each of its items. */
function entry([name, value]) {
  const term = make('dt', name.replaceAll('_', ' '));
  const description = make('dd');
  if (Array.isArray(value)) description.append(...value.map((item) => make('span', item, 'chip')));
  else description.textContent = name.endsWith('_at') ? time(value) : value;
  return [term, description];
}

function renderToken({ access_token, id_token_claims }) {
  const isOpaque = !access_token.includes('.');
  element('token-jwt').hidden = isOpaque;
  element('token-opaque').hidden = !isOpaque;
  if (isOpaque) element('token-opaque').textContent = `${abbreviate(access_token)} is opaque: the API asks the authorization server what it is.`;
  else renderJwt(decode(access_token));
  element('id-token').hidden = !id_token_claims;
  element('id-token-claims').textContent = id_token_claims ? jsonText(id_token_claims) : '';
}

function renderJwt({ parts, header, claims }) {
  // Without its signature the token is worth nothing to somebody who photographs this page.
  const shown = [parts[0], parts[1], abbreviate(parts[2])];
  [...element('token-parts').children].forEach((part, index) => { part.textContent = shown[index]; });
  element('token-header').textContent = jsonText(header);
  element('token-claims').textContent = jsonText(claims);
  element('token-expiry').textContent = `Expires at ${time(claims.exp)}.`;
  element('token-key').textContent = claims.cnf?.jkt ? `Bound to the key ${claims.cnf.jkt}, which no script can take out of this browser.` : '';
}

/** The list of the steps, with the messages of the last one unfolded. */
function renderSteps() {
  const all = element('unfold').getAttribute('aria-pressed') === 'true';
  const items = steps.map(({ from, to, title, note, http }, index) => {
    const item = element('step').content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`.${name}`);
    item.className = `from-${from} to-${to}`;
    part('route').textContent = `${ACTORS[from]} → ${ACTORS[to]}`;
    part('label').textContent = title;
    part('note').textContent = note ?? '';
    part('http').textContent = http ?? '';
    item.querySelector('details').open = all || index === steps.length - 1;
    return item;
  });
  element('steps').replaceChildren(...items);
}

function make(name, text = '', className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

/** One action at a time, so that the steps of two do not mix. */
let busy = false;
async function run(action) {
  if (busy) return;
  busy = true;
  document.body.setAttribute('aria-busy', 'true');
  try {
    say(await action() ?? '');
  } catch (error) {
    say(error.message, 'bad');
    if (!(error instanceof Refused)) throw error;
  } finally {
    busy = false;
    document.body.removeAttribute('aria-busy');
    save();
    render();
    // A button that was just hidden must not take the keyboard's place with it.
    if (document.activeElement === document.body && tokens === null) element('sign-in').focus();
  }
}

for (const [id, action] of Object.entries({
  'sign-in': signIn,
  'call-api': callApi,
  'call-api-by-backend': callApiByBackend,
  'call-api-without-key': callApiWithoutKey,
  refresh,
  transfer: () => transfer(),
  'sign-out': signOut,
  'sign-out-everywhere': signOutEverywhere,
})) {
  element(id).addEventListener('click', () => run(action));
}
element('unfold').addEventListener('click', ({ target }) => {
  target.setAttribute('aria-pressed', target.getAttribute('aria-pressed') !== 'true');
  renderSteps();
});

element('call-api-without-key').hidden = !prover;
await run(start);
