// SETs in the shapes of other people's transmitters: what Keycloak's source writes, and what Okta's documentation shows.
import { randomUUID } from 'node:crypto';
import { ago, EVENT } from './issuer.js';

export const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
export const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
export const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/';

/** What a SET ends, by the names of `PROBES` in `suite.js`. */
const NOTHING = [];
const USER = ['session', 'other session', 'no session'];
/** The session whatever the time, and the tokens of the user that name none. */
const SESSION = ['session', 'no session', 'session, later'];
/** If the user cannot be matched. */
const SESSION_ALONE = ['session', 'session, later'];

const opaque = (id) => ({ format: 'opaque', id });
const email = ({ user }) => ({ format: 'email', email: `${user}@example.com` });
const issSub = ({ issuer, user }) => ({ format: 'iss_sub', iss: issuer.url, sub: user });
const complex = (members) => ({ format: 'complex', ...members });

/** SETs as `SecurityEventTokenMapper` makes them. Its users are `iss_sub`, or `email` if a stream says so. */
const keycloak = (type, event, subject) => (world) => {
  const content = { event_timestamp: ago(EVENT), initiating_entity: 'user', ...event };
  return world.issuer.set(world.audience, { [type]: content }, { sub_id: subject(world), txn: randomUUID() });
};
const LOGOUT = { reason_admin: { en: 'User logout' } };
const PASSWORD = {
  credential_type: 'password', change_type: 'update', kc_credential_type: 'password', kc_credential_id: randomUUID(),
};

/** Those that it makes for receivers of drafts (`SseCaepEventConverter`): the subject is in the event, and has no format. */
const draftOfKeycloak = (type, event, subject) => (world) => {
  const content = { event_timestamp: ago(EVENT), initiating_entity: 'user', ...event, subject: subject(world) };
  return world.issuer.set(world.audience, { [type]: content });
};

/** Okta has the subject in the event, too, and the time in milliseconds. */
const okta = (type, event, subject) => (world) =>
  world.issuer.set(world.audience, { [type]: { subject: subject(world), ...event, event_timestamp: ago(EVENT) * 1000 + 643 } });

/** Those about a stream itself. */
const stream = (type, event) => (world) =>
  world.issuer.set(world.audience, { [type]: event }, { sub_id: opaque(randomUUID()), txn: randomUUID() });

/** For each what it is, what it ends, and how it is made. */
export const SHAPES = {
  "Keycloak: a user's logout": {
    ends: SESSION,
    make: keycloak(`${CAEP}session-revoked`, LOGOUT, (world) =>
      complex({ user: issSub(world), session: opaque(world.session) })),
  },
  "Keycloak: a user's logout, the user by `email`": {
    ends: SESSION_ALONE,
    make: keycloak(`${CAEP}session-revoked`, LOGOUT, (world) =>
      complex({ user: email(world), session: opaque(world.session) })),
  },
  "Keycloak: a user's logout, with a `tenant`": {
    ends: SESSION,
    make: keycloak(`${CAEP}session-revoked`, LOGOUT, (world) =>
      complex({ user: issSub(world), session: opaque(world.session), tenant: opaque('organization-1') })),
  },
  'Keycloak: an administrator ends all sessions of a user': {
    ends: USER,
    make: keycloak(`${CAEP}session-revoked`, LOGOUT, (world) =>
      complex({ user: issSub(world), session: opaque('ALL') })),
  },
  'Keycloak: a password changes': { ends: USER, make: keycloak(`${CAEP}credential-change`, PASSWORD, issSub) },
  'Keycloak: a password changes, the user by `email`': {
    // Tokens have no email that could be trusted.
    ends: NOTHING,
    make: keycloak(`${CAEP}credential-change`, PASSWORD, email),
  },
  'Keycloak: a password changes, with a `tenant`': {
    ends: USER,
    make: keycloak(`${CAEP}credential-change`, PASSWORD, (world) =>
      complex({ user: issSub(world), tenant: opaque('organization-1') })),
  },
  'Keycloak: an account is disabled': {
    ends: USER,
    make: keycloak(`${RISC}account-disabled`, { reason: 'disabled-by-admin', initiating_entity: 'admin' }, issSub),
  },
  "Keycloak, for receivers of drafts: a user's logout": {
    ends: SESSION,
    make: draftOfKeycloak(`${CAEP}session-revoked`, LOGOUT, (world) =>
      ({ user: issSub(world), session: opaque(world.session) })),
  },
  'Keycloak, for receivers of drafts: a password changes': {
    ends: USER,
    make: draftOfKeycloak(`${CAEP}credential-change`, { credential_type: 'password', change_type: 'update' }, (world) =>
      ({ user: issSub(world) })),
  },
  'Keycloak: verification': { ends: NOTHING, make: stream(`${SSF}verification`, { state: randomUUID() }) },
  'Keycloak: verification without a state': { ends: NOTHING, make: stream(`${SSF}verification`, {}) },
  'Keycloak: the stream is paused': {
    ends: NOTHING,
    // The status is an object, where SSF 1.0 §8.1.5 has a text.
    make: stream(`${SSF}stream-updated`, { status: { status: 'paused', reason: 'maintenance' }, reason: 'maintenance' }),
  },
  'Okta: `user.session.end`': {
    ends: USER,
    make: okta(`${CAEP}session-revoked`, { reason_admin: { en: 'Policy Violation' }, reason_user: { en: 'Sign in again' } },
      (world) => ({ user: issSub(world) })),
  },
  'Okta: `user.account.update_password`': {
    ends: USER,
    make: okta(`${CAEP}credential-change`, {
      credential_type: 'password', change_type: 'revoke', friendly_name: 'PASSWORD_AS_FACTOR', initiating_entity: 'user',
    }, issSub),
  },
  'Okta: `user.mfa.factor.reset_all`': {
    ends: USER,
    make: okta(`${CAEP}credential-change`, {
      credential_type: 'ALL_FACTORS', change_type: 'revoke', friendly_name: 'ALL_FACTORS', initiating_entity: 'user',
    }, issSub),
  },
  'Okta: `user.mfa.factor.deactivate`': {
    ends: USER,
    make: okta(`${CAEP}credential-change`, {
      credential_type: 'x509', change_type: 'delete', friendly_name: 'SMART_CARD', initiating_entity: 'user',
    }, issSub),
  },
  'Okta: `user.mfa.factor.activate`': {
    // A new factor ends no trust.
    ends: NOTHING,
    make: okta(`${CAEP}credential-change`, {
      credential_type: 'fido2-roaming', change_type: 'create', friendly_name: 'FIDO_WEBAUTHN', initiating_entity: 'user',
      fido2_aaguid: 'accced6a-63f5-490a-9eea-e59bc1896cfc',
    }, issSub),
  },
};
