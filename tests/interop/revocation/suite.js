// Back-Channel Logout: the servers that send logout tokens, each with and without sessions in its tokens.
import { code, form, list } from '../report.js';
import { OidcProviderWithLogout } from '../servers/oidc-provider.js';
import { LOGOUT_CASES } from './cases.js';

const withLogout = (profile, sessionRequired, sessionInTokens) =>
  ({ makeServer: () => new OidcProviderWithLogout({ sessionRequired, sessionInTokens }), profile });
const yes = (is) => (is ? 'yes' : 'no');

export const LOGOUT_SUITE = {
  title: 'With back-channel logout',
  cases: LOGOUT_CASES,
  explained: {},
  servers: [
    withLogout('rfc9068', true, true),
    withLogout('rfc9068', true, false),
    withLogout('generic', false, false),
  ],
  configuration: {
    server: ({ server }) => server.constructor.title,
    '`sid` in logout tokens': ({ server }) => yes(server.sessionRequired),
    '`sid` in access tokens': ({ server }) => yes(server.sessionInTokens),
    'profile of the API': ({ profile }) => profile,
    'options of the API': ({ server }) => code(server.options.join(' ')),
  },
  facts: {
    title: 'What was seen of their logout tokens',
    rows: {
      'header: `typ`': ({ logout }) => code(logout.header.typ),
      header: ({ logout }) => list(Object.keys(logout.header).sort()),
      claims: ({ logout }) => list(Object.keys(logout.payload).sort()),
      '`aud`': ({ logout }) => (logout.payload.aud === 'app' ? 'the client' : form(logout.payload.aud)),
      '`sub`': ({ logout, user }) => (logout.payload.sub === user.payload.sub ? "that of the user's tokens" : 'another'),
      '`events`': ({ logout }) => code(JSON.stringify(logout.payload.events)),
      'good for': ({ logout }) => `${logout.payload.exp - logout.payload.iat} s`,
    },
  },
};
