import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../src/sip/uri.ts';
import { type Town, town } from '../src/testing/town.ts';
import antiFraud from './anti-fraud.ts';

const ALICE = parseUri('sip:alice@example.com');

async function open(): Promise<Town> {
  return town(antiFraud, {
    people: { alice: {}, carrier: { host: '192.0.2.51' } },
    settings: {
      numbers: { country_code: '49' },
      trunk: { pools: [{ name: 'carriers', servers: ['sip:192.0.2.51'] }] },
    },
  });
}

async function dial(t: Town, number: string): Promise<number> {
  const call = t.phone('alice').dial(`sip:${number}@example.com`);
  await t.run(1_500);
  call.hangUp();
  await t.run(500);
  return call.status;
}

test('calls at home go to a carrier as numbers of the world', async () => {
  const t = await open();

  assert.equal(await dial(t, '030123456'), 200);

  assert.equal(t.phone('carrier').incoming[0]?.invite.uri.user, '+4930123456');
  t.stop();
});

test('no premium range, no call abroad without leave, no word that is no number', async () => {
  const t = await open();

  assert.deepEqual(
    [await dial(t, '0088299999999'), await dial(t, '0044201234567'), await dial(t, 'bob')],
    [403, 403, 484],
  );
  t.exchange.shared.preferences.set(ALICE, 'abroad', 'yes');
  assert.deepEqual([await dial(t, '0088299999999'), await dial(t, '0044201234567')], [403, 200]);
  assert.match(t.exchange.shared.metrics.text(), /fraud_refused_total 3/);
  t.stop();
});

test('the eleventh call abroad in an hour locks the user, until an operator looks', async () => {
  const t = await open();
  const { preferences } = t.exchange.shared;
  preferences.set(ALICE, 'abroad', 'yes');

  const statuses: number[] = [];
  for (let i = 0; i < 11; i++) statuses.push(await dial(t, '0044201234567'));

  assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 403]);
  assert.equal(await dial(t, '030123456'), 403);
  preferences.remove(ALICE, 'fraud');
  assert.equal(await dial(t, '030123456'), 200);
  t.stop();
});

test('an hour later ten more', async () => {
  const t = await open();
  t.exchange.shared.preferences.set(ALICE, 'abroad', 'yes');
  for (let i = 0; i < 10; i++) await dial(t, '0044201234567');

  await t.run(3_600_000);

  assert.equal(await dial(t, '0044201234567'), 200);
  t.stop();
});
