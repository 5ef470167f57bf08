/** A softphone of another maker that asks for a flow of its own (RFC 5626): calls take it, and its end ends it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Phone, type PhoneTransport, startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('baresip');
const OUTBOUND = ['sipnat=outbound'];
const GONE_MS = 5_000;

let exchange: Exchange;

before(async () => {
  if (skip === false) exchange = await startExchange(['alice', 'bob'], { streams: true });
});

after(async () => {
  await exchange?.stop();
});

interface Registration {
  readonly received: string | null;
}

async function registrationsOf(user: string): Promise<readonly Registration[]> {
  const text = await exchange.command(['regs', 'ls', `${user}@${exchange.domain}`, '--json']);
  return JSON.parse(text) as Registration[];
}

async function call(alice: Phone, bob: Phone): Promise<void> {
  alice.command('dial', `sip:bob@${exchange.domain}`);
  const { id = '' } = await alice.event('CALL_ESTABLISHED');
  bob.command('hangup');
  await alice.event('CALL_CLOSED');
  const [record] = await exchange.records(new Set([id]));
  assert.deepEqual([record?.status, record?.endedBy], [200, 'callee']);
}

for (const transport of ['udp', 'tcp', 'tls'] as const satisfies readonly PhoneTransport[]) {
  test(`a phone with a flow over ${transport} is called by it`, { skip, timeout: 60_000 }, async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto', transport, more: OUTBOUND });
    await Promise.all([alice.registered(), bob.registered()]);
    const [registration, ...others] = await registrationsOf('bob');

    await call(alice, bob);

    assert.ok(
      registration?.received?.startsWith(`${transport}:127.0.0.1:`),
      registration?.received ?? 'none',
    );
    assert.deepEqual(others, []);
    await bob.stop();
    const giveUpAt = performance.now() + GONE_MS;
    // It may say goodbye; where it does not, its connection does.
    while (transport !== 'udp' && (await registrationsOf('bob')).length > 0) {
      assert.ok(performance.now() < giveUpAt, 'the binding ends with its connection');
      await sleep(100);
    }
  });
}
