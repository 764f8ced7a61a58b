// The client of the sequence: a public client (RFC 6749 §2.1) that uses no library, so that each of its steps can be read here.
//
// user → client app (PKCE verifier and challenge) → /authorize → login and consent → code → /token with the verifier
// → access, refresh and ID token → GET /api/me with the Bearer token → profile

const config = await (await fetch('/config.json')).json();

// The tokens, the steps so far and the flow under way. In sessionStorage, because the way to the authorization server and
// back ends the page and whatever its memory held. It dies with the tab, other tabs do not see it, and unlike a cookie it is
// never sent by itself. A foreign script inside this page could read it, so the page's Content-Security-Policy lets none in.
// An app with more to lose keeps its tokens on a server of its own.
const session = JSON.parse(sessionStorage.getItem('session')) ?? { steps: [], flow: null, tokens: null, profile: null };
const save = () => sessionStorage.setItem('session', JSON.stringify(session));

/** Ends what was going on; its message is for the user. */
class Refused extends Error {}

// --- Authorization request and answer ---------------------------------------------------------------------------------

async function signIn() {
  session.steps = [];
  click('Sign in', 'The app makes a PKCE verifier, which stays in this tab, and a challenge out of it.');
  await authorize();
}

/**
 * Sends the user to the authorization server. `demands` are what a challenge asks for, `resume` names the action to take up
 * again afterwards.
 */
async function authorize(demands = {}, resume = null) {
  const verifier = random();
  const [state, nonce] = [random(), random()];
  session.flow = { verifier, state, nonce, resume, subject: session.tokens && decode(session.tokens.id_token).claims.sub };

  const url = new URL(config.authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: config.client_id,
    redirect_uri: config.redirect_uri,
    scope: config.scope,
    state,
    nonce,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: 'S256',
    ...demands,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  record({
    from: 'client',
    to: 'authorization',
    title: resume ? 'GET /authorize, step up' : 'GET /authorize, challenge',
    note: `The verifier ${abbreviate(verifier)} stays here; what goes along is the challenge, its SHA-256.`,
    http: httpText(queryText(`GET ${url.pathname}`, url.searchParams), { Host: url.host }),
  });
  save();
  location.assign(url);
}

/** Looks whether this page's address is the answer of the authorization server, and goes on from there. */
async function finishAuthorization() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has('code') && !answer.has('error')) return '';
  const path = location.pathname;
  // A code works once: neither a reload nor the history should offer it again.
  history.replaceState(null, '', '/');

  // An answer to a question that this tab did not ask is not looked at, and the question it did ask stays open.
  if (!session.flow || answer.get('state') !== session.flow.state) {
    throw new Refused('Refused: this answer has a foreign state, so it belongs to no sign-in that this tab began.');
  }
  const { verifier, nonce, resume, subject } = session.flow;
  session.flow = null;
  // RFC 9207: the code of one server must not be sent to another.
  if (answer.get('iss') !== config.issuer) throw new Refused('Refused: another authorization server has answered.');

  const error = answer.get('error');
  record({
    from: 'user',
    to: 'authorization',
    title: error ? 'Not allowed' : resume ? 'Second factor' : 'Login and consent',
    note: 'On the pages of the authorization server: this app sees neither the password nor a one-time code.',
  });
  record({
    from: 'authorization',
    to: 'client',
    title: error ?? 'Redirect with code',
    note: 'The state is the one that this tab sent, and iss is the server that it asked (RFC 9207).',
    http: httpText(queryText(`GET ${path}`, answer), { Host: location.host }),
  });
  if (error) throw new Refused(`Refused by the authorization server: ${answer.get('error_description') ?? error}`);

  const tokens = await requestTokens('POST /token, code and verifier', {
    grant_type: 'authorization_code',
    code: answer.get('code'),
    redirect_uri: config.redirect_uri,
    code_verifier: verifier,
  });
  const user = checkIdToken(tokens.id_token, nonce).sub;
  // What was begun as one user is not finished as another.
  if (resume && user !== subject) throw new Refused('Refused: somebody else has signed in, so nothing is transferred.');
  session.tokens = tokens;
  return resume === 'transfer' ? transfer({ mayStepUp: false }) : callApi();
}

/** RFC 7636 §4.2: whoever steals the code from the redirect cannot redeem it, for the verifier was never on the way. */
async function challengeOf(verifier) {
  return base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

// --- Tokens -----------------------------------------------------------------------------------------------------------

async function requestTokens(title, parameters) {
  const { response, body } = await exchange({
    title,
    to: 'authorization',
    url: config.token_endpoint,
    form: { ...parameters, client_id: config.client_id },
    answer: (response, body) => (response.ok ? tokenNames(body) : body.error),
  });
  if (!response.ok) throw new Refused(`No token: ${body.error_description ?? body.error ?? response.status}`);
  if (body.token_type?.toLowerCase() !== 'bearer') throw new Refused(`Cannot use a token of type ${body.token_type}.`);
  return body;
}

const tokenNames = (body) =>
  `Tokens: ${['access', 'refresh', 'id'].filter((kind) => body[`${kind}_token`]).join(', ').replace('id', 'ID')}`;

/** OpenID Connect Core §3.1.3.7. The token came from the issuer directly, so its signature may go unchecked. */
function checkIdToken(token, nonce) {
  const { claims } = token ? decode(token) : { claims: {} };
  const good = claims.iss === config.issuer
    && [claims.aud].flat().includes(config.client_id)
    && claims.exp > Date.now() / 1000
    && claims.nonce === nonce;
  if (!good) throw new Refused('Refused: the ID token is not for this sign-in.');
  return claims;
}

/** Header and claims, to be shown. What an access token means is the API's business: a client decides nothing by it. */
function decode(token) {
  const json = (part) => {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  const parts = token.split('.');
  return { parts, header: json(parts[0]), claims: json(parts[1]) };
}

async function refresh() {
  click('Refresh token', 'The app needs no user for it: it has the refresh token.');
  const tokens = await requestTokens('POST /token, refresh token', {
    grant_type: 'refresh_token',
    refresh_token: session.tokens.refresh_token,
  });
  // A server that rotates refresh tokens sends the next one, and the old one is worth nothing any more.
  session.tokens = { ...session.tokens, ...tokens };
  return 'The access token is a new one.';
}

async function signOut() {
  click('Sign out', 'The app forgets its tokens and has the refresh token revoked.');
  const { refresh_token, access_token } = session.tokens;
  // This tab forgets them, whatever becomes of the revocation.
  Object.assign(session, { tokens: null, profile: null, flow: null });
  const { response } = await exchange({
    title: 'POST /revoke',
    to: 'authorization',
    url: config.revocation_endpoint,
    form: { token: refresh_token ?? access_token, client_id: config.client_id },
    answer: (response) => (response.ok ? 'Revoked' : 'Not revoked'),
  });
  if (!response.ok) throw new Refused('Signed out here, but the authorization server has not revoked the refresh token.');
  return 'Signed out: the refresh token is revoked, and this tab has forgotten its tokens.';
}

// --- API --------------------------------------------------------------------------------------------------------------

async function callApi() {
  const { response, body } = await exchange({
    title: 'GET /api/me, Bearer token',
    to: 'resource',
    url: `${config.api}/api/me`,
    bearer: session.tokens.access_token,
    answer: (response) => (response.ok ? 'Profile' : refusal(response).error),
  });
  if (!response.ok) throw new Refused(`Refused by the API: ${refusal(response).error_description ?? response.status}`);
  session.profile = body;
  return `The API knows you as ${body.subject}.`;
}

/** The API wants a stronger or a more recent authentication for it and says which (RFC 9470); the user is sent to get it. */
async function transfer({ mayStepUp = true } = {}) {
  if (mayStepUp) click('Transfer', 'The app just tries: the API knows what a transfer needs.');
  const { response, body } = await exchange({
    title: 'POST /api/transfer, Bearer token',
    to: 'resource',
    url: `${config.api}/api/transfer`,
    bearer: session.tokens.access_token,
    json: { to: 'bob', amount: 100, currency: 'EUR' },
    answer: (response) => (response.ok ? 'Transferred' : refusal(response).error),
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

/** The parameters of the Bearer challenge in a refusal. */
function refusal(response) {
  const challenges = parseChallenges(response.headers.get('WWW-Authenticate') ?? '');
  return challenges.find(({ scheme }) => scheme === 'bearer')?.parameters ?? {};
}

/**
 * RFC 9110 §11.6.1: challenges, each a scheme with a token68 or with parameters, and commas both between the parameters and
 * between the challenges. What is malformed contains no challenge.
 */
export function parseChallenges(header) {
  const token = "[!#$%&'*+.^_`|~\\w-]+";
  const parameter = new RegExp(`[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*(?=,|$)`, 'y');
  const scheme = new RegExp(`[\\s,]*(${token})(?: +([\\w.~+/-]+=*)\\s*(?=,|$))?(?=[ ,]|$)`, 'y');
  const challenges = [];
  let at = 0;
  while (/[^\s,]/.test(header.slice(at))) {
    parameter.lastIndex = scheme.lastIndex = at;
    const current = challenges.at(-1);
    const [, name, quoted, plain] = (current && parameter.exec(header)) ?? [];
    if (name) {
      if (name.toLowerCase() in current.parameters) return [];
      current.parameters[name.toLowerCase()] = plain ?? quoted.replace(/\\(.)/g, '$1');
      at = parameter.lastIndex;
    } else {
      const [, found, token68] = scheme.exec(header) ?? [];
      if (!found) return [];
      challenges.push({ scheme: found.toLowerCase(), token68, parameters: Object.create(null) });
      at = scheme.lastIndex;
    }
  }
  return challenges;
}

// --- What goes over the wire, and how it is shown ---------------------------------------------------------------------

/** One request of this page and its answer, each recorded as a step. */
async function exchange({ title, to, url, bearer, form, json, answer }) {
  const method = form || json ? 'POST' : 'GET';
  const headers = {
    ...(bearer && { Authorization: `Bearer ${bearer}` }),
    ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
    ...(json && { 'Content-Type': 'application/json' }),
  };
  const content = form ? new URLSearchParams(form) : json && JSON.stringify(json);
  const { host, pathname } = new URL(url);
  const shown = { Host: host, ...headers, ...(bearer && { Authorization: `Bearer ${abbreviate(bearer)}` }) };
  record({
    from: 'client',
    to,
    title,
    http: httpText(`${method} ${pathname}`, shown, form ? parameterText(content, '\n&') : json && jsonText(json)),
  });

  const response = await fetch(url, { method, headers, body: content }).catch(() => {
    throw new Refused(`${host} does not answer.`);
  });
  const text = await response.text();
  const body = text && response.headers.get('Content-Type')?.includes('json') ? JSON.parse(text) : {};
  // A page of another origin sees the headers that CORS exposes.
  const seen = ['Content-Type', 'WWW-Authenticate', 'Retry-After'].filter((name) => response.headers.has(name));
  record({
    from: to,
    to: 'client',
    title: `${response.status} ${answer(response, body) ?? ''}`,
    http: httpText(
      `${response.status} ${response.statusText}`,
      Object.fromEntries(seen.map((name) => [name, response.headers.get(name)])),
      Object.keys(body).length ? jsonText(body) : text,
    ),
  });
  return { response, body };
}

const SECRETS = ['code', 'code_verifier', 'token', 'access_token', 'refresh_token', 'id_token'];
const abbreviate = (secret) => `${secret.slice(0, 8)}…`;
const withoutSecret = (name, value) => (SECRETS.includes(name) && typeof value === 'string' ? abbreviate(value) : value);

const httpText = (start, headers, content) =>
  [start, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...(content ? ['', content] : [])].join('\n');
const jsonText = (value) => JSON.stringify(value, withoutSecret, 2);
const parameterText = (parameters, separator) =>
  [...parameters].map(([name, value]) => `${name}=${withoutSecret(name, value)}`).join(separator);
const queryText = (start, parameters) => `${start}\n  ?${parameterText(parameters, '\n  &')}`;

// --- The page ---------------------------------------------------------------------------------------------------------

const element = (id) => document.getElementById(id);
const ACTORS = { user: 'User', client: 'Client app', authorization: 'Authorization server', resource: 'Resource server' };

/** A step of the sequence, from one actor to another. */
function record(step) {
  session.steps.push(step);
  save();
  render();
}

const click = (title, note) => record({ from: 'user', to: 'client', title, note });

function say(text, kind = 'good') {
  element('message').className = text && `banner ${kind}`;
  element('message').textContent = text;
}

function render() {
  const { tokens, profile } = session;
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

function renderToken({ access_token, id_token }) {
  const { parts, header, claims } = decode(access_token);
  // Without its signature the token is worth nothing to somebody who photographs this page.
  const shown = [parts[0], parts[1], abbreviate(parts[2])];
  [...element('token-parts').children].forEach((part, index) => { part.textContent = shown[index]; });
  element('token-header').textContent = jsonText(header);
  element('token-claims').textContent = jsonText(claims);
  element('token-expiry').textContent = `Expires at ${time(claims.exp)}.`;
  element('id-token-claims').textContent = jsonText(decode(id_token).claims);
}

/** The list of the steps, with the messages of the last one unfolded. */
function renderSteps() {
  const all = element('unfold').getAttribute('aria-pressed') === 'true';
  const items = session.steps.map(({ from, to, title, note, http }, index) => {
    const item = element('step').content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`.${name}`);
    item.className = `from-${from} to-${to}`;
    part('route').textContent = `${ACTORS[from]} → ${ACTORS[to]}`;
    part('label').textContent = title;
    part('note').textContent = note ?? '';
    part('http').textContent = http ?? '';
    item.querySelector('details').open = all || index === session.steps.length - 1;
    return item;
  });
  element('steps').replaceChildren(...items);
}

function make(name, text = '', className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

/** One action at a time: a refresh token sent twice would look stolen to a server that rotates them. */
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
    if (document.activeElement === document.body && session.tokens === null) element('sign-in').focus();
  }
}

for (const [id, action] of Object.entries({
  'sign-in': signIn,
  'call-api': callApi,
  refresh,
  transfer: () => transfer(),
  'sign-out': signOut,
})) {
  element(id).addEventListener('click', () => run(action));
}
element('unfold').addEventListener('click', ({ target }) => {
  target.setAttribute('aria-pressed', target.getAttribute('aria-pressed') !== 'true');
  renderSteps();
});

await run(finishAuthorization);
