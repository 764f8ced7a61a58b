// Back-Channel Logout: the servers that send logout tokens, each with and without sessions in its tokens.
import { EXPLAINED_LOGOUT } from '../explained.js';
import { code, form, list } from '../report.js';
import { GlewlwydWithLogout } from '../servers/glewlwyd.js';
import { OidcProviderWithLogout } from '../servers/oidc-provider.js';
import { LOGOUT_CASES } from './cases.js';

const withLogout = (Server, profile, sessionRequired, sessionInTokens) =>
  ({ makeServer: () => new Server({ sessionRequired, sessionInTokens }), profile });
const yes = (is) => (is ? 'yes' : 'no');

export const LOGOUT_SUITE = {
  title: 'With back-channel logout',
  cases: LOGOUT_CASES,
  explained: EXPLAINED_LOGOUT,
  servers: [
    withLogout(OidcProviderWithLogout, 'rfc9068', true, true),
    withLogout(OidcProviderWithLogout, 'rfc9068', true, false),
    withLogout(OidcProviderWithLogout, 'generic', false, false),
    ...[true, false].map((sessionRequired) => withLogout(GlewlwydWithLogout, 'rfc9068', sessionRequired, false)),
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
      'known, by the metadata': ({ metadata }) => (metadata.backchannel_logout_supported ? 'yes' : 'not said'),
      'header: `typ`': ({ logout }) => code(logout.header.typ),
      header: ({ logout }) => list(Object.keys(logout.header).sort()),
      claims: ({ logout }) => list(Object.keys(logout.payload).sort()),
      '`aud`': ({ logout }) => (logout.payload.aud === 'app' ? 'the client' : form(logout.payload.aud)),
      '`sub`': ({ logout, user }) => (logout.payload.sub === user.payload.sub ? "that of the user's tokens" : 'another'),
      '`events`': ({ logout }) => code(JSON.stringify(logout.payload.events)),
      '`exp`': ({ logout: { payload } }) => (payload.exp ? `${payload.exp - payload.iat} s after \`iat\`` : 'none'),
    },
  },
};
