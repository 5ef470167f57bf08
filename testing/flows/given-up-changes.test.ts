/** A re-INVITE whose CANCEL crosses the far end's 200: both sides of the call still mean the same. RFC 3261 §14.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const ONE = '192.0.2.71';

interface Crossed {
  readonly t: Town;
  readonly caller: Hand;
  readonly one: Hand;
  /** The 200 that made the caller's leg. */
  readonly answer: SipResponse;
}

/** A call, in which the caller gives up a re-INVITE with this body that the callee has just accepted with that one. */
async function crossed(asks: string, says: string): Promise<Crossed> {
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo({ uri: parseUri(`sip:hand@${ONE}:5060`) })))),
    { people: {} },
  );
  const [caller, one] = await hands(t, CALLER, ONE);
  assert.ok(caller && one);
  caller.ask('INVITE', 'sip:bob@example.com', [], 'offer');
  await t.run(50);
  one.answer(one.got('INVITE'), 200, 'one', [['Allow', 'INVITE, ACK, BYE, UPDATE']], 'answer');
  await t.run(50);
  const answer = caller.answers().at(-1);
  assert.equal(answer?.status, 200);
  caller.askWithin(answer, 'ACK', 1);
  await t.run(50);
  caller.askWithin(answer, 'INVITE', 2, [], asks);
  await t.run(50);
  const change = one.got('INVITE');
  assert.equal(change.body, asks);
  one.answer(change, 100, '');
  await t.run(50);
  caller.cancelWithin(answer, 2);
  one.answer(change, 200, '', [['Content-Type', 'application/sdp']], says);
  await t.run(50);
  assert.equal(caller.statuses.at(-1), 487);
  return { t, caller, one, answer };
}

test('a far end that has accepted a change which was given up is offered what held before', async () => {
  const { t, caller, one, answer } = await crossed('another offer', 'another answer');
  const back = one.got('INVITE');
  assert.deepEqual([one.got('ACK').cseq, back.cseq, back.body], [2, 3, 'offer']);
  caller.askWithin(answer, 'INVITE', 3, [], 'third offer');
  await t.run(50);
  assert.equal(caller.statuses.at(-1), 491, 'until then nothing else is changed');
  one.answer(back, 200, '', [], 'answer');
  await t.run(50);
  assert.deepEqual([one.got('ACK').cseq, one.got('ACK').body], [3, '']);

  caller.askWithin(answer, 'INVITE', 4, [], 'third offer');
  await t.run(50);
  assert.equal(one.got('INVITE').body, 'third offer');
  t.stop();
});

test('a far end that changes something itself just then is offered it once more', async () => {
  const { t, one } = await crossed('another offer', 'another answer');
  one.answer(one.got('INVITE'), 491, '');
  await t.run(4_200);

  const back = one.got('INVITE');
  assert.deepEqual([back.cseq, back.body], [4, 'offer']);
  t.stop();
});

test('a far end that made the offer itself is answered with what held before', async () => {
  const { t, one } = await crossed('', 'its offer');

  assert.deepEqual([one.got('ACK').cseq, one.got('ACK').body, one.got('INVITE').cseq], [2, 'offer', 2]);
  t.stop();
});

test('a caller who hangs up at once leaves nothing to put back', async () => {
  const { t, caller, one, answer } = await crossed('another offer', 'another answer');
  caller.askWithin(answer, 'BYE', 3);
  await t.run(50);
  one.answer(one.got('BYE'), 200, '');
  one.answer(one.got('INVITE'), 487, '');
  await t.run(40_000);

  assert.equal(t.exchange.agent.dialogCount, 0);
  t.stop();
});
