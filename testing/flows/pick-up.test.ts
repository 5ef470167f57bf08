/** Calls that ring somewhere and are taken elsewhere: Replaces of an early dialog. RFC 3891 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, hands } from './by-hand.ts';

const HOSTS = { alice: '192.0.2.11', bob: '192.0.2.12', carol: '192.0.2.13' };
const BOB = 'sip:bob@example.com';
const bobsPhone = { uri: parseUri(`sip:bob@${HOSTS.bob}:5060`) };
const VIDEO =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.13\r\ns=-\r\nc=IN IP4 192.0.2.13\r\nt=0 0\r\nm=video 4000 RTP/AVP 31\r\n';

async function townOf(options: B2bOptions = {}): Promise<Town> {
  const people = Object.fromEntries(Object.entries(HOSTS).map(([name, host]) => [name, { host }]));
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo(bobsPhone, options)))),
    { people },
  );
  t.phone('bob').answers = 'ring';
  return t;
}

async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  assert.equal(t.exchange.agent.dialogCount, 0, 'no dialog is left');
  t.stop();
}

/** The leg that rings at bob's, as his phone tells those who watch it. */
function ringingLeg(t: Town): string {
  const invite = t.phone('bob').received.find(({ method }) => method === 'INVITE');
  const call = t.phone('bob').calls.at(-1);
  assert.ok(invite !== undefined && call !== undefined);
  return `${call.callId};to-tag=${invite.fromTag};from-tag=${call.localTag}`;
}

function take(t: Town, replaces: string, sdp?: string): DialledCall {
  const headers = [['Replaces', replaces] as const];
  return t.phone('carol').dial(BOB, sdp === undefined ? { headers } : { headers, sdp });
}

// [what, the caller's offer, the newcomer's]
const offers: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ['both offer', undefined, undefined],
  ['the newcomer offers nothing', undefined, ''],
  ['the caller offered nothing', '', undefined],
];
for (const [what, callers, newcomers] of offers) {
  for (const flag of ['', ';early-only']) {
    test(`a call that rings is taken elsewhere${flag}: ${what}`, async () => {
      const t = await townOf();
      const alice = t.phone('alice').dial(BOB, callers === undefined ? {} : { sdp: callers });
      await t.run(1_000);
      const carol = take(t, ringingLeg(t) + flag, newcomers);
      await t.run(1_000);

      assert.deepEqual([alice.state, carol.state], ['talking', 'talking']);
      assert.deepEqual([t.phone('bob').calls[0]?.status, t.phone('bob').calls[0]?.state], [487, 'ended']);
      const cancel = t.phone('bob').received.find(({ method }) => method === 'CANCEL');
      assert.match(cancel?.headers.get('Reason') ?? '', /cause=200/);
      if (newcomers === undefined) assert.match(alice.remoteSdp, /192\.0\.2\.13/);
      if (callers === undefined) assert.match(carol.remoteSdp, /192\.0\.2\.11/);
      await t.run(10_000);
      assert.equal(t.cdrs().length, 0, 'both calls last');
      alice.hangUp();
      await t.run(1_000);
      assert.equal(carol.endedBy, 'them');
      assert.deepEqual(
        t.cdrs().map(({ endedBy, durationMs }) => [endedBy, Number(durationMs) > 9_000]),
        [
          ['caller', true],
          ['callee', true],
        ],
      );
      await over(t);
    });
  }
}

test('after the newcomer hangs up the caller is hung up on', async () => {
  const t = await townOf();
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  const carol = take(t, ringingLeg(t));
  await t.run(1_000);
  carol.hangUp();
  await t.run(1_000);

  assert.equal(alice.endedBy, 'them');
  await over(t);
});

test('a newcomer whose offer is no answer to the caller is told 488, and the call rings on', async () => {
  const t = await townOf();
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  const carol = take(t, ringingLeg(t), VIDEO);
  await t.run(1_000);

  assert.deepEqual([carol.status, alice.state, t.phone('bob').calls[0]?.state], [488, 'ringing', 'ringing']);
  alice.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a newcomer who is offered the call and says no ACK leaves it ringing', async () => {
  const t = await townOf();
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  t.phone('carol').misbehaves.neverAcks = true;
  take(t, ringingLeg(t), '');
  await t.run(40_000);

  assert.deepEqual([alice.state, t.phone('bob').calls[0]?.state], ['ringing', 'ringing']);
  alice.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a caller who gives up while the newcomer is asked ends both', async () => {
  const t = await townOf();
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  t.phone('carol').misbehaves.neverAcks = true;
  const carol = take(t, ringingLeg(t), '');
  await t.run(500);
  alice.hangUp();
  await t.run(40_000);

  assert.deepEqual([alice.status, carol.state], [487, 'ended']);
  await over(t);
});

test('a leg that is over is declined with 603, one that never was is not found', async () => {
  const t = await townOf();
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  const leg = ringingLeg(t);
  alice.hangUp();
  await t.run(1_000);
  const [late, lost] = [take(t, leg), take(t, leg.replace('to-tag=', 'to-tag=x'))];
  await t.run(1_000);

  assert.deepEqual([late.status, lost.status], [603, 481]);
  await over(t);
});

test('who offered nothing is made the offer of the caller, whose answer comes by the ACK', async () => {
  const [ONE, TWO] = ['192.0.2.71', '192.0.2.72'];
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo({ uri: parseUri(`sip:hand@${ONE}:5060`) })))),
    { people: {} },
  );
  const [caller, one, two] = await hands(t, CALLER, ONE, TWO);
  assert.ok(caller && one && two);
  caller.ask('INVITE', BOB, [], 'offer');
  await t.run(50);
  const invite = one.got('INVITE');
  one.answer(invite, 180, 'one');
  await t.run(50);
  two.ask('INVITE', BOB, [
    ['CSeq', '7 INVITE'],
    ['Replaces', `${invite.callId};to-tag=${invite.fromTag};from-tag=one`],
  ]);
  await t.run(50);
  const made = two.answers().at(-1);
  assert.deepEqual([made?.status, made?.body, caller.statuses], [200, 'offer', [100, 180]]);
  two.askWithin(made!, 'ACK', 7, [], 'answer');
  await t.run(50);

  const answer = caller.answers().at(-1);
  assert.deepEqual([answer?.status, answer?.body], [200, 'answer']);
  assert.equal(one.got('CANCEL').callId, invite.callId);
  t.stop();
});

test('without an offer a call is taken that is talked in: the far end makes it', async () => {
  const t = await townOf();
  t.phone('bob').answers = { afterMs: 0 };
  const alice = t.phone('alice').dial(BOB);
  await t.run(1_000);
  const ours = alice.responses.at(-1)?.toTag ?? '';
  const carol = take(t, `${alice.callId};to-tag=${ours};from-tag=${alice.localTag}`, '');
  await t.run(1_000);

  const bob = t.phone('bob').calls[0];
  assert.deepEqual([alice.endedBy, bob?.state, carol.state], ['them', 'talking', 'talking']);
  assert.match(carol.remoteSdp, /192\.0\.2\.12/);
  carol.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a proxy lets Replaces pass: it is for the phone that is called', async () => {
  const ONE = '192.0.2.71';
  const t = await town(
    script(() => new Router().invite((c) => c.relay({ uri: parseUri(`sip:hand@${ONE}:5060`) }))),
    { people: {} },
  );
  const [caller, one] = await hands(t, CALLER, ONE);
  assert.ok(caller && one);
  const value = 'call@192.0.2.1;to-tag=1;from-tag=2;early-only';
  caller.ask('INVITE', BOB, [
    ['Replaces', value],
    ['Require', 'replaces'],
  ]);
  await t.run(50);

  const { headers } = one.got('INVITE');
  assert.deepEqual([headers.get('Replaces'), headers.get('Require')], [value, 'replaces']);
  t.stop();
});
