import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noRecords } from '../route/call-observer.ts';
import { EventBus } from '../route/events.ts';
import { Router, script } from '../route/router.ts';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { simWorld } from '../testing/sim-world.ts';
import { town, type Town } from '../testing/town.ts';
import type { Flow } from '../transport/flow.ts';
import { withCallEvents } from './script-call-events.ts';

/** Without records nobody looks at it. */
const anyFlow = {} as Flow;
const BOB = 'sip:bob@example.com';
const bobsPhone = {
  uri: { scheme: 'sip', user: 'bob', host: '192.0.2.12', port: 5060, params: {} },
} as const;

async function heard(records: boolean, play: (t: Town) => Promise<void>): Promise<string[]> {
  const said: string[] = [];
  const proxy = script(() =>
    new Router()
      .event('call.ended', ({ caller, callee, status, durationMs, by }) => {
        said.push(`${caller} ${callee} ${status} ${Math.round(durationMs / 1000)} ${by}`);
      })
      .request((c) => (c.uri.user === 'nobody' ? c.reply(404) : c.relay(bobsPhone))),
  );
  const t = await town(proxy, { people: { alice: {}, bob: {} }, settings: { calls: { records } } });
  await play(t);
  await t.run(100);
  t.stop();
  return said;
}

for (const records of [true, false]) {
  const kept = records ? 'with records' : 'without records';

  test(`a call that was talked is told when it is hung up, ${kept}`, async () => {
    const said = await heard(records, async (t) => {
      const call = t.phone('alice').dial(BOB);
      await t.run(3_000);
      assert.equal(call.state, 'talking');
      await t.run(10_000);
      call.hangUp();
    });

    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /^alice@example\.com bob@example\.com 200 1\d caller$/);
  });

  for (const [what, dialled, answers, end] of [
    ['busy', BOB, { afterMs: 0, status: 486 }, '486 0 callee'],
    ['refused by the script', 'sip:nobody@example.com', 'ring', '404 0 us'],
    ['given up', BOB, 'ring', '487 0 caller'],
  ] as const) {
    test(`a call that was ${what} is told, ${kept}`, async () => {
      const said = await heard(records, async (t) => {
        t.phone('bob').answers = answers;
        const call = t.phone('alice').dial(dialled);
        await t.run(500);
        if (call.state === 'ringing') call.hangUp();
      });

      assert.deepEqual(
        said.map((line) => line.split(' ').slice(2).join(' ')),
        [end],
      );
    });
  }
}

test('the ends of so many calls are awaited; for one more the oldest is forgotten', async () => {
  const world = simWorld(1);
  const events = new EventBus(world);
  const heard: string[] = [];
  events.on('call.ended', ({ callId }) => void heard.push(callId));
  const observer = withCallEvents(noRecords, events, world.clock, 2);
  const open = (callId: string): number => {
    const request = parseMessage(`INVITE ${BOB} SIP/2.0\r\nCall-ID: ${callId}\r\nCSeq: 1 INVITE\r\n\r\n`);
    assert.ok(request instanceof SipRequest);
    return observer.opened(request, anyFlow);
  };

  const calls = ['a', 'b', 'c'].map(open);
  for (const call of calls) observer.finished(call, 486, 'callee');
  await world.run(1);

  assert.deepEqual(heard, ['b', 'c']);
});
