import assert from 'node:assert/strict';
import { parallel, serial } from '../../src/index.ts';
import type { Town } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const three = { alice: {}, bob: {}, carol: {} };
const four = { ...three, dave: {} };
const exchangeTo = (host: string): [string, string] => ['192.0.2.1', host];
const [toBob, toCarol] = [exchangeTo('192.0.2.12'), exchangeTo('192.0.2.13')];

function methodsAt(t: Town, name: string): string[] {
  return t.phone(name).received.map(({ method }) => method);
}

flow(
  'serial-after-busy',
  'Serial: the first is busy, the second answers',
  { people: three, route: relayTo(serial(at('bob'), at('carol'))) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 500, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);

    assert.deepEqual(methodsAt(t, 'carol'), ['INVITE', 'ACK', 'BYE']);
  },
);

flow(
  'parallel-one-answers',
  'Parallel: one answers, the loser is cancelled and told why',
  { people: three, route: relayTo(parallel(at('bob'), at('carol'))) },
  async (t) => {
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    call.hangUp();
    await t.run(100);

    const [, cancel] = t.phone('carol').received;
    assert.equal(cancel?.method, 'CANCEL');
    assert.equal(cancel.headers.get('Reason'), 'SIP;cause=200;text="Call completed elsewhere"');
  },
);

flow(
  'parallel-both-answer',
  'Parallel: both answer, and both 200 reach the caller',
  { people: three, route: relayTo(parallel(at('bob'), at('carol'))) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 1_000 };
    t.phone('carol').answers = { afterMs: 1_002 };
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    call.hangUp();
    await t.run(100);

    assert.equal(
      new Set(call.responses.filter(({ status }) => status === 200).map(({ toTag }) => toTag)).size,
      2,
    );
    assert.deepEqual(
      [t.phone('bob').calls[0]?.endedBy, t.phone('carol').calls[0]?.endedBy],
      ['them', 'them'],
    );
  },
);

flow(
  'ring-time-over',
  'Ring time over: the next target rings',
  { people: three, route: relayTo(serial(at('bob', { ringMs: 20_000 }), at('carol'))) },
  async (t) => {
    t.phone('bob').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(19_900);
    assert.deepEqual(methodsAt(t, 'carol'), []);
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);
  },
);

flow(
  'ring-time-over-for-good',
  'Ring time over, nobody is left: the caller is answered 408',
  { route: relayTo(at('bob', { ringMs: 3_000 })) },
  async (t) => {
    t.phone('bob').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(4_000);

    assert.deepEqual([call.status, call.endedBy], [408, 'them']);
  },
);

flow(
  'target-dead',
  'A target that is silent for 5 s is passed over',
  { people: three, route: relayTo(serial(at('bob'), at('carol'))) },
  async (t) => {
    t.net.cut('192.0.2.12');
    const call = t.phone('alice').dial(BOB);
    await t.run(4_900);
    assert.deepEqual(methodsAt(t, 'carol'), []);
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(30_000);
  },
);

flow(
  'slow-target-answers-after-all',
  'A target given up answers while the next one rings: it has the call',
  { people: three, route: relayTo(serial(at('bob'), at('carol'))) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 7_000, ringMs: 6_999 };
    t.phone('bob').misbehaves.ignoresCancel = true;
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(8_000);
    assert.equal(call.state, 'talking');
    assert.deepEqual(methodsAt(t, 'carol'), ['INVITE', 'CANCEL', 'ACK']);
    call.hangUp();
    await t.run(33_000);

    assert.deepEqual(
      t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
      [[200, 'caller']],
    );
  },
);

flow(
  'decline-stops-everything',
  'A 6xx stops everything: who rings is cancelled, who comes next is not tried',
  { people: four, route: relayTo(serial(parallel(at('bob'), at('carol')), at('dave'))) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 1_000, status: 603 };
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);

    assert.equal(call.status, 603);
    assert.deepEqual(methodsAt(t, 'carol'), ['INVITE', 'CANCEL', 'ACK']);
    assert.deepEqual(methodsAt(t, 'dave'), []);
  },
);

flow(
  'challenges-aggregated',
  'Two branches challenge: the caller gets both challenges',
  { people: three, route: relayTo(parallel(at('bob'), at('carol'))) },
  async (t) => {
    const asks = (realm: string): string => `Digest realm="${realm}", nonce="1", algorithm=unknown`;
    t.phone('bob').answers = { afterMs: 100, status: 401, headers: [['WWW-Authenticate', asks('one')]] };
    t.phone('carol').answers = { afterMs: 200, status: 407, headers: [['Proxy-Authenticate', asks('two')]] };
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    const { headers } = call.responses.at(-1)!;
    assert.equal(call.status, 401);
    assert.deepEqual(
      [headers.all('WWW-Authenticate'), headers.all('Proxy-Authenticate')],
      [[asks('one')], [asks('two')]],
    );
  },
);

flow(
  'unavailable-becomes-500',
  'A 503 of the callee goes back as 500',
  { route: relayTo(at('bob')) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 503 };
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 500);
  },
);

flow(
  'message-timeout-silent',
  'A MESSAGE that nobody answers stays without an answer: no late 408',
  { route: relayTo(at('bob')) },
  async (t) => {
    t.net.cut('192.0.2.12');
    const status = await t.phone('alice').message(BOB, 'are you there?');
    await t.run(1_000);

    assert.equal(status, 408, 'the phone gives up by itself');
  },
);

flow(
  'message-forked',
  'A MESSAGE goes to two phones: the first answer counts',
  { people: three, route: relayTo(parallel(at('bob'), at('carol'))) },
  async (t) => {
    t.net.conditions({ delayMs: 50 }, ...toCarol);
    t.net.conditions({ delayMs: 10 }, ...toBob);

    assert.equal(await t.phone('alice').message(BOB, 'hello'), 200);
    await t.run(1_000);
  },
);

flow(
  'answer-after-the-end',
  'A callee answers after the caller was told that nobody does: the call is taken and ended',
  { route: relayTo(at('bob', { ringMs: 3_000 })) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 7_000, ringMs: 100 };
    t.phone('bob').misbehaves.ignoresCancel = true;
    const call = t.phone('alice').dial(BOB);
    await t.run(40_000);

    assert.deepEqual([call.status, call.endedBy], [408, 'them']);
    assert.deepEqual(methodsAt(t, 'bob'), ['INVITE', 'CANCEL', 'ACK', 'BYE']);
    assert.deepEqual([t.phone('bob').calls[0]?.state, t.phone('bob').calls[0]?.endedBy], ['ended', 'them']);
    assert.deepEqual(
      t.cdrs().map(({ status }) => status),
      [408],
    );
  },
);
