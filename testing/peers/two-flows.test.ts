/** A softphone of another maker with two flows (RFC 5626 §4.2.1): it rings once, and the loss of one costs no call. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Phone, startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { freePorts, missing, type Peer, startPeer, waitForPort } from './peer.ts';

const skip = missing('baresip', 'socat');
const LOOK_EVERY_MS = 100;
const GONE_MS = 5_000;

let exchange: Exchange;
let pipedFrom = 0;

before(async () => {
  if (skip !== false) return;
  [pipedFrom = 0] = await freePorts(1);
  exchange = await startExchange(['alice', 'bob'], { pipedFrom });
});

after(async () => {
  await exchange?.stop();
});

/** Bob reaches us by a connection of his own, and by one through a pipe. */
async function startBob(t: TestContext): Promise<{ bob: Phone; pipe: Peer }> {
  const listen = `TCP-LISTEN:${pipedFrom},bind=127.0.0.1,reuseaddr,fork`;
  const through = [listen, `TCP:127.0.0.1:${exchange.pipedTo}`];
  const pipe = startPeer('socat', through, exchange.folder);
  t.after(() => pipe.stop());
  await waitForPort(pipe, 'tcp', pipedFrom);
  const more = ['sipnat=outbound', `outbound2="sip:127.0.0.1:${pipedFrom};transport=tcp;lr"`];
  const bob = await startPhone(t, exchange, { user: 'bob', answers: 'manual', transport: 'tcp', more });
  await bob.registered();
  await flowsAre(2);
  return { bob, pipe };
}

async function flowsAre(count: number): Promise<void> {
  const giveUpAt = performance.now() + GONE_MS;
  for (;;) {
    const text = await exchange.command(['regs', 'ls', `bob@${exchange.domain}`, '--json']);
    const { length } = JSON.parse(text) as readonly unknown[];
    if (length === count) return;
    assert.ok(performance.now() < giveUpAt, `${length} flows: ${text}`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function call(t: TestContext, bob: Phone): Promise<void> {
  const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
  await alice.registered();
  alice.command('dial', `sip:bob@${exchange.domain}`);
  await bob.event('CALL_INCOMING');
  await alice.event('CALL_RINGING');
  bob.command('accept');
  const { id = '' } = await alice.event('CALL_ESTABLISHED');
  assert.equal(bob.events.filter(({ type }) => type === 'CALL_INCOMING').length, 1, 'it rings once');
  alice.command('hangup');
  await bob.event('CALL_CLOSED');
  const [record] = await exchange.records(new Set([id]));
  assert.deepEqual([record?.status, record?.endedBy], [200, 'caller']);
}

test('a phone with two flows rings once', { skip, timeout: 90_000 }, async (t) => {
  const { bob } = await startBob(t);

  await call(t, bob);
});

test('a flow that was cut takes no call: the other one does', { skip, timeout: 90_000 }, async (t) => {
  const { bob, pipe } = await startBob(t);

  await pipe.stop();
  await flowsAre(1);
  await call(t, bob);
});

test(
  'a flow that went silent costs a call a few seconds, not its end',
  { skip, timeout: 90_000 },
  async (t) => {
    const { bob, pipe } = await startBob(t);

    process.kill(-pipe.pid, 'SIGSTOP');
    try {
      await call(t, bob);
    } finally {
      process.kill(-pipe.pid, 'SIGCONT');
    }
  },
);
