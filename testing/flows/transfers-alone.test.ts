/** Blind transfers of which somebody does not wait for the end: the referrer, the far end, or one of those who ring. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { type CalleePlan } from '../../src/agent/hunt.ts';
import { Router, script } from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const [BOB, CAROL, DAVE] = ['192.0.2.71', '192.0.2.72', '192.0.2.73'];
const REFER = [['Refer-To', '<sip:carol@example.com>']] as const;

interface Referred {
  readonly t: Town;
  readonly alice: Hand;
  readonly bob: Hand;
  readonly carol: Hand;
  readonly dave: Hand;
  /** The 200 that alice got. */
  readonly answer: SipResponse;
}

function handAt(host = ''): { uri: ReturnType<typeof parseUri> } {
  return { uri: parseUri(`sip:hand@${host}:5060`) };
}

/** Alice talks with bob, and has sent him to carol, or wherever the plan says; she was told 202 and a first NOTIFY. */
async function referred(plan: CalleePlan = handAt(CAROL)): Promise<Referred> {
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo(handAt(BOB), { transfer: () => plan })))),
    { people: {} },
  );
  const [alice, bob, carol, dave] = await hands(t, CALLER, BOB ?? '', CAROL ?? '', DAVE ?? '');
  assert.ok(alice && bob && carol && dave);
  alice.ask('INVITE', 'sip:bob@example.com', [], 'offer');
  await t.run(50);
  bob.answer(bob.got('INVITE'), 200, 'bob', [], 'answer');
  await t.run(50);
  const answer = alice.answers().at(-1);
  assert.equal(answer?.status, 200);
  alice.askWithin(answer, 'ACK', 1);
  await t.run(50);
  alice.askWithin(answer, 'REFER', 2, REFER);
  await t.run(50);
  carol.answer(carol.got('INVITE'), 180, 'carol');
  assert.equal(alice.answers('REFER').at(-1)?.status, 202);
  return { t, alice, bob, carol, dave, answer };
}

/** Whether we have sent a request of this method to a host. */
function has(t: Town, host: string, method: string): boolean {
  return t.net.trace.entries.some(
    ({ fromHost, toHost, text }) => fromHost === EXCHANGE && toHost === host && text.startsWith(`${method} `),
  );
}

/** Bob ends the leg that we have with him. */
function hangsUp(bob: Hand): void {
  const { headers, callId } = bob.got('INVITE');
  const from = ['From', `${headers.get('To')};tag=bob`] as const;
  const contact = /<(.*)>/.exec(headers.get('Contact') ?? '')?.[1] ?? '';
  bob.askAs(contact, 'BYE', [from, ['To', headers.get('From') ?? ''], ['Call-ID', callId]]);
}

/** Somebody picks up with an offer; bob answers it. */
async function joins(t: Town, who: Hand, bob: Hand): Promise<void> {
  who.answer(who.got('INVITE'), 200, 'joins', [], `offer of ${who.host}`);
  await t.run(50);
  assert.equal(bob.got('INVITE').body, `offer of ${who.host}`);
  bob.answer(bob.got('INVITE'), 200, 'bob', [], 'answer again');
  await t.run(50);
}

test('who hangs up after 202 leaves the far end to who was called: RFC 5589', async () => {
  const { t, alice, bob, carol, answer } = await referred();
  alice.answer(alice.got('NOTIFY'), 200, '');
  alice.askWithin(answer, 'BYE', 3);
  await t.run(1_000);
  assert.deepEqual([has(t, bob.host, 'BYE'), has(t, carol.host, 'CANCEL')], [false, false]);
  await joins(t, carol, bob);

  assert.equal(carol.got('ACK').body, 'answer again');
  assert.deepEqual([has(t, bob.host, 'BYE'), has(t, carol.host, 'BYE')], [false, false]);
  t.stop();
});

test('who hangs up after 202 and has sent the far end to nobody has ended the call', async () => {
  const { t, alice, bob, carol, answer } = await referred();
  alice.answer(alice.got('NOTIFY'), 200, '');
  alice.askWithin(answer, 'BYE', 3);
  await t.run(1_000);
  carol.answer(carol.got('INVITE'), 486, 'carol');
  await t.run(1_000);

  assert.equal(has(t, bob.host, 'BYE'), true);
  bob.answer(bob.got('BYE'), 200, '');
  await t.run(40_000);
  assert.equal(t.exchange.agent.dialogCount, 0);
  t.stop();
});

test('a referrer that wants no NOTIFY, and says so by 481, has its transfer all the same', async () => {
  const { t, alice, bob, carol } = await referred();
  alice.answer(alice.got('NOTIFY'), 481, '');
  await t.run(1_000);
  assert.deepEqual([has(t, CALLER, 'BYE'), has(t, bob.host, 'BYE')], [false, false]);
  const told = alice.got('NOTIFY').cseq;
  await joins(t, carol, bob);

  assert.equal(alice.got('NOTIFY').cseq, told, 'the subscription is over: RFC 6665 §4.2.2');
  assert.deepEqual([has(t, CALLER, 'BYE'), has(t, bob.host, 'BYE')], [true, false]);
  t.stop();
});

test('when the far end hangs up, who was called for it rings no longer', async () => {
  const { t, alice, bob, carol } = await referred();
  alice.answer(alice.got('NOTIFY'), 200, '');
  hangsUp(bob);
  await t.run(1_000);

  assert.deepEqual([has(t, carol.host, 'CANCEL'), has(t, CALLER, 'BYE')], [true, true]);
  t.stop();
});

test('of several who ring for a transfer one answers, and the others ring no longer', async () => {
  const { t, alice, bob, carol, dave } = await referred({ parallel: [handAt(CAROL), handAt(DAVE)] });
  alice.answer(alice.got('NOTIFY'), 200, '');
  dave.answer(dave.got('INVITE'), 180, 'dave');
  await t.run(50);
  await joins(t, carol, bob);

  assert.equal(has(t, dave.host, 'CANCEL'), true);
  t.stop();
});

test('a second REFER while the first one is carried out is told to come again', async () => {
  const { t, alice, carol, answer } = await referred();
  alice.answer(alice.got('NOTIFY'), 200, '');
  alice.askWithin(answer, 'REFER', 3, REFER);
  await t.run(50);

  assert.equal(alice.answers('REFER').at(-1)?.status, 491);
  assert.equal(carol.got('INVITE').cseq, 1);
  t.stop();
});
