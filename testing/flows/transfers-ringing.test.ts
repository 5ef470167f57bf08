/** Transfers to a call of the referrer's that still rings: RFC 5589 §7, before the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { B2bOptions } from '../../src/agent/b2b.ts';
import type { CalleePlan } from '../../src/agent/hunt.ts';
import type { Call } from '../../src/testing/phone-call.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import type { IncomingCall } from '../../src/testing/phone-incoming.ts';
import type { Town } from '../../src/testing/town.ts';
import { lastCall, over, phoneOf, replacesOf, talking, told, townOf } from './transferring.ts';

interface Consulting {
  readonly t: Town;
  /** Alice's call to bob, and the one that rings. */
  readonly first: DialledCall;
  readonly second: DialledCall;
  readonly bob: Call;
}

/** Alice talks with bob, and has carol rung, or whom the plan says. */
async function consulting(
  more: { options?: B2bOptions; plan?: CalleePlan; sdp?: string; to?: string } = {},
): Promise<Consulting> {
  const { options = {}, plan = phoneOf('carol'), sdp } = more;
  const t = await townOf(options, { team: plan });
  const first = await talking(t, 'alice', 'bob');
  for (const name of ['carol', 'dave']) t.phone(name).answers = 'ring';
  const second = t.phone('alice').dial('sip:team@example.com', sdp === undefined ? {} : { sdp });
  await t.run(1_000);
  assert.equal(second.state, 'ringing');
  return { t, first, second, bob: lastCall(t, 'bob') };
}

/** Alice sends bob to whoever she rings. */
function refer({ first, second }: Consulting): Promise<number> {
  const to = `<sip:team@example.com?Replaces=${encodeURIComponent(replacesOf(second))}>`;
  return first.request('REFER', { headers: [['Refer-To', to]] });
}

function ringing(t: Town, name: string): IncomingCall {
  return lastCall(t, name) as IncomingCall;
}

/** Bob and whoever took the call hear each other. */
function assertJoined(bob: Call, other: Call, host: string): void {
  assert.deepEqual([bob.state, other.state], ['talking', 'talking']);
  assert.match(bob.remoteSdp, new RegExp(host.replaceAll('.', '\\.')));
  assert.match(other.remoteSdp, /192\.0\.2\.12/);
}

const TRYING = ['SIP/2.0 100 Trying active', 'SIP/2.0 180 Ringing active'];

for (const [what, sdp] of [
  ['has made an offer', undefined],
  ['waits for one', ''],
] as const) {
  test(`the far end is joined with who answers, where the call that rings ${what}`, async () => {
    const at = await consulting(sdp === undefined ? {} : { sdp });
    const { t, first, second, bob } = at;
    const status = await t.world.until(refer(at));
    await t.run(2_000);
    assert.deepEqual([status, told(first), second.state], [202, TRYING, 'ringing']);
    assert.deepEqual([first.state, bob.state], ['talking', 'talking']);
    const carol = ringing(t, 'carol');
    carol.answer();
    await t.run(3_000);

    assertJoined(bob, carol, '192.0.2.13');
    assert.deepEqual(told(first), [...TRYING, 'SIP/2.0 200 OK terminated']);
    assert.deepEqual([first.endedBy, second.status], ['them', 487]);

    await t.run(10_000);
    carol.hangUp();
    await t.run(1_000);
    assert.equal(bob.endedBy, 'them');
    assert.deepEqual(
      t.cdrs().map(({ status: said, durationMs }) => [said, Number(durationMs) > 13_000]),
      [
        [200, true],
        [487, false],
      ],
      'the first call ends with its last leg, the one that rang with the transfer',
    );
    await over(t);
  });
}

test('when the referrer hangs up both calls, it rings on, and who answers is joined', async () => {
  const at = await consulting();
  const { t, first, second, bob } = at;
  await t.world.until(refer(at));
  second.hangUp();
  first.hangUp();
  await t.run(5_000);
  const carol = ringing(t, 'carol');
  assert.deepEqual([second.status, bob.state, carol.state], [487, 'talking', 'ringing']);
  carol.answer();
  await t.run(3_000);

  assertJoined(bob, carol, '192.0.2.13');
  bob.hangUp();
  await t.run(1_000);
  assert.equal(carol.endedBy, 'them');
  assert.equal(t.cdrs().length, 2);
  await over(t);
});

// [what, how the ringing ends, the status]
const failures: readonly (readonly [string, (carol: IncomingCall, t: Town) => unknown, number])[] = [
  ['declines', (carol) => carol.refuse(603), 603],
  ['is busy', (carol) => carol.refuse(486), 486],
  ['does not answer in time', (_carol, t) => t.run(20_000), 408],
];
for (const [what, ends, status] of failures) {
  test(`who ${what} leaves the referrer with the far end`, async () => {
    const at = await consulting({ options: { ringMs: 10_000 } });
    const { t, first, second, bob } = at;
    await t.world.until(refer(at));
    await ends(ringing(t, 'carol'), t);
    await t.run(3_000);

    assert.match(told(first).at(-1) ?? '', new RegExp(`^SIP/2.0 ${status} .* terminated$`));
    assert.deepEqual([first.state, bob.state, second.status], ['talking', 'talking', status]);
    assert.equal(t.cdrs().length, 1);
    first.hangUp();
    await t.run(1_000);
    assert.equal(bob.endedBy, 'them');
    await over(t);
  });
}

test('who declines after the referrer has hung up ends the call of the far end', async () => {
  const at = await consulting();
  const { t, first, second, bob } = at;
  await t.world.until(refer(at));
  second.hangUp();
  first.hangUp();
  await t.run(1_000);
  ringing(t, 'carol').refuse(486);
  await t.run(1_000);

  assert.equal(bob.endedBy, 'them');
  await over(t);
});

test('when the referrer gives up the call that rings alone, the transfer goes on and is told', async () => {
  const at = await consulting();
  const { t, first, second, bob } = at;
  await t.world.until(refer(at));
  second.hangUp();
  await t.run(1_000);
  ringing(t, 'carol').refuse(486);
  await t.run(1_000);

  assert.deepEqual(told(first).at(-1), 'SIP/2.0 486 Busy Here terminated');
  assert.deepEqual([first.state, bob.state], ['talking', 'talking']);
  first.hangUp();
  await t.run(1_000);
  await over(t);
});

for (const [who, stays] of [
  ['while the referrer waits', true],
  ['after the referrer has hung up', false],
] as const) {
  test(`when the far end hangs up ${who}, nobody rings any longer`, async () => {
    const at = await consulting({ plan: { serial: [phoneOf('carol'), phoneOf('dave')] } });
    const { t, first, second, bob } = at;
    await t.world.until(refer(at));
    if (!stays) {
      second.hangUp();
      first.hangUp();
    }
    await t.run(1_000);
    bob.hangUp();
    await t.run(1_000);

    assert.deepEqual([ringing(t, 'carol').status, first.state, second.status], [487, 'ended', 487]);
    assert.deepEqual(t.phone('dave').calls, []);
    assert.equal(t.cdrs().length, 2);
    await over(t);
  });
}

test('of several who ring whoever answers is joined, also one whose dialog was not named', async () => {
  const at = await consulting({ plan: { parallel: [phoneOf('carol'), phoneOf('dave')] } });
  const { t, second, bob } = at;
  await t.world.until(refer(at));
  second.hangUp();
  await t.run(1_000);
  ringing(t, 'carol').answer();
  await t.run(3_000);

  assertJoined(bob, ringing(t, 'carol'), '192.0.2.13');
  assert.equal(ringing(t, 'dave').status, 487);
  bob.hangUp();
  await t.run(1_000);
  await over(t);
});

test('after one who declines the next one of the plan rings for the far end', async () => {
  const at = await consulting({ plan: { serial: [phoneOf('carol'), phoneOf('dave')] } });
  const { t, first, second, bob } = at;
  await t.world.until(refer(at));
  second.hangUp();
  await t.run(1_000);
  ringing(t, 'carol').refuse(486);
  await t.run(1_000);
  assert.equal(told(first).at(-1), 'SIP/2.0 180 Ringing active');
  ringing(t, 'dave').answer();
  await t.run(3_000);

  assertJoined(bob, ringing(t, 'dave'), '192.0.2.14');
  bob.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a call that rings is given away once, and picked up by nobody meanwhile', async () => {
  const at = await consulting();
  const { t, first, second, bob } = at;
  const other = await talking(t, 'dave', 'bob');
  await t.world.until(refer(at));
  const again = await t.world.until(refer({ ...at, first: other }));
  const carol = ringing(t, 'carol');
  const invite = carol.invite;
  const leg = `${carol.callId};to-tag=${invite.fromTag};from-tag=${carol.localTag}`;
  const newcomer = t.phone('dave').dial('sip:team@example.com', { headers: [['Replaces', leg]] });
  await t.run(1_000);

  assert.deepEqual([again, newcomer.status, second.state, carol.state], [491, 491, 'ringing', 'ringing']);
  for (const call of [first, second, other]) call.hangUp();
  await t.run(1_000);
  carol.answer();
  await t.run(1_000);
  bob.hangUp();
  carol.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a call that was given up before the REFER came is nobody’s any more', async () => {
  const at = await consulting();
  const { t, first, second, bob } = at;
  second.hangUp();
  const status = await t.world.until(refer(at));
  await t.run(1_000);

  assert.deepEqual(
    [status, first.state, bob.state, ringing(t, 'carol').status],
    [403, 'talking', 'talking', 487],
  );
  first.hangUp();
  await t.run(1_000);
  await over(t);
});

// [what crosses the answer, who does it]
const crossings: readonly (readonly [string, (at: Consulting, carol: IncomingCall) => void])[] = [
  ['the CANCEL of the referrer', ({ second }) => second.hangUp()],
  ['his BYE', ({ first }) => first.hangUp()],
  ['the BYE of the far end', ({ bob }) => bob.hangUp()],
  ['the BYE of who answered', (_at, carol) => carol.hangUp()],
  ['an offer of the far end', ({ bob }) => void bob.reinvite()],
];
/** Before the answer leaves, with it, on each of the ways until both talk, and after. */
const APART_MS = [-11, -1, 0, 5, 12, 18, 30];
for (const [what, crosses] of crossings) {
  test(`whatever crosses the answer, no call is left open: ${what}`, async () => {
    for (const apartMs of APART_MS) {
      const at = await consulting();
      const { t, first, second, bob } = at;
      const carol = ringing(t, 'carol');
      await t.world.until(refer(at));
      t.world.clock.after(50, () => carol.answer());
      t.world.clock.after(50 + apartMs, () => crosses(at, carol));
      await t.run(5_000);
      if (first.state === 'ended' && bob.state === 'talking') assertJoined(bob, carol, '192.0.2.13');
      for (const call of [first, second, bob, carol]) call.hangUp();
      await t.run(1_000);

      assert.equal(t.cdrs().length, 2, `${apartMs} ms`);
      await over(t);
    }
  });
}

test('a REFER that crosses the answer finds the call talking or ringing, and is carried out', async () => {
  for (const apartMs of APART_MS) {
    const at = await consulting();
    const { t, first, second, bob } = at;
    const carol = ringing(t, 'carol');
    t.world.clock.after(50, () => carol.answer());
    t.world.clock.after(50 + apartMs, () => void refer(at));
    await t.run(5_000);

    assertJoined(bob, carol, '192.0.2.13');
    assert.deepEqual([first.state, second.state], ['ended', 'ended'], `${apartMs} ms`);
    bob.hangUp();
    await t.run(1_000);
    assert.equal(t.cdrs().length, 2);
    await over(t);
  }
});
