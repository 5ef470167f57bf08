/** Transfers to a call that still rings, with messages that phones do not write: RFC 5589 §7. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const HOSTS: Readonly<Record<string, string>> = { bob: '192.0.2.71', carol: '192.0.2.72' };
const SECOND = [['Call-ID', 'second']] as const;

interface Referred {
  readonly t: Town;
  readonly alice: Hand;
  readonly bob: Hand;
  readonly carol: Hand;
  /** The 180 that alice got. */
  readonly early: SipResponse;
}

/** Alice talks with bob, rings carol, and has sent bob there; carol has said this much. */
async function referred(rings: (carol: Hand) => void): Promise<Referred> {
  const t = await town(
    script(() =>
      new Router().invite((c) =>
        c.answer(b2bTo({ uri: parseUri(`sip:hand@${HOSTS[c.uri.user ?? ''] ?? ''}:5060`) })),
      ),
    ),
    { people: {} },
  );
  const [alice, bob, carol] = await hands(t, CALLER, ...Object.values(HOSTS));
  assert.ok(alice && bob && carol);
  alice.ask('INVITE', 'sip:bob@example.com', [], 'offer');
  await t.run(50);
  bob.answer(bob.got('INVITE'), 200, 'bob', [], 'answer');
  await t.run(50);
  const answer = alice.answers().at(-1);
  assert.equal(answer?.status, 200);
  alice.askWithin(answer, 'ACK', 1);
  alice.ask('INVITE', 'sip:carol@example.com', [...SECOND, ['Supported', '100rel']], 'offer to carol');
  await t.run(50);
  rings(carol);
  await t.run(50);
  const early = alice.answers().at(-1);
  assert.equal(early?.status, 180);
  const replaces = encodeURIComponent(`second;to-tag=${early.toTag};from-tag=from`);
  alice.askWithin(answer, 'REFER', 2, [['Refer-To', `<sip:carol@example.com?Replaces=${replaces}>`]]);
  await t.run(50);
  assert.equal(alice.answers('REFER').at(-1)?.status, 202);
  alice.answer(alice.got('NOTIFY'), 200, '');
  await t.run(50);
  assert.match(alice.got('NOTIFY').body, /180 Ringing/);
  alice.answer(alice.got('NOTIFY'), 200, '');
  return { t, alice, bob, carol, early };
}

/** Whether we have sent a request of this method to a host. */
function has(t: Town, host: string, method: string): boolean {
  return t.net.trace.entries.some(
    ({ fromHost, toHost, text }) => fromHost === EXCHANGE && toHost === host && text.startsWith(`${method} `),
  );
}

function answersOf(alice: Hand, callId: string): SipResponse[] {
  return alice.answers().filter((response) => response.callId === callId);
}

test('a far end that does not take the offer of who answered leaves him to the referrer', async () => {
  const { t, alice, bob, carol } = await referred((callee) =>
    callee.answer(callee.got('INVITE'), 180, 'carol'),
  );
  carol.answer(carol.got('INVITE'), 200, 'carol', [['Content-Type', 'application/sdp']], 'answer of carol');
  await t.run(50);
  assert.equal(carol.got('INVITE').body, '');
  carol.answer(carol.got('INVITE'), 200, 'carol', [['Content-Type', 'application/sdp']], 'offer of carol');
  await t.run(50);
  assert.equal(bob.got('INVITE').body, 'offer of carol');
  bob.answer(bob.got('INVITE'), 488, 'bob');
  await t.run(100);

  assert.match(alice.got('NOTIFY').body, /488 Not Acceptable Here/);
  const last = answersOf(alice, 'second').at(-1);
  assert.deepEqual([last?.status, last?.body], [200, 'answer of carol']);
  assert.equal(carol.got('ACK').body, 'offer to carol', 'what she hears already');
  assert.deepEqual([has(t, bob.host, 'BYE'), has(t, carol.host, 'BYE')], [false, false]);
  t.stop();
});

test('what rings reliably is acknowledged by us once the referrer is gone', async () => {
  const reliable = (rseq: number) =>
    [
      ['Require', '100rel'],
      ['RSeq', String(rseq)],
    ] as const;
  const { t, alice, carol, early } = await referred((callee) =>
    callee.answer(callee.got('INVITE'), 180, 'carol', reliable(1)),
  );
  assert.equal(has(t, carol.host, 'PRACK'), false, 'alice has said none');
  const invite = carol.got('INVITE');
  alice.askWithin(early, 'BYE', 2, SECOND);
  await t.run(50);
  assert.equal(carol.got('PRACK').headers.get('RAck'), '1 1 INVITE');
  carol.answer(carol.got('PRACK'), 200, 'carol');
  carol.answer(invite, 180, 'carol', reliable(2));
  await t.run(50);

  assert.equal(carol.got('PRACK').headers.get('RAck'), '2 1 INVITE');
  assert.deepEqual([answersOf(alice, 'second').at(-1)?.status, has(t, carol.host, 'CANCEL')], [487, false]);
  t.stop();
});
