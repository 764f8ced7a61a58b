// Cells of the table that are ✗ because the server departs from an RFC, with the reason. What is not ✗ must not be here.
export const EXPLAINED = {
  'django-oauth-toolkit': {
    'refresh token':
      'if only ACCESS_TOKEN_GENERATOR is set, it makes refresh tokens with it too. Each of them is an access token then, ' +
      'which the API cannot tell from others (RFC 6749 §1.5: refresh tokens are for authorization servers only)',
  },
};

// The same for the cells of the table about introspection.
export const EXPLAINED_ANSWERS = {
  'django-oauth-toolkit': {
    'code + PKCE':
      'its answers name a user by `username` alone, and have no `sub`, which RFC 7662 §2.2 leaves optional. With the client as ' +
      'the subject, all users of a client would be one',
  },
};

const NO_END =
  'its logout tokens have no `exp`, which OpenID Connect Back-Channel Logout 1.0 §2.4 requires, and draft 06, which it follows, ' +
  'does not: the API answers 400';

// The same for the cells of the table about back-channel logout.
export const EXPLAINED_LOGOUT = {
  glewlwyd: { 'sign-out': NO_END, 'another session of the user': NO_END, 'the same logout token again': NO_END },
};

const DECODES_NOTHING =
  'it compares `htu` as the class `URL` writes it, which decodes no letters (RFC 9449 §4.3: SHOULD be normalised)';
const WIDER_WINDOW = 'it accepts an `iat` within 300 s, and the API within 60 s, which can be set';
const LAST_COUNTS = 'it parses with `JSON.parse`, in which the last one counts';
const NO_OTHER_TIMES =
  'it reads the claims that RFC 9449 §4.3 names; the others know `exp` and `nbf` of any JWT (RFC 7519 §4.1.4, §4.1.5)';
const NO_JTI = 'it leaves the `jti` to the application, and so the detection of replays';

// Verdicts on proofs that are not what `dpop/proofs.js` says, with the reason. Others must not be here.
export const EXPLAINED_VERDICTS = {
  '`jwk` with the `use` `enc`': { oauth4webapi: 'it does not read the `use` of the `jwk`' },
  '`jti`: empty': { oauth4webapi: NO_JTI, 'examples/me': 'it does not look at the form of the `jti`' },
  '`jti`: 1,000 letters': { 'the API': 'it accepts at most 128 bytes' },
  '`htu`: a letter percent-encoded': {
    oauth4webapi: DECODES_NOTHING,
    'oidc-provider': DECODES_NOTHING,
    'examples/me': DECODES_NOTHING,
  },
  '`htu`: with dot segments': {
    'the API': 'it refuses dot segments, which proxies and routers resolve in different ways; no client library sends them',
  },
  '`iat`: 2 minutes ago': { oauth4webapi: WIDER_WINDOW, 'oidc-provider': WIDER_WINDOW },
  '`iat`: in 2 minutes': { oauth4webapi: WIDER_WINDOW, 'oidc-provider': WIDER_WINDOW },
  '`nonce`: one that nobody asked for': { 'oidc-provider': 'it refuses a nonce if it is not set up for nonces' },
  '`exp`: a minute ago': { 'the API': NO_OTHER_TIMES, 'examples/me': NO_OTHER_TIMES },
  '`nbf`: in a minute': { 'the API': NO_OTHER_TIMES, 'examples/me': NO_OTHER_TIMES },
  'a claim twice': { oauth4webapi: LAST_COUNTS, 'oidc-provider': LAST_COUNTS },
  'used before': { oauth4webapi: NO_JTI },
};
