// SETs and other JWTs that a receiver must refuse, with the error of RFC 8935 §2.4 that it answers.
import { createHmac } from 'node:crypto';
import { ago, Issuer } from './issuer.js';
import { CAEP, RISC } from './shapes.js';

const SET = { typ: 'secevent+jwt' };

/** A good one, of which each of the others differs in one thing. */
const good = ({ issuer, audience, user }) => issuer.set(audience, { [`${CAEP}session-revoked`]: {} }, {
  sub_id: { format: 'iss_sub', iss: issuer.url, sub: user },
});
const changed = (change) => (world) => world.issuer.sign({ ...good(world), ...change(world) }, SET);
const without = (name) => (world) => {
  const { [name]: _, ...claims } = good(world);
  return world.issuer.sign(claims, SET);
};
const typed = (typ) => (world) => world.issuer.sign(good(world), { typ });

export const REFUSALS = {
  'by a key that is not published': ['invalid_key', async (world) =>
    world.issuer.sign(good(world), SET, await Issuer.anotherKey('key-2'))],
  'by another key with the same `kid`': ['invalid_key', async (world) =>
    world.issuer.sign(good(world), SET, await Issuer.anotherKey('key-1'))],
  'changed after it was signed': ['invalid_key', async (world) => {
    const [header, , signature] = (await world.issuer.sign(good(world), SET)).split('.');
    return [header, encoded({ ...good(world), jti: 'another' }), signature].join('.');
  }],
  '`alg`: none': ['invalid_request', (world) => `${encoded({ ...SET, alg: 'none' })}.${encoded(good(world))}.`],
  '`alg`: HS256 with the public key': ['invalid_request', (world) => {
    const input = `${encoded({ ...SET, alg: 'HS256', kid: 'key-1' })}.${encoded(good(world))}`;
    return `${input}.${createHmac('sha256', JSON.stringify(world.issuer.publicKey)).update(input).digest('base64url')}`;
  }],
  '`typ`: none': ['invalid_request', typed(undefined)],
  '`typ`: JWT': ['invalid_request', typed('JWT')],
  '`iss`: another': ['invalid_issuer', changed(() => ({ iss: 'https://another.example.test' }))],
  '`aud`: another': ['invalid_audience', changed(() => ({ aud: 'https://another.example.test' }))],
  '`aud`: none': ['invalid_request', without('aud')],
  '`iat`: none': ['invalid_request', without('iat')],
  '`jti`: none': ['invalid_request', without('jti')],
  '`events`: none': ['invalid_request', without('events')],
  '`events`: empty': ['invalid_request', changed(() => ({ events: {} }))],
  '`events`: two': ['invalid_request', changed(() => ({
    events: { [`${CAEP}session-revoked`]: {}, [`${RISC}account-disabled`]: {} },
  }))],
  '`exp`': ['invalid_request', changed(() => ({ exp: ago(-600) }))],
  '`sub` instead of `sub_id`': ['invalid_request', changed(({ user }) => ({ sub_id: undefined, sub: user }))],
  'no subject': ['invalid_request', without('sub_id')],
  'an access token': ['invalid_request', (world) => world.issuer.accessToken(world.audience, world.user, 0)],
  'a logout token': ['invalid_request', (world) => {
    const { sub_id: _, ...claims } = good(world);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    return world.issuer.sign({ ...claims, events, sub: world.user, exp: ago(-120) }, { typ: 'logout+jwt' });
  }],
  'no JWT': ['invalid_request', () => 'secevent'],
  'no UTF-8': ['invalid_request', () => Buffer.from([0xff, 0xfe])],
};

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
