/** Softphones of another maker that reach us by TLS, with a certificate that they check. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('baresip');

let exchange: Exchange;

before(async () => {
  if (skip === false) exchange = await startExchange(['alice', 'bob'], { streams: true });
});

after(async () => {
  await exchange?.stop();
});

for (const hangsUp of ['alice', 'bob'] as const) {
  const name = `two phones register by TLS and call each other; ${hangsUp} hangs up`;
  test(name, { skip, timeout: 60_000 }, async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual', transport: 'tls' });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto', transport: 'tls' });
    await Promise.all([alice.registered(), bob.registered()]);

    alice.command('dial', `sip:bob@${exchange.domain}`);
    const { id = '' } = await alice.event('CALL_ESTABLISHED');
    await bob.event('CALL_ESTABLISHED');
    (hangsUp === 'alice' ? alice : bob).command('hangup');
    await Promise.all([alice.event('CALL_CLOSED'), bob.event('CALL_CLOSED')]);

    const [record] = await exchange.records(new Set([id]));
    assert.deepEqual([record?.status, record?.endedBy], [200, hangsUp === 'alice' ? 'caller' : 'callee']);
  });
}

test('one phone on TLS calls another on UDP', { skip, timeout: 60_000 }, async (t) => {
  const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual', transport: 'tls' });
  const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
  await Promise.all([alice.registered(), bob.registered()]);

  alice.command('dial', `sip:bob@${exchange.domain}`);
  const { id = '' } = await alice.event('CALL_ESTABLISHED');
  bob.command('hangup');
  await alice.event('CALL_CLOSED');

  const [record] = await exchange.records(new Set([id]));
  assert.deepEqual([record?.status, record?.endedBy], [200, 'callee']);
});
