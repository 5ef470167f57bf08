/** SUBSCRIBE within a call of two legs: through us, and to what becomes of a transfer of ours. RFC 6665, RFC 3515 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const [BOB, CAROL] = ['192.0.2.71', '192.0.2.72'] as const;
const REFER = [['Refer-To', '<sip:carol@example.com>']] as const;

interface Talking {
  readonly t: Town;
  readonly alice: Hand;
  readonly bob: Hand;
  readonly carol: Hand;
  /** The 200 that alice got. */
  readonly answer: SipResponse;
}

/** Alice talks with bob. */
async function talking(options: B2bOptions = {}): Promise<Talking> {
  const at = (host: string) => ({ uri: parseUri(`sip:hand@${host}:5060`) });
  const app = b2bTo(at(BOB), { transfer: () => at(CAROL), ringMs: 600_000, ...options });
  const t = await town(
    script(() => new Router().invite((c) => c.answer(app))),
    { people: {} },
  );
  const [alice, bob, carol] = await hands(t, CALLER, BOB, CAROL);
  assert.ok(alice && bob && carol);
  alice.ask('INVITE', 'sip:bob@example.com', [], 'offer');
  await t.run(50);
  bob.answer(bob.got('INVITE'), 200, 'bob', [], 'answer');
  await t.run(50);
  const answer = alice.answers().at(-1);
  assert.equal(answer?.status, 200);
  alice.askWithin(answer, 'ACK', 1);
  await t.run(50);
  return { t, alice, bob, carol, answer };
}

/** The same once alice has sent bob to carol, who rings; alice has been told so. */
async function referred(): Promise<Talking> {
  const call = await talking();
  const { t, alice, carol, answer } = call;
  alice.askWithin(answer, 'REFER', 2, REFER);
  await t.run(50);
  carol.answer(carol.got('INVITE'), 180, 'carol');
  alice.answer(alice.got('NOTIFY'), 200, '');
  await t.run(50);
  alice.answer(alice.got('NOTIFY'), 200, '');
  await t.run(50);
  return call;
}

/** What we sent to a host: requests of this method, without those sent again. */
function sent(t: Town, host: string, method: string): number {
  const texts = t.net.trace.entries
    .filter(
      ({ fromHost, toHost, text }) =>
        fromHost === EXCHANGE && toHost === host && text.startsWith(`${method} `),
    )
    .map(({ text }) => text);
  return new Set(texts).size;
}

/** Subscription-State and first line of the last NOTIFY. */
function told(alice: Hand): readonly [string | undefined, string] {
  const { headers, body } = alice.got('NOTIFY');
  return [headers.get('Subscription-State'), body.trim()];
}

test('a SUBSCRIBE to the far end says what and how long, and so does its answer', async () => {
  const { t, alice, bob, answer } = await talking();
  const asks = [
    ['Event', 'dialog;id=7'],
    ['Expires', '0'],
    ['Accept', 'application/dialog-info+xml'],
  ] as const;
  alice.askWithin(answer, 'SUBSCRIBE', 2, asks);
  await t.run(50);
  const { headers } = bob.got('SUBSCRIBE');
  assert.deepEqual(
    asks.map(([name]) => headers.all(name)),
    asks.map(([, value]) => [value]),
  );
  bob.answer(bob.got('SUBSCRIBE'), 200, '', [['Expires', '0']]);
  await t.run(50);

  assert.deepEqual(alice.answers('SUBSCRIBE').at(-1)?.headers.all('Expires'), ['0']);
  t.stop();
});

for (const event of ['refer;id=2', 'Refer ; ID = 2', 'refer']) {
  test(`a referrer that ends its subscription to ${event} hears so, and no more; the transfer goes on`, async () => {
    const { t, alice, bob, carol, answer } = await referred();
    alice.askWithin(answer, 'SUBSCRIBE', 3, [
      ['Event', event],
      ['Expires', '0'],
    ]);
    await t.run(50);
    const ended = alice.answers('SUBSCRIBE').at(-1);
    assert.deepEqual([ended?.status, ended?.headers.get('Expires')], [200, '0']);
    assert.deepEqual(told(alice), ['terminated;reason=timeout', 'SIP/2.0 180 Ringing']);
    assert.equal(sent(t, BOB, 'SUBSCRIBE'), 0);
    alice.answer(alice.got('NOTIFY'), 200, '');
    carol.answer(carol.got('INVITE'), 200, 'carol', [], 'offer of carol');
    await t.run(50);
    bob.answer(bob.got('INVITE'), 200, 'bob', [], 'answer again');
    await t.run(50);

    assert.deepEqual([carol.got('ACK').body, sent(t, CALLER, 'NOTIFY')], ['answer again', 3]);
    assert.equal(sent(t, CALLER, 'BYE'), 1);
    t.stop();
  });
}

// [what the SUBSCRIBE says, what the 200 does]
const refreshes: readonly (readonly [string | undefined, string])[] = [
  [undefined, '180'],
  ['60', '60'],
  ['181', '180'],
  ['soon', '180'],
];
for (const [asked, given] of refreshes) {
  test(`a referrer who asks for ${asked ?? 'nothing'} more is told how it stands, and ${given}`, async () => {
    const { t, alice, answer } = await referred();
    await t.run(100_000);
    const expires = asked === undefined ? [] : [['Expires', asked] as const];
    alice.askWithin(answer, 'SUBSCRIBE', 3, [['Event', 'refer;id=2'], ...expires]);
    await t.run(50);

    assert.equal(alice.answers('SUBSCRIBE').at(-1)?.headers.get('Expires'), given);
    assert.deepEqual(told(alice), [`active;expires=${given}`, 'SIP/2.0 180 Ringing']);
    alice.answer(alice.got('NOTIFY'), 200, '');
    await t.run(Number(given) * 1_000 - 100);
    assert.equal(sent(t, CALLER, 'NOTIFY'), 3);
    await t.run(200);
    assert.equal(told(alice)[0], 'terminated;reason=timeout');
    t.stop();
  });
}

test('a subscription to a transfer that is over, or never was, is gone', async () => {
  const { t, alice, carol, answer } = await referred();
  alice.askWithin(answer, 'SUBSCRIBE', 3, [['Event', 'refer;id=1']]);
  await t.run(50);
  assert.equal(alice.answers('SUBSCRIBE').at(-1)?.status, 481);
  carol.answer(carol.got('INVITE'), 486, 'carol');
  await t.run(50);
  assert.equal(told(alice)[0], 'terminated;reason=noresource');
  alice.answer(alice.got('NOTIFY'), 200, '');
  alice.askWithin(answer, 'SUBSCRIBE', 4, [['Event', 'refer;id=2']]);
  await t.run(50);

  assert.equal(alice.answers('SUBSCRIBE').at(-1)?.status, 481);
  assert.deepEqual([sent(t, BOB, 'SUBSCRIBE'), sent(t, BOB, 'BYE')], [0, 0]);
  t.stop();
});

test('where the far end carries transfers out, a SUBSCRIBE to one is for it', async () => {
  const { t, alice, bob, answer } = await talking({ refer: 'pass' });
  alice.askWithin(answer, 'SUBSCRIBE', 2, [['Event', 'refer']]);
  await t.run(50);

  assert.equal(bob.got('SUBSCRIBE').headers.get('Event'), 'refer');
  t.stop();
});
