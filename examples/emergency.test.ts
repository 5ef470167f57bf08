import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Town, town } from '../src/testing/town.ts';
import emergency from './emergency.ts';

const open = (inside: string): Promise<Town> =>
  town(emergency, {
    people: {
      alice: { phonePassword: 'wrong' },
      gateway1: { host: '192.0.2.27' },
      gateway2: { host: '192.0.2.28' },
      last: { host: '192.0.2.29' },
    },
    settings: {
      numbers: { emergency: ['112'] },
      permissions: { groups: [{ name: 'inside', addresses: [inside] }] },
      trunk: {
        pools: [{ name: 'emergency', servers: ['sip:192.0.2.27', 'sip:192.0.2.28'], pick: 'priority' }],
      },
    },
  });

test('an emergency call needs no password, and says what it is', async () => {
  const t = await open('192.0.2.0/24');

  const call = t.phone('alice').dial('sip:112@example.com');
  await t.run(3_000);

  assert.equal(call.state, 'talking');
  assert.equal(t.phone('gateway1').incoming[0]?.invite.headers.get('Priority'), 'emergency');
  t.stop();
});

test('a dead and a refusing gateway do not stop it, nor pools without a server', async () => {
  const t = await open('192.0.2.0/24');
  t.net.cut('192.0.2.1', '192.0.2.27');
  t.phone('gateway2').answers = { afterMs: 10, status: 603 };
  t.exchange.shared.pools.server('emergency', 'sip:192.0.2.28').disable();

  const call = t.phone('alice').dial('sip:112@example.com');
  await t.run(5_000);

  assert.equal(call.state, 'talking');
  assert.equal(t.phone('last').incoming.length, 1);
  t.stop();
});

test('any other call is asked for its password', async () => {
  const t = await open('192.0.2.0/24');

  const call = t.phone('alice').dial('sip:gateway1@example.com');
  await t.run(3_000);

  assert.ok(call.status === 407 || call.status === 403, String(call.status));
  t.stop();
});
