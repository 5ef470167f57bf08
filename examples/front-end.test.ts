import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Town, town } from '../src/testing/town.ts';
import frontEnd from './front-end.ts';

const REGISTRARS = ['192.0.2.31', '192.0.2.32'];
const CALLS = ['192.0.2.41', '192.0.2.42'];

const open = (): Promise<Town> =>
  town(frontEnd, {
    people: {
      alice: {},
      registrar1: { host: REGISTRARS[0]! },
      registrar2: { host: REGISTRARS[1]! },
      calls1: { host: CALLS[0]! },
      calls2: { host: CALLS[1]! },
    },
    settings: {
      trunk: {
        pools: [
          { name: 'registrars', servers: REGISTRARS.map((host) => `sip:${host}`), pick: 'hash-user' },
          { name: 'calls', servers: CALLS.map((host) => `sip:${host}`), pick: 'least-calls' },
        ],
      },
      permissions: { groups: [{ name: 'core', addresses: [...REGISTRARS, ...CALLS] }] },
    },
  });

const methods = (t: Town, names: readonly string[]): string[] =>
  names.map((name) =>
    t
      .phone(name)
      .received.map(({ method }) => method)
      .join(' '),
  );

test('a user always registers at the same registrar, which learns the way back', async () => {
  const t = await open();

  for (let i = 0; i < 3; i++) await t.phone('alice').register();

  const heard = methods(t, ['registrar1', 'registrar2', 'calls1', 'calls2']);
  assert.deepEqual(heard.toSorted(), ['', '', '', 'REGISTER REGISTER REGISTER']);
  const [register] = [...t.phone('registrar1').received, ...t.phone('registrar2').received];
  assert.equal(register?.headers.get('Path'), '<sip:192.0.2.1:5060;lr>');
  t.stop();
});

test('calls go to the call servers, evenly', async () => {
  const t = await open();

  const calls = [1, 2, 3, 4].map(() => t.phone('alice').dial('sip:600@example.com'));
  await t.run(3_000);

  assert.ok(calls.every(({ state }) => state === 'talking'));
  assert.deepEqual(
    ['calls1', 'calls2'].map((name) => t.phone(name).incoming.length),
    [2, 2],
  );
  t.stop();
});

test('a call from a call server goes out to the phone', async () => {
  const t = await open();

  const call = t.phone('calls1').dial('sip:alice@192.0.2.11');
  await t.run(3_000);

  assert.equal(call.state, 'talking');
  assert.equal(t.phone('alice').incoming.length, 1);
  t.stop();
});

test('nobody else may have himself sent anywhere: his calls end at a call server', async () => {
  const t = await open();

  t.phone('alice').dial('sip:victim@192.0.2.99');
  await t.run(3_000);

  const got = [...t.phone('calls1').incoming, ...t.phone('calls2').incoming];
  assert.equal(got.length, 1);
  assert.match(got[0]?.invite.uriText ?? '', /^sip:victim@192\.0\.2\.4[12]$/);
  t.stop();
});
