/** Reliable provisional responses, one at a time. RFC 3262 §3 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { simWorld } from '../testing/sim-world.ts';
import { RELIABLE_WAITING_MAX, ReliableProvisionals } from './reliable.ts';

function prack(rack: string): SipRequest {
  const message = parseMessage(`PRACK sip:a SIP/2.0\r\nRAck: ${rack}\r\n\r\n`);
  assert.ok(message.kind === 'request');
  return message;
}

function made(): { reliable: ReliableProvisionals; sent: string[]; run(ms: number): Promise<void> } {
  const world = simWorld(1);
  const sent: string[] = [];
  const reliable = new ReliableProvisionals(world.clock, 10, 2, {
    send: (text) => sent.push(text),
    gaveUp: () => sent.push('gave up'),
  });
  return { reliable, sent, run: (ms) => world.run(ms) };
}

test('the second response waits for the PRACK of the first, and has the next number', () => {
  const { reliable, sent } = made();
  reliable.send((rseq) => `first ${rseq}`, false);
  reliable.send((rseq) => `second ${rseq}`, false);
  assert.deepEqual(sent, ['first 10']);

  assert.ok(reliable.acknowledge(prack('10 2 INVITE')));
  assert.deepEqual(sent, ['first 10', 'second 11']);
  reliable.stop();
});

for (const rack of ['9 2 INVITE', '11 2 INVITE', '10 3 INVITE', '10 2 UPDATE', 'x', '']) {
  test(`a PRACK for ${JSON.stringify(rack)} is for none of ours`, () => {
    const { reliable } = made();
    reliable.send(String, false);

    assert.equal(reliable.acknowledge(prack(rack)), false);
    reliable.stop();
  });
}

test('it is sent again at twice the interval each time, and given up after 32 s', async () => {
  const { reliable, sent, run } = made();
  reliable.send(() => 'text', true);
  await run(31_900);
  assert.deepEqual(sent, Array(7).fill('text'));
  await run(200);

  assert.equal(sent.at(-1), 'gave up');
});

test('a final response waits only for those that carry a session description', () => {
  const { reliable } = made();
  let clear = false;
  reliable.send(String, false);
  assert.equal(reliable.holdsFinal, false);
  reliable.send(String, true);
  assert.equal(reliable.holdsFinal, true);
  reliable.onceClear(() => {
    clear = true;
  });
  reliable.acknowledge(prack('10 2 INVITE'));
  assert.equal(clear, false);
  reliable.acknowledge(prack('11 2 INVITE'));

  assert.equal(clear, true);
});

test(`${RELIABLE_WAITING_MAX} may wait behind the first, one more may not`, () => {
  const { reliable } = made();
  const taken = Array.from({ length: RELIABLE_WAITING_MAX + 2 }, () => reliable.send(String, false));

  assert.equal(taken.indexOf(false), RELIABLE_WAITING_MAX + 1);
  reliable.stop();
});
