// Cells of the table that are ✗ because the server departs from an RFC, with the reason. What is not ✗ must not be here.
export const EXPLAINED = {
  'django-oauth-toolkit': {
    'refresh token':
      'if only ACCESS_TOKEN_GENERATOR is set, it makes refresh tokens with it too. Each of them is an access token then, ' +
      'which the API cannot tell from others (RFC 6749 §1.5: refresh tokens are for authorization servers only)',
  },
};
