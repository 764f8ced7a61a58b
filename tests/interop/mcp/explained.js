// What is not ✓ in the tables, with the reason. What is ✓ must not be here.
import { PreviousTypescript, PreviousTypescriptWithRefreshToken } from './typescript.js';

const THE_CHALLENGE_ALONE =
  'it asks for the scopes of the challenge alone, and so loses those that it had. From then on, each change from one kind of tool to ' +
  'the other costs an authorization';
const A_REFRESH =
  'it answers 403 with a refresh, which brings no further scope (RFC 6749 §6), and gives up at the next 403';

/** Steps of clients, by their titles, with what the error says. */
export const EXPLAINED_STEPS = {
  [PreviousTypescript.title]: {
    'what was granted before is kept': [THE_CHALLENGE_ALONE, /^3 authorizations/],
  },
  [PreviousTypescriptWithRefreshToken.title]: {
    '403 with the scope, step-up': [A_REFRESH, /Server returned 403 after trying upscoping$/],
    'what was granted before is kept': [A_REFRESH, /notes\.txt/],
  },
};

/** Scenarios of the suite with a failure or a warning. */
export const EXPLAINED_SCENARIOS = {
  'authorization-server-metadata-endpoint':
    'a warning: the authorization server of the example has no client ID metadata documents. Its clients register themselves',
};

const NOTHING_CHANGES = 'the tools and prompts of the server do not change';

/** Checks that the suite skips. */
export const EXPLAINED_SKIPS = {
  'sep-2575-server-sends-prompts-list-changed-on-subscription': NOTHING_CHANGES,
  'sep-2575-server-sends-tools-list-changed-on-subscription': NOTHING_CHANGES,
};
