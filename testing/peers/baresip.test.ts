/** Our exchange between two softphones of another maker; what they saw and what we recorded must agree. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Phone, startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('baresip');

const TALK_MS = 3000;
/** Durations are whole milliseconds, of two clock readings. */
const ROUNDING_MS = 2;

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

    const dialledAt = Date.now();
    alice.command('dial', `sip:bob@${exchange.domain}`);
    const established = await alice.event('CALL_ESTABLISHED');
    await bob.event('CALL_ESTABLISHED');
    await sleep(TALK_MS);
    const hungUpAt = Date.now();
    alice.command('hangup');
    const closed = await bob.event('CALL_CLOSED');
    await alice.event('CALL_CLOSED');

    await recordAgrees(alice, 'bob', [hungUpAt - established.atMs, closed.atMs - dialledAt]);
  },
);

test('the callee looks at the call before taking it, and hangs up', { skip, timeout: 60_000 }, async (t) => {
  const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
  const carol = await startPhone(t, exchange, { user: 'carol', answers: 'manual' });
  await Promise.all([alice.registered(), carol.registered()]);

  alice.command('dial', `sip:carol@${exchange.domain}`);
  await carol.event('CALL_INCOMING');
  await alice.event('CALL_RINGING');
  const acceptedAt = Date.now();
  carol.command('accept');
  const established = await alice.event('CALL_ESTABLISHED');
  const hungUpAt = Date.now();
  carol.command('hangup');
  const closed = await alice.event('CALL_CLOSED');

  await recordAgrees(alice, 'carol', [hungUpAt - established.atMs, closed.atMs - acceptedAt]);
});

/**
 * baresip's name for a call is its Call-ID. It lasted at least from when we saw it answered until somebody hung up, and
 * at most from when somebody asked for it until we saw it over, however slow the machine is.
 */
async function recordAgrees(
  caller: Phone,
  callee: string,
  [leastMs, mostMs]: readonly [number, number],
): Promise<void> {
  const { id = '' } = await caller.event('CALL_ESTABLISHED');
  const records = await exchange.records(new Set([id]));

  assert.equal(records.length, 1);
  const [record] = records;
  assert.equal(record?.caller, `alice@${exchange.domain}`);
  assert.equal(record?.callee, `${callee}@${exchange.domain}`);
  assert.equal(record?.status, 200);
  assert.equal(record?.endedBy, callee === 'bob' ? 'caller' : 'callee');
  const lastedMs = record?.durationMs ?? 0;
  assert.ok(lastedMs >= leastMs - ROUNDING_MS, `${lastedMs} ms, not ${leastMs}`);
  assert.ok(lastedMs <= mostMs + ROUNDING_MS, `${lastedMs} ms, not ${mostMs}`);
}
