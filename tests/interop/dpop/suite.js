// Tokens that are bound to a key of the client (RFC 9449): the servers, each with the key of the client and the options of the API.
import { code } from '../report.js';
import { ExampleMe } from '../servers/example-me.js';
import { OidcProviderWithProofs } from '../servers/oidc-provider.js';
import { DPOP_CASES } from './cases.js';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519'];

/** `nonces` is whether the server has nonces too. */
const withProofs = (Server, algorithm, options, nonces) => ({
  makeServer: () => new Server(options, nonces),
  algorithm,
  profile: 'rfc9068',
  required: options.includes('required'),
  nonces: options.includes('--dpop-nonce'),
});

export const DPOP_SUITE = {
  title: 'With proofs by DPoP',
  cases: DPOP_CASES,
  explained: {},
  servers: [
    ...ALGORITHMS.flatMap((algorithm) => [
      withProofs(OidcProviderWithProofs, algorithm, ['--dpop'], false),
      withProofs(OidcProviderWithProofs, algorithm, ['--dpop', 'required', '--dpop-nonce'], true),
    ]),
    withProofs(OidcProviderWithProofs, 'ES256', ['--dpop', '--dpop-nonce'], false),
    withProofs(OidcProviderWithProofs, 'ES256', ['--dpop', 'required'], true),
    withProofs(ExampleMe, 'ES256', ['--dpop']),
    withProofs(ExampleMe, 'ES256', ['--dpop', 'required', '--dpop-nonce']),
  ],
  configuration: {
    server: ({ server }) => server.constructor.title,
    'key of the client': ({ algorithm }) => algorithm,
    'its nonces': ({ server }) => (server.nonces ? 'with nonces' : 'without nonces'),
    'options of the API': ({ server }) => code(server.options.join(' ')),
  },
};
