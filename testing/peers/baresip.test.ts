/** Our exchange between two softphones of another maker; what they saw and what we recorded must agree. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Phone, startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('baresip');

const TALK_MS = 3000;
/** How far apart two programs may see the same moment. */
const APART_MS = 500;

let exchange: Exchange;

before(async () => {
  if (skip === false) exchange = await startExchange(['alice', 'bob', 'carol']);
});

after(async () => {
  await exchange?.stop();
});

test(
  'two phones register with digest, talk for three seconds and hang up',
  { skip, timeout: 60_000 },
  async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
    await Promise.all([alice.registered(), bob.registered()]);

    alice.command('dial', `sip:bob@${exchange.domain}`);
    const established = await alice.event('CALL_ESTABLISHED');
    await bob.event('CALL_ESTABLISHED');
    await sleep(TALK_MS);
    alice.command('hangup');
    await bob.event('CALL_CLOSED');
    const closed = await alice.event('CALL_CLOSED');

    await recordAgrees(alice, 'bob', closed.atMs - established.atMs);
  },
);

test('the callee looks at the call before taking it, and hangs up', { skip, timeout: 60_000 }, async (t) => {
  const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
  const carol = await startPhone(t, exchange, { user: 'carol', answers: 'manual' });
  await Promise.all([alice.registered(), carol.registered()]);

  alice.command('dial', `sip:carol@${exchange.domain}`);
  await carol.event('CALL_INCOMING');
  await alice.event('CALL_RINGING');
  carol.command('accept');
  const established = await alice.event('CALL_ESTABLISHED');
  carol.command('hangup');
  const closed = await alice.event('CALL_CLOSED');

  await recordAgrees(alice, 'carol', closed.atMs - established.atMs);
});

/** baresip's name for a call is its Call-ID. */
async function recordAgrees(caller: Phone, callee: string, lastedMs: number): Promise<void> {
  const { id = '' } = await caller.event('CALL_ESTABLISHED');
  const records = await exchange.records(new Set([id]));

  assert.equal(records.length, 1);
  const [record] = records;
  assert.equal(record?.caller, `alice@${exchange.domain}`);
  assert.equal(record?.callee, `${callee}@${exchange.domain}`);
  assert.equal(record?.status, 200);
  assert.equal(record?.endedBy, callee === 'bob' ? 'caller' : 'callee');
  assert.ok(
    Math.abs((record?.durationMs ?? 0) - lastedMs) < APART_MS,
    `${record?.durationMs} ms, not ${lastedMs}`,
  );
}
