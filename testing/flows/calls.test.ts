import assert from 'node:assert/strict';
import type { Call } from '../../src/testing/phone-call.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import type { Town } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const toBob = relayTo(at('bob'));

/** Alice calls and waits until they talk. */
async function talking(t: Town): Promise<DialledCall> {
  const call = t.phone('alice').dial(BOB);
  await t.run(3_000);
  assert.equal(call.state, 'talking');
  return call;
}

function callOf(t: Town, name: string): Call {
  const [call] = t.phone(name).calls;
  assert.ok(call !== undefined, `${name} got a call`);
  return call;
}

flow('answered-hung-up-by-caller', 'A call is answered; the caller hangs up', { route: toBob }, async (t) => {
  const call = await talking(t);
  call.hangUp();
  await t.run(100);

  assert.equal(call.byeStatus, 200);
  assert.equal(callOf(t, 'bob').endedBy, 'them');
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[200, 'caller']],
  );
});

flow('answered-hung-up-by-callee', 'A call is answered; the callee hangs up', { route: toBob }, async (t) => {
  const call = await talking(t);
  callOf(t, 'bob').hangUp();
  await t.run(100);

  assert.equal(call.endedBy, 'them');
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[200, 'callee']],
  );
});

flow('bye-refused', 'A BYE that the callee refuses ends no record', { route: toBob }, async (t) => {
  const call = await talking(t);
  const bob = t.phone('bob');
  bob.misbehaves.refusesBye = 500;
  call.hangUp();
  await t.run(5_000);

  assert.equal(call.byeStatus, 500);
  assert.deepEqual(t.cdrs(), []);
  callOf(t, 'bob').hangUp();
  await t.run(100);
  assert.deepEqual(
    t.cdrs().map(({ endedBy, durationMs }) => [endedBy, Math.round(Number(durationMs) / 1000)]),
    [['callee', 7]],
  );
});

flow(
  'bye-unanswered',
  'A BYE that nobody answers ends the record, as of when it came',
  { route: toBob },
  async (t) => {
    const call = await talking(t);
    t.phone('bob').misbehaves.ignoresBye = true;
    call.hangUp();
    await t.run(40_000);

    assert.deepEqual(
      t.cdrs().map(({ endedBy, durationMs }) => [endedBy, Math.round(Number(durationMs) / 1000)]),
      [['caller', 2]],
    );
  },
);

flow('busy', 'The callee is busy', { route: toBob }, async (t) => {
  t.phone('bob').answers = { afterMs: 0, status: 486 };
  const call = t.phone('alice').dial(BOB);
  await t.run(100);

  assert.deepEqual([call.state, call.status], ['ended', 486]);
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[486, 'callee']],
  );
});

flow('no-answer-cancelled', 'Nobody answers; the caller gives up', { route: toBob }, async (t) => {
  t.phone('bob').answers = 'ring';
  const call = t.phone('alice').dial(BOB);
  await t.run(10_000);
  call.hangUp();
  await t.run(100);

  assert.deepEqual([call.state, call.status, call.endedBy], ['ended', 487, 'us']);
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[487, 'caller']],
  );
});

flow(
  'cancelled-before-ringing',
  'CANCEL comes before the callee says anything',
  { route: toBob },
  async (t) => {
    t.net.conditions({ delayMs: 200 }, '192.0.2.1', '192.0.2.12');
    t.phone('bob').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(50);
    call.hangUp();
    await t.run(2_000);

    assert.equal(call.status, 487);
    assert.equal(callOf(t, 'bob').endedBy, 'them');
  },
);

flow(
  'cancelled-deaf-callee',
  'CANCEL comes and the callee never says anything',
  { route: toBob },
  async (t) => {
    t.net.cut('192.0.2.12');
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);
    call.hangUp();
    await t.run(40_000);

    assert.deepEqual([call.status, call.endedBy], [487, 'us']);
  },
);

flow('answer-crosses-cancel', '200 crosses CANCEL: the call is answered', { route: toBob }, async (t) => {
  t.net.conditions({ delayMs: 100 }, '192.0.2.1', '192.0.2.12');
  t.phone('bob').answers = { afterMs: 1_000 };
  const call = t.phone('alice').dial(BOB);
  await t.run(1_050);
  call.hangUp();
  await t.run(1_000);

  assert.deepEqual([call.status, call.endedBy, call.byeStatus], [200, 'us', 200]);
  assert.equal(callOf(t, 'bob').endedBy, 'them');
});

flow('answer-at-once-crosses-cancel', '200 without ringing crosses CANCEL', { route: toBob }, async (t) => {
  t.net.conditions({ delayMs: 100 }, '192.0.2.1', '192.0.2.12');
  t.phone('bob').answers = { afterMs: 0 };
  const call = t.phone('alice').dial(BOB);
  await t.run(50);
  call.hangUp();
  await t.run(1_000);

  assert.deepEqual([call.status, call.endedBy, call.byeStatus], [200, 'us', 200]);
  assert.equal(callOf(t, 'bob').endedBy, 'them');
});

flow('callee-dies-ringing', 'The callee vanishes while it rings', { route: toBob }, async (t) => {
  t.phone('bob').answers = 'ring';
  const call = t.phone('alice').dial(BOB);
  await t.run(1_000);
  t.net.cut('192.0.2.12');
  call.hangUp();
  await t.run(40_000);

  assert.deepEqual([call.state, call.status], ['ended', 487]);
});

flow('timer-c', 'It rings until timer C is over', { route: toBob }, async (t) => {
  t.phone('bob').answers = 'ring';
  const call = t.phone('alice').dial(BOB);
  await t.run(180_000);
  assert.equal(call.state, 'ringing');
  await t.run(2_000);

  assert.deepEqual([call.state, call.status, call.endedBy], ['ended', 408, 'them']);
});

flow('retransmitted-invite', 'A retransmitted INVITE is absorbed', { route: toBob }, async (t) => {
  t.phone('bob').answers = 'ring';
  t.net.conditions({ duplication: 1 }, '192.0.2.11', '192.0.2.1');
  const call = t.phone('alice').dial(BOB);
  await t.run(100);
  t.net.conditions({ duplication: 0 }, '192.0.2.11', '192.0.2.1');
  call.hangUp();
  await t.run(100);

  assert.equal(t.phone('bob').calls.length, 1);
  assert.equal(call.status, 487);
});

flow('lost-200-to-bye', 'The 200 to BYE is lost once', { route: toBob }, async (t) => {
  const call = await talking(t);
  call.hangUp();
  await t.run(7);
  t.net.cut('192.0.2.1', '192.0.2.11');
  await t.run(100);
  t.net.heal('192.0.2.1', '192.0.2.11');
  await t.run(1_000);

  assert.equal(call.byeStatus, 200);
  assert.equal(callOf(t, 'bob').received.filter(({ method }) => method === 'BYE').length, 1);
});

flow('lost-ack', 'The ACK is lost: 2xx and ACK go through again', { route: toBob }, async (t) => {
  t.phone('bob').answers = { afterMs: 0 };
  const call = t.phone('alice').dial(BOB);
  await t.run(12);
  t.net.cut('192.0.2.1', '192.0.2.12');
  await t.run(100);
  t.net.heal('192.0.2.1', '192.0.2.12');
  await t.run(2_000);
  assert.deepEqual([call.state, callOf(t, 'bob').state], ['talking', 'talking']);
  assert.equal(call.responses.filter(({ status }) => status === 200).length, 2);

  call.hangUp();
  await t.run(100);
});

flow('loss', 'A fifth of all datagrams is lost both ways', { route: toBob, seed: 11 }, async (t) => {
  t.net.loss(0.2);
  const call = t.phone('alice').dial(BOB);
  await t.run(20_000);
  assert.deepEqual([call.state, callOf(t, 'bob').state], ['talking', 'talking']);
  call.hangUp();
  await t.run(20_000);

  assert.equal(call.byeStatus, 200);
});

flow(
  'udp-to-tcp',
  'A phone on UDP calls one on TCP: two Record-Route values',
  { people: { alice: {}, bob: { transport: 'tcp' } }, route: relayTo(at('bob', { transport: 'tcp' })) },
  async (t) => {
    await talking(t);
    callOf(t, 'bob').hangUp();
    await t.run(100);

    const [invite] = t.phone('bob').received;
    assert.deepEqual(
      invite?.headers.all('Record-Route').map((value) => value.replace(/;d=.*/, '')),
      ['<sip:192.0.2.1:5060;transport=tcp;lr', '<sip:192.0.2.1:5060;lr'],
    );
    assert.equal(callOf(t, 'alice').endedBy, 'them');
  },
);

flow(
  'tcp-to-udp',
  'A phone on TCP calls one on UDP',
  { people: { alice: { transport: 'tcp' }, bob: {} }, route: toBob },
  async (t) => {
    const call = await talking(t);
    call.hangUp();
    await t.run(100);

    assert.equal(call.byeStatus, 200);
  },
);

flow(
  'draining',
  'A draining exchange begins nothing, and ends what has begun',
  { route: toBob },
  async (t) => {
    const call = await talking(t);
    t.exchange.refuseNew();
    const refused = t.phone('alice').dial(BOB);
    await t.run(100);
    call.hangUp();
    await t.run(100);

    assert.deepEqual([refused.status, refused.responses[0]?.headers.get('Retry-After')], [503, '10']);
    assert.equal(call.byeStatus, 200);
  },
);
