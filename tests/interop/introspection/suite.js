// Tokens that the API asks the server about (RFC 7662, RFC 9701): the servers, each with how the API authenticates.
import { EXPLAINED_ANSWERS } from '../explained.js';
import { code, form, list } from '../report.js';
import { AuthlibIntrospected } from '../servers/authlib.js';
import { DjangoIntrospected, DjangoIntrospectedWithSubject } from '../servers/django-oauth-toolkit.js';
import { GlewlwydIntrospected } from '../servers/glewlwyd.js';
import { OidcProviderIntrospected } from '../servers/oidc-provider.js';
import { Asking } from './asking.js';
import { INTROSPECTION_CASES } from './cases.js';

const BY_SECRET = ['client_secret_basic', 'client_secret_post'];

const asked = (Server, method, more) => ({ makeServer: () => new Server(new Asking(method, more)), profile: 'generic' });

export const INTROSPECTION_SUITE = {
  title: 'With introspection',
  cases: INTROSPECTION_CASES,
  explained: EXPLAINED_ANSWERS,
  servers: [
    ...[...BY_SECRET, 'private_key_jwt'].map((method) => asked(OidcProviderIntrospected, method)),
    ...['client_secret_basic', 'private_key_jwt'].map((method) => asked(OidcProviderIntrospected, method, { signed: true })),
    ...BY_SECRET.map((method) => asked(GlewlwydIntrospected, method)),
    ...BY_SECRET.map((method) => asked(AuthlibIntrospected, method)),
    asked(DjangoIntrospected, 'client_secret_basic'),
    ...BY_SECRET.map((method) => asked(DjangoIntrospectedWithSubject, method)),
  ],
  configuration: {
    server: ({ server }) => server.constructor.title,
    'the API authenticates by': ({ server }) => code(server.asking.method),
    answers: ({ server }) => (server.asking.signed ? 'signed' : 'plain'),
    'further options of the API': ({ server }) => list(server.options),
  },
  facts: {
    title: 'What was seen of their answers',
    rows: {
      'authentication, by its metadata': ({ methods }) => (methods ? list(methods) : 'not said'),
      '`iss`': ({ user }) => form(user.iss),
      '`aud`': ({ user }) => form(user.aud),
      '`aud` if no resource is named': ({ nowhere }) => (nowhere ? form(nowhere.aud) : '–'),
      '`scope`': ({ user }) => form(user.scope),
      '`client_id`': ({ user }) => form(user.client_id),
      '`sub` of a user': ({ user }) => form(user.sub),
      '`sub` of a client': ({ machine }, server) => (machine.sub === server.machine ? 'its `client_id`' : form(machine.sub)),
      '`token_type`': ({ user }) => (user.token_type ? code(user.token_type) : 'none'),
      'beside these, `active` and `exp`': ({ user }) => list(Object.keys(user).filter((name) => !ROWS.includes(name)).sort()),
      'refresh token': ({ refresh, user }) => kind(refresh, user),
      'ID token': ({ idToken, user }) => kind(idToken, user),
    },
  },
};

const ROWS = ['active', 'exp', 'iss', 'aud', 'scope', 'client_id', 'sub', 'token_type'];

/** What is said about another token, and how that differs from what is said about an access token. */
function kind(answer, ofAccessToken) {
  if (!answer.active) return answer.error ? `error ${code(answer.error)}` : 'not active';
  const lacks = Object.keys(ofAccessToken).filter((name) => !(name in answer));
  const type = answer.token_type !== ofAccessToken.token_type && answer.token_type;
  return ['active', lacks.length && `without ${list(lacks)}`, type && `\`token_type\` ${code(type)}`].filter(Boolean).join(', ');
}
