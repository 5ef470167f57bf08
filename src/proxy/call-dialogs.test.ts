import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { CallDialogs, ENDED_CALLS, FORKED_CALLS_MAX, FORKED_DIALOGS_MAX } from './call-dialogs.ts';

/** Names every tag by its number: `t7` is 7. */
const names = { hashOf: (tag: string): number => Number(tag.substring(1)) };
/** Every 2xx is of call 1. */
const dialogs = (): CallDialogs => new CallDialogs(names, { callOf: () => 1 });

/** The caller gets the 2xx of another dialog, after that of dialog 1. */
function confirm(some: CallDialogs, call: number, tag: number): void {
  some.confirm(call, { callId: 'a', toTag: `t${tag}` }, { dialog: 1 });
}

function response(toTag: string): SipResponse {
  const lines = [
    'SIP/2.0 200 OK',
    'From: <sip:a@h>;tag=f',
    `To: <sip:b@h>;tag=${toTag}`,
    'Call-ID: a',
    'CSeq: 1 INVITE',
  ];
  const message = parseMessage([...lines, '', ''].join('\r\n'));
  assert.ok(message.kind === 'response');
  return message;
}

test('a call with one dialog is over with it, and is never known', () => {
  const some = dialogs();

  assert.equal(some.ended(1, 'a', 't1'), true);
  assert.equal(some.count, 0);
});

test('a call is over when each of its dialogs is, in whatever order and however often they end', () => {
  const some = dialogs();
  const left: string[] = [];
  some.onLeft = (call, callId, tag) => void left.push(`${call} ${callId} ${tag}`);
  confirm(some, 1, 2);
  confirm(some, 1, 3);

  const ends = ['t2', 't2', 't1', 't9', 't3'].map((tag) => some.ended(1, 'a', tag));

  assert.deepEqual(ends, [false, false, false, false, true]);
  assert.deepEqual(left, ['1 a t2', '1 a t1']);
  assert.equal(some.count, 0);
});

test('a dialog that we hang up on ourselves keeps no call, and its BYE ends none', () => {
  const some = dialogs();
  some.unwanted(response('t2'), 1);

  assert.deepEqual([some.ended(1, 'a', 't2'), some.ended(1, 'a', 't1')], [false, true]);
});

test('a 2xx that comes again opens neither its dialog nor its call anew', () => {
  const some = dialogs();
  confirm(some, 1, 2);
  some.ended(1, 'a', 't2');

  confirm(some, 1, 2);
  assert.equal(some.ended(1, 'a', 't1'), true);
  confirm(some, 1, 2);

  assert.equal(some.count, 0);
});

test('the number of an earlier run, and no number at all, name no call', () => {
  const some = dialogs();
  confirm(some, 0, 2);
  confirm(some, 1, 2);

  assert.equal(some.ended(1, 'b', 't2'), true);
  assert.equal(some.count, 1);
});

test('so many calls are remembered; for one more the oldest is forgotten', () => {
  const some = dialogs();
  for (let call = 1; call <= FORKED_CALLS_MAX; call++) confirm(some, call, 2);
  assert.equal(some.ended(1, 'a', 't2'), false);

  confirm(some, FORKED_CALLS_MAX + 1, 2);

  assert.equal(some.count, FORKED_CALLS_MAX);
  assert.deepEqual([some.ended(1, 'a', 't1'), some.ended(2, 'a', 't1')], [true, false]);
});

for (const [dialogsOf, isOver] of [
  [FORKED_DIALOGS_MAX, false],
  [FORKED_DIALOGS_MAX + 1, true],
] as const) {
  test(`of ${dialogsOf} dialogs of one call the last one is ${isOver ? 'not ' : ''}waited for`, () => {
    const some = dialogs();
    for (let tag = 2; tag <= dialogsOf; tag++) confirm(some, 1, tag);

    const ends = Array.from({ length: dialogsOf - 1 }, (_, i) => some.ended(1, 'a', `t${i + 1}`));

    assert.equal(ends.at(-1), isOver);
  });
}

for (const [since, known] of [
  [ENDED_CALLS - 1, 0],
  [ENDED_CALLS, 1],
] as const) {
  const what = known === 0 ? 'still' : 'no longer';
  test(`a call after whose end ${since} more have ended is ${what} known to be over`, () => {
    const some = dialogs();
    for (let call = 1; call <= since + 1; call++) some.ended(call, 'a', 't1');

    confirm(some, 1, 2);

    assert.equal(some.count, known);
  });
}
