/** Transfers that we carry out: blind, attended, and by an INVITE with Replaces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { B2bOptions } from '../../src/agent/b2b.ts';
import type { Callee } from '../../src/agent/hunt.ts';
import { lastCall, over, phoneOf, replacesOf, talking, told, townOf } from './transferring.ts';

const anywhere: B2bOptions = { transfer: (to) => phoneOf(to.user) };

test('a blind transfer: the far end talks with the new one, the referrer is told and hung up on', async () => {
  const t = await townOf(anywhere);
  const alice = await talking(t, 'alice', 'bob');
  const bob = lastCall(t, 'bob');
  const status = await t.world.until(
    alice.request('REFER', {
      headers: [
        ['Refer-To', '<sip:carol@example.com>'],
        ['Referred-By', '<sip:alice@example.com>'],
      ],
    }),
  );
  await t.run(3_000);
  const carol = lastCall(t, 'carol');

  assert.equal(status, 202);
  assert.deepEqual(told(alice), [
    'SIP/2.0 100 Trying active',
    'SIP/2.0 180 Ringing active',
    'SIP/2.0 200 OK terminated',
  ]);
  assert.deepEqual([alice.state, bob.state, carol.state], ['ended', 'talking', 'talking']);
  assert.equal(t.phone('carol').received[0]?.headers.get('Referred-By'), '<sip:alice@example.com>');
  assert.match(bob.remoteSdp, /192\.0\.2\.13/);
  assert.match(carol.remoteSdp, /192\.0\.2\.12/);

  await t.run(10_000);
  carol.hangUp();
  await t.run(1_000);
  assert.equal(bob.endedBy, 'them');
  // Carol stands where the caller stood, and the record goes on as long as anybody talks.
  const [record] = t.cdrs();
  assert.deepEqual([record?.status, record?.endedBy], [200, 'caller']);
  assert.ok(Number(record?.durationMs) > 14_000, `${record?.durationMs} ms`);
  await over(t);
});

test('a blind transfer to somebody busy: the call stays, the referrer is told', async () => {
  const t = await townOf(anywhere);
  t.phone('carol').answers = { afterMs: 0, status: 486 };
  const alice = await talking(t, 'alice', 'bob');
  await t.world.until(alice.request('REFER', { headers: [['Refer-To', '<sip:carol@example.com>']] }));
  await t.run(3_000);

  assert.deepEqual(told(alice), ['SIP/2.0 100 Trying active', 'SIP/2.0 486 Busy Here terminated']);
  assert.deepEqual([alice.state, lastCall(t, 'bob').state], ['talking', 'talking']);
  alice.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a referrer that wants to hear nothing is told nothing', async () => {
  const t = await townOf(anywhere);
  const alice = await talking(t, 'alice', 'bob');
  await t.world.until(
    alice.request('REFER', {
      headers: [
        ['Refer-To', '<sip:carol@example.com>'],
        ['Refer-Sub', 'false'],
      ],
    }),
  );
  await t.run(3_000);

  assert.deepEqual(told(alice), []);
  assert.deepEqual([alice.state, lastCall(t, 'carol').state], ['ended', 'talking']);
  lastCall(t, 'carol').hangUp();
  await t.run(1_000);
  await over(t);
});

test('a route that looks for whom a transfer rings finds its phone', async () => {
  const t = await townOf({ transfer: async (to) => phoneOf((await Promise.resolve(to)).user) });
  const alice = await talking(t, 'alice', 'bob');

  const status = await t.world.until(
    alice.request('REFER', { headers: [['Refer-To', '<sip:carol@example.com>']] }),
  );
  await t.run(3_000);

  assert.equal(status, 202);
  assert.deepEqual([alice.state, lastCall(t, 'carol').state], ['ended', 'talking']);
  lastCall(t, 'carol').hangUp();
  await t.run(1_000);
  await over(t);
});

test('who hangs up while the route looks for whom to ring has rung nobody', async () => {
  const { promise, resolve } = Promise.withResolvers<Callee>();
  const t = await townOf({ transfer: () => promise });
  const alice = await talking(t, 'alice', 'bob');

  void alice.request('REFER', { headers: [['Refer-To', '<sip:carol@example.com>']] });
  await t.run(1_000);
  alice.hangUp();
  await t.run(1_000);
  resolve(phoneOf('carol'));
  await t.run(1_000);

  assert.deepEqual(t.phone('carol').calls, []);
  await over(t);
});

const refused: readonly (readonly [string, readonly (readonly [string, string])[], B2bOptions, number])[] = [
  ['nobody was allowed', [['Refer-To', '<sip:carol@example.com>']], {}, 403],
  ['the route forbids it', [['Refer-To', '<sip:carol@example.com>']], { transfer: () => undefined }, 403],
  [
    'the route throws',
    [['Refer-To', '<sip:carol@example.com>']],
    {
      transfer: () => {
        throw new Error('on purpose');
      },
    },
    500,
  ],
  [
    'the route fails',
    [['Refer-To', '<sip:carol@example.com>']],
    { transfer: () => Promise.reject(new Error('on purpose')) },
    500,
  ],
  [
    'the route says nothing for five seconds',
    [['Refer-To', '<sip:carol@example.com>']],
    { transfer: () => new Promise(() => {}) },
    500,
  ],
  ['it names nobody', [], anywhere, 400],
  [
    'it names two',
    [
      ['Refer-To', '<sip:a@example.com>'],
      ['Refer-To', '<sip:b@example.com>'],
    ],
    anywhere,
    400,
  ],
  ['it cannot be read', [['Refer-To', 'carol']], anywhere, 400],
  [
    'it names a call that is not ours',
    [['Refer-To', '<sip:c@h?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>']],
    anywhere,
    403,
  ],
  ['its Replaces cannot be read', [['Refer-To', '<sip:c@h?Replaces=1>']], anywhere, 400],
];
for (const [why, headers, options, status] of refused) {
  test(`a transfer is refused with ${status} when ${why}`, async () => {
    const t = await townOf(options);
    const alice = await talking(t, 'alice', 'bob');

    assert.equal(await t.world.until(alice.request('REFER', { headers: [...headers] })), status);
    assert.equal(lastCall(t, 'bob').state, 'talking');
    alice.hangUp();
    await t.run(1_000);
    await over(t);
  });
}

test('an attended transfer joins the two calls of the referrer, who is told and hung up on twice', async () => {
  const t = await townOf({});
  const first = await talking(t, 'alice', 'bob');
  const second = await talking(t, 'alice', 'carol');
  const [bob, carol] = [lastCall(t, 'bob'), lastCall(t, 'carol')];
  const replaces = encodeURIComponent(replacesOf(second));
  const status = await t.world.until(
    first.request('REFER', { headers: [['Refer-To', `<sip:carol@example.com?Replaces=${replaces}>`]] }),
  );
  await t.run(3_000);

  assert.equal(status, 202);
  assert.deepEqual(told(first), ['SIP/2.0 100 Trying active', 'SIP/2.0 200 OK terminated']);
  assert.deepEqual([first.endedBy, second.endedBy], ['them', 'them']);
  assert.deepEqual([bob.state, carol.state], ['talking', 'talking']);
  assert.match(bob.remoteSdp, /192\.0\.2\.13/);
  assert.match(carol.remoteSdp, /192\.0\.2\.12/);

  await t.run(10_000);
  bob.hangUp();
  await t.run(1_000);
  assert.equal(carol.endedBy, 'them');
  const [kept, left] = t.cdrs();
  assert.deepEqual([kept?.endedBy, left?.endedBy], ['callee', 'callee']);
  assert.ok(
    Number(kept?.durationMs) > 10_000 + Number(left?.durationMs),
    'the first call goes on, the second is over',
  );
  await over(t);
});

test('an attended transfer is carried out also when the referrer hangs up both calls once it is accepted', async () => {
  const t = await townOf({});
  const first = await talking(t, 'alice', 'bob');
  const second = await talking(t, 'alice', 'carol');
  const [bob, carol] = [lastCall(t, 'bob'), lastCall(t, 'carol')];
  const to = `<sip:carol@example.com?Replaces=${encodeURIComponent(replacesOf(second))}>`;

  await t.world.until(first.request('REFER', { headers: [['Refer-To', to]] }));
  first.hangUp();
  second.hangUp();
  await t.run(3_000);

  assert.deepEqual([bob.state, carol.state], ['talking', 'talking']);
  assert.match(bob.remoteSdp, /192\.0\.2\.13/);
  bob.hangUp();
  await t.run(1_000);
  assert.equal(carol.endedBy, 'them');
  await over(t);
});

test('an INVITE with Replaces takes the place of the call that it names', async () => {
  const t = await townOf({});
  const alice = await talking(t, 'alice', 'bob');
  const bob = lastCall(t, 'bob');
  const carol = t.phone('carol').dial('sip:bob@example.com', { headers: [['Replaces', replacesOf(alice)]] });
  await t.run(3_000);

  assert.deepEqual([alice.endedBy, bob.state, carol.state], ['them', 'talking', 'talking']);
  assert.match(bob.remoteSdp, /192\.0\.2\.13/);
  await t.run(10_000);
  assert.equal(t.cdrs().length, 1, 'the call that was replaced is over');
  carol.hangUp();
  await t.run(1_000);
  assert.equal(bob.endedBy, 'them');
  assert.deepEqual(
    t.cdrs().map(({ endedBy }) => endedBy),
    ['callee', 'caller'],
  );
  await over(t);
});

const replacements: readonly (readonly [string, (value: string) => string, number])[] = [
  ['names no call of ours', () => 'none;to-tag=1;from-tag=2', 481],
  ['cannot be read', () => 'none', 400],
  ['is for early calls only', (value) => `${value};early-only`, 486],
];
for (const [what, of, status] of replacements) {
  test(`an INVITE whose Replaces ${what} is refused with ${status}`, async () => {
    const t = await townOf({});
    const alice = await talking(t, 'alice', 'bob');
    const carol = t
      .phone('carol')
      .dial('sip:bob@example.com', { headers: [['Replaces', of(replacesOf(alice))]] });
    await t.run(1_000);

    assert.deepEqual([carol.status, alice.state], [status, 'talking']);
    alice.hangUp();
    await t.run(1_000);
    await over(t);
  });
}

test('with `pass` the far end carries the transfer out itself', async () => {
  const t = await townOf({ refer: 'pass' });
  const alice = await talking(t, 'alice', 'bob');
  const status = await t.world.until(
    alice.request('REFER', { headers: [['Refer-To', '<sip:carol@example.com>']] }),
  );

  assert.equal(status, 200);
  const refer = lastCall(t, 'bob').received.at(-1);
  assert.deepEqual([refer?.method, refer?.headers.get('Refer-To')], ['REFER', '<sip:carol@example.com>']);
  alice.hangUp();
  await t.run(1_000);
  await over(t);
});

test('the early call of a caller cannot be taken over by Replaces', async () => {
  const t = await townOf({});
  t.phone('bob').answers = 'ring';
  const alice = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);
  const carol = t.phone('carol').dial('sip:bob@example.com', { headers: [['Replaces', replacesOf(alice)]] });
  await t.run(1_000);

  assert.deepEqual([carol.status, alice.state], [481, 'ringing']);
  alice.hangUp();
  await t.run(1_000);
  await over(t);
});
