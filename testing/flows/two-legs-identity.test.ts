/** Who is said to speak within a call of two legs: nobody but a trusted peer says it. RFC 3325 §5, §9.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference, Router, type Script, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import type { SipRequest, SipResponse } from '../../src/sip/message.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const ONE = '192.0.2.71';
const TO_ONE = { uri: parseUri(`sip:hand@${ONE}:5060`) };
const FORGED = 'sip:boss@example.com';
const SDP_TYPE = ['Content-Type', 'application/sdp'] as const;
const CLAIMS = [
  ['P-Asserted-Identity', `<${FORGED}>`],
  ['P-Preferred-Identity', `<${FORGED}>`],
  ['Remote-Party-ID', `<${FORGED}>;party=calling`],
  ['P-Charge-Info', `<${FORGED}>`],
] as const;
/** Nobody may prefer anything at the next peer: that was for us. RFC 3325 §9.2 */
const TRUSTED_CLAIMS = ['P-Asserted-Identity', 'Remote-Party-ID', 'P-Charge-Info'];
const PASS = CLAIMS.map(([name]) => name);

/** The callee is rung by two legs, because the script says so or because the caller wants to be hidden. */
const twoLegs = script(({ auth, b2b }) => {
  const app = new Router();
  app.use(auth.identity());
  app.inDialog((c) => c.follow());
  app.invite((c) => c.answer(b2b.to(TO_ONE, { pass: PASS })));
  return app;
});
const hiding = script(({ auth, callers }) => {
  const app = new Router();
  app.inDialog(auth.identity(), (c) => c.follow());
  app.invite(callers.known(), auth.identity(), callers.present(), (c) => c.relay(byPreference([TO_ONE])));
  return app;
});

interface Talk {
  readonly t: Town;
  readonly caller: Hand;
  readonly one: Hand;
  readonly answer: SipResponse;
}

async function talking(routes: Script, peers: readonly string[], privacy: string): Promise<Talk> {
  const settings = { trusted: { peers: [...peers] }, sip: { open_inbound: true } };
  const t = await town(routes, { people: {}, settings });
  const [caller, one] = await hands(t, CALLER, ONE);
  assert.ok(caller && one);
  caller.ask('INVITE', 'sip:bob@example.com', [SDP_TYPE, ['Privacy', privacy]], 'v=0\r\n');
  await t.run(50);
  one.answer(one.got('INVITE'), 200, 'one', [SDP_TYPE, ...CLAIMS], 'v=0\r\n');
  await t.run(50);
  const answer = caller.answers().at(-1);
  assert.equal(answer?.status, 200);
  caller.askWithin(answer, 'ACK', 1);
  await t.run(50);
  return { t, caller, one, answer };
}

/** The callee asks within his leg. */
function askBack(one: Hand, invite: SipRequest, method: string, cseq: number): void {
  const contact = /<(.*)>/.exec(invite.headers.get('Contact') ?? '')?.[1] ?? '';
  const parties = [
    ['From', `${invite.headers.get('To')};tag=one`],
    ['To', invite.headers.get('From') ?? ''],
    ['Call-ID', invite.callId],
  ] as const;
  one.askAs(contact, method, [...parties, SDP_TYPE, ...CLAIMS], cseq, 'v=0\r\n');
}

/** Which of the claims stand in it. */
function claimed({ headers }: SipRequest | SipResponse): string[] {
  return CLAIMS.map(([name]) => name).filter((name) => headers.has(name));
}

// [script, Privacy, who is trusted, what of the caller and what of the callee passes, what of the callee's answers]
const trials = [
  [twoLegs, 'none', ONE, [], TRUSTED_CLAIMS, TRUSTED_CLAIMS],
  [twoLegs, 'none', CALLER, TRUSTED_CLAIMS, [], []],
  // Whoever hides is not told of by what a trusted peer says for him later.
  [hiding, 'user', CALLER, ['P-Charge-Info'], [], []],
] as const;
for (const [routes, privacy, peer, ofCaller, ofCallee, ofAnswers] of trials) {
  const whose = peer === ONE ? 'callee' : 'caller';
  test(`within two legs, Privacy: ${privacy}, only the ${whose} is believed, who is trusted`, async () => {
    const { t, caller, one, answer } = await talking(routes, [peer], privacy);
    const invite = one.got('INVITE');
    assert.deepEqual(claimed(answer), ofAnswers);

    for (const [place, method] of ['INVITE', 'INFO', 'UPDATE', 'NOTIFY'].entries()) {
      const cseq = 2 + place;
      caller.askWithin(answer, method, cseq, [SDP_TYPE, ...CLAIMS], 'v=0\r\n');
      await t.run(50);
      assert.deepEqual(claimed(one.got(method)), ofCaller, `${method} of the caller`);
      one.answer(one.got(method), 200, 'one', [SDP_TYPE, ...CLAIMS], 'v=0\r\n');
      await t.run(50);
      const reply = caller.answers(method).at(-1);
      assert.ok(reply?.status === 200);
      assert.deepEqual(claimed(reply), ofAnswers, `the answer to ${method}`);
      if (method === 'INVITE') caller.askWithin(answer, 'ACK', cseq);
      await t.run(50);

      askBack(one, invite, method, cseq);
      await t.run(50);
      assert.deepEqual(claimed(caller.got(method)), ofCallee, `${method} of the callee`);
      caller.answer(caller.got(method), 200, 'from', [SDP_TYPE, ...CLAIMS], 'v=0\r\n');
      await t.run(50);
    }
    t.stop();
  });
}

test('where the script says nothing of identities they pass as they come, also within the call', async () => {
  const plain = script(({ b2b }) => new Router().invite((c) => c.answer(b2b.to(TO_ONE, { pass: PASS }))));
  const { t, caller, one, answer } = await talking(plain, [], 'none');

  caller.askWithin(answer, 'INFO', 2, [...CLAIMS]);
  await t.run(50);

  assert.deepEqual([claimed(answer), claimed(one.got('INFO'))], [PASS, PASS]);
  t.stop();
});
