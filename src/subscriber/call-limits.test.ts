import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallObserver } from '../route/call-observer.ts';
import { noRecords } from '../route/call-observer.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Flow } from '../transport/flow.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { CALL_MS_MAX, CallLimits, UNBEGUN_MS } from './call-limits.ts';

/** An INVITE; another branch is another one. */
function call(callId: string, branch = 'z9hG4bK1', cseq = 1): SipRequest {
  const lines = [
    'INVITE sip:bob@example.com SIP/2.0',
    `Via: SIP/2.0/UDP 192.0.2.11:5060;branch=${branch}`,
    'From: <sip:alice@example.com>;tag=t',
    'To: <sip:bob@example.com>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} INVITE`,
    '\r\n',
  ];
  const request = parseMessage(lines.join('\r\n'));
  assert.ok(request.kind === 'request');
  return request;
}
const nowhere = {} as Flow;

function open(inner: CallObserver = noRecords): { clock: SimClock; limits: CallLimits; life: CallObserver } {
  const clock = new SimClock();
  const limits = new CallLimits(clock);
  return { clock, limits, life: limits.around(inner) };
}

// What ends a call that was counted, begun, and answered or not.
const ENDS: readonly (readonly [what: string, end: (life: CallObserver, number: number) => void])[] = [
  ['a refusal', (life, number) => life.finished(number, 486, 'callee')],
  ['the caller who gives up', (life, number) => life.finished(number, 487, 'caller')],
  [
    'a BYE',
    (life, number) => {
      life.finished(number, 200, 'callee');
      life.ended(number, 'callee', 'a', 0);
    },
  ],
];

for (const [what, end] of ENDS) {
  test(`${what} releases the call, once`, () => {
    const { limits, life } = open();
    assert.equal(limits.take(call('a'), 'alice', 1), true);
    const number = life.opened(call('a'), nowhere);
    assert.equal(limits.take(call('b'), 'alice', 1), false);

    end(life, number);
    end(life, number);

    assert.deepEqual([limits.size, limits.countOf('alice')], [0, 0]);
    assert.equal(limits.take(call('b'), 'alice', 1), true);
    limits.stop();
  });
}

test('an answer does not release it, and a BYE of another call neither', () => {
  const { limits, life } = open();
  limits.take(call('a'), 'alice', 1);
  const number = life.opened(call('a'), nowhere);

  life.finished(number, 200, 'callee');
  life.ended(number, 'caller', 'another', 0);

  assert.equal(limits.countOf('alice'), 1);
  limits.stop();
});

test('one call counts once for one owner, and for each of several', () => {
  const { limits } = open();

  for (const owner of ['alice', 'alice', 'bob', 'example.com'])
    assert.equal(limits.take(call('a'), owner, 1), true);

  assert.deepEqual([limits.size, limits.countOf('alice'), limits.countOf('example.com')], [1, 1, 1]);
  limits.stop();
});

// [branch, CSeq] of a second INVITE with the Call-ID and the tag of the first one
const seconds: readonly (readonly [branch: string, cseq: number])[] = [
  ['z9hG4bK2', 1],
  ['z9hG4bK2', 2],
  ['z9hG4bK1', 2],
];

for (const [branch, cseq] of seconds) {
  test(`a second call is counted, though it bears the name of the first: ${branch}, CSeq ${cseq}`, () => {
    const { limits, life } = open();
    limits.take(call('a'), 'alice', 2);
    const first = life.opened(call('a'), nowhere);
    assert.equal(limits.take(call('a', branch, cseq), 'alice', 1), false);
    assert.equal(limits.take(call('a', branch, cseq), 'alice', 2), true);
    life.opened(call('a', branch, cseq), nowhere);

    assert.equal(limits.take(call('b'), 'alice', 2), false);
    life.finished(first, 486, 'callee');

    assert.equal(limits.countOf('alice'), 1);
    limits.stop();
  });
}

test('the number of the record is kept, and without records there is one all the same', () => {
  const recorded = open({ ...noRecords, opened: () => 77 });
  recorded.limits.take(call('a'), 'alice', 1);
  const without = open();
  without.limits.take(call('a'), 'alice', 1);

  assert.equal(recorded.life.opened(call('a'), nowhere), 77);
  assert.equal(without.life.opened(call('a'), nowhere), 1);
  assert.equal(without.life.opened(call('not counted'), nowhere), 0);
  recorded.limits.stop();
  without.limits.stop();
});

test('a call that never begins is released after a while, one whose BYE never comes much later', async () => {
  const { clock, limits, life } = open();
  limits.take(call('dropped'), 'alice', 9);
  limits.take(call('begun'), 'bob', 9);
  life.finished(life.opened(call('begun'), nowhere), 200, 'callee');

  await clock.run(UNBEGUN_MS - 1);
  assert.equal(limits.countOf('alice'), 1);
  await clock.run(10_000);
  assert.deepEqual([limits.countOf('alice'), limits.countOf('bob')], [0, 1]);
  await clock.run(CALL_MS_MAX);
  assert.equal(limits.size, 0);
});
