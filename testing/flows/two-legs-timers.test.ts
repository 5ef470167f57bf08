/** Session timers and glare in calls of two legs. RFC 4028, RFC 3261 §14, RFC 3311 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const ONE = '192.0.2.71';
const BOB = 'sip:bob@example.com';
const TIMER = [
  ['Supported', 'timer'],
  ['Session-Expires', '90;refresher=uac'],
  ['Allow', 'INVITE, ACK, BYE, UPDATE'],
] as const;
/** What who refreshes, or has us refresh, says in a 2xx. */
const refreshedBy = (who: 'uac' | 'uas') =>
  [
    ['Require', 'timer'],
    ['Session-Expires', `90;refresher=${who}`],
    ['Allow', 'INVITE, ACK, BYE, UPDATE'],
  ] as const;
type Lines = Parameters<Hand['ask']>[2];

interface Call {
  readonly t: Town;
  readonly caller: Hand;
  readonly one: Hand;
  /** The 200 that the caller got. */
  readonly answer: SipResponse;
}

/** A call whose callee has said nothing yet; `asks` are the fields of the INVITE. */
async function calling(asks: Lines = []): Promise<Omit<Call, 'answer'>> {
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo({ uri: parseUri(`sip:hand@${ONE}:5060`) })))),
    { people: {}, settings: { agent: { session_seconds: 90 } } },
  );
  const [caller, one] = await hands(t, CALLER, ONE);
  assert.ok(caller && one);
  caller.ask('INVITE', BOB, asks, 'offer');
  await t.run(50);
  return { t, caller, one };
}

/** A call that both have acknowledged; `asks` and `says` are the fields of the INVITE and of its 200. */
async function talking(asks: Lines = [], says: Lines = []): Promise<Call> {
  const { t, caller, one } = await calling(asks);
  one.answer(one.got('INVITE'), 200, 'one', says, 'answer');
  await t.run(50);
  const answer = caller.answers().at(-1);
  assert.equal(answer?.status, 200);
  caller.askWithin(answer, 'ACK', 1);
  await t.run(50);
  return { t, caller, one, answer };
}

/** What we sent to a host: requests of this method, without those sent again. */
function sent(t: Town, host: string, method: string): number {
  const texts = t.net.trace.entries
    .filter(
      ({ fromHost, toHost, text }) =>
        fromHost === EXCHANGE && toHost === host && text.startsWith(`${method} `),
    )
    .map(({ text }) => text);
  return new Set(texts).size;
}

test('neither side can do timers: nobody refreshes, and the call lasts', async () => {
  const { t, answer } = await talking();
  await t.run(400_000);

  assert.equal(answer.headers.get('Session-Expires'), undefined);
  assert.deepEqual(
    [ONE, CALLER].map((host) => sent(t, host, 'INVITE') + sent(t, host, 'UPDATE') + sent(t, host, 'BYE')),
    [1, 0],
  );
  t.stop();
});

test('the callee cannot do timers: the caller refreshes his leg, and the callee hears nothing of it', async () => {
  const { t, caller, one, answer } = await talking(TIMER);
  for (const cseq of [2, 3, 4]) {
    await t.run(40_000);
    caller.askWithin(answer, 'UPDATE', cseq, TIMER);
    await t.run(50);
    assert.equal(caller.answers('UPDATE').at(-1)?.headers.get('Session-Expires'), '90;refresher=uac');
  }

  assert.deepEqual([sent(t, ONE, 'UPDATE'), sent(t, ONE, 'BYE'), one.got('INVITE').cseq], [0, 0, 1]);
  t.stop();
});

test('a caller who does not refresh is hung up on before the end, and so is the callee', async () => {
  const { t } = await talking(TIMER);
  await t.run(59_500);
  assert.deepEqual([sent(t, CALLER, 'BYE'), sent(t, ONE, 'BYE')], [0, 0]);
  await t.run(1_000);

  assert.deepEqual([sent(t, CALLER, 'BYE'), sent(t, ONE, 'BYE')], [1, 1]);
  t.stop();
});

test('a callee who is to refresh and does not ends the call', async () => {
  const { t } = await talking([], refreshedBy('uas'));
  await t.run(59_500);
  assert.equal(sent(t, ONE, 'BYE'), 0);
  await t.run(1_000);

  assert.deepEqual([sent(t, CALLER, 'BYE'), sent(t, ONE, 'BYE')], [1, 1]);
  t.stop();
});

test('we refresh where the callee leaves it to us, by UPDATE, at half the time', async () => {
  const { t, one } = await talking([], refreshedBy('uac'));
  await t.run(44_000);
  assert.equal(sent(t, ONE, 'UPDATE'), 0);
  await t.run(2_000);
  const update = one.got('UPDATE');
  one.answer(update, 200, '', refreshedBy('uac'));
  await t.run(46_000);

  assert.deepEqual([update.body, update.headers.get('Session-Expires')], ['', '90;refresher=uac']);
  assert.deepEqual([sent(t, ONE, 'UPDATE'), sent(t, CALLER, 'UPDATE')], [2, 0]);
  t.stop();
});

test('who wanted more than we ask for, by 422, is refreshed with what was agreed', async () => {
  const { t, caller, one } = await calling();
  one.answer(one.got('INVITE'), 422, 'one', [['Min-SE', '240']]);
  await t.run(50);
  const says = [['Require', 'timer'], ['Session-Expires', '240;refresher=uac'], TIMER[2]] as const;
  one.answer(one.got('INVITE'), 200, 'one', says, 'answer');
  await t.run(50);
  const answer = caller.answers().at(-1);
  assert.equal(answer?.status, 200);
  caller.askWithin(answer, 'ACK', 1);
  await t.run(121_000);

  assert.equal(one.got('UPDATE').headers.get('Session-Expires'), '240;refresher=uac');
  t.stop();
});

test('who said UPDATE and cannot do it is refreshed by a re-INVITE with what was said last', async () => {
  const { t, one } = await talking([], refreshedBy('uac'));
  await t.run(46_000);
  one.answer(one.got('UPDATE'), 405, '');
  await t.run(100);

  const invite = one.got('INVITE');
  assert.deepEqual(
    [invite.body, invite.toTag, invite.headers.get('Session-Expires')],
    ['offer', 'one', '90;refresher=uac'],
  );
  t.stop();
});

test('a refresh that meets one of theirs comes again after 2.1 to 4 seconds', async () => {
  const { t, one } = await talking([], refreshedBy('uac'));
  await t.run(46_000);
  one.answer(one.got('UPDATE'), 491, '');
  await t.run(2_000);
  assert.equal(sent(t, ONE, 'UPDATE'), 1);
  await t.run(2_100);

  assert.equal(sent(t, ONE, 'UPDATE'), 2);
  t.stop();
});

for (const method of ['INVITE', 'UPDATE'] as const) {
  test(`a change of the caller by ${method} refreshes the callee's leg too`, async () => {
    const { t, caller, one, answer } = await talking([], refreshedBy('uas'));
    await t.run(40_000);
    caller.askWithin(answer, method, 2, [], 'another offer');
    await t.run(50);
    const asked = one.got(method);
    one.answer(asked, 200, '', refreshedBy('uas'), 'another answer');
    await t.run(50);
    if (method === 'INVITE') caller.askWithin(answer, 'ACK', 2);
    await t.run(30_000);
    assert.deepEqual([asked.headers.get('Session-Expires'), sent(t, ONE, 'BYE')], ['90;refresher=uas', 0]);
    await t.run(31_000);

    assert.equal(sent(t, ONE, 'BYE'), 1, 'from then on it counts anew');
    t.stop();
  });

  test(`after a change by ${method} was refused, the session is refreshed with what was agreed before`, async () => {
    const { t, caller, one, answer } = await talking([], refreshedBy('uac').slice(0, 2));
    caller.askWithin(answer, method, 2, [], 'another offer');
    await t.run(50);
    one.answer(one.got(method), 488, '');
    await t.run(50);
    assert.equal(caller.answers(method).at(-1)?.status, 488);
    if (method === 'INVITE') caller.askWithin(answer, 'ACK', 2);
    await t.run(46_000);

    assert.equal(one.got('INVITE').body, 'offer');
    t.stop();
  });
}

test('a change by UPDATE that was refused refreshes nothing, and the caller is still where he was', async () => {
  const { t, caller, one, answer } = await talking(TIMER);
  await t.run(20_000);
  caller.askWithin(answer, 'UPDATE', 2, [['Contact', '<sip:moved@192.0.2.99>']], 'another offer');
  await t.run(50);
  one.answer(one.got('UPDATE'), 488, '');
  await t.run(39_000);
  assert.equal(sent(t, CALLER, 'BYE'), 0);
  await t.run(1_000);

  assert.deepEqual([sent(t, CALLER, 'BYE'), sent(t, ONE, 'BYE')], [1, 1]);
  t.stop();
});

for (const method of ['INVITE', 'UPDATE'] as const) {
  test(`a change by ${method} for too short a time is refused before the far end hears of it`, async () => {
    const { t, caller, one, answer } = await talking(TIMER);
    const asks = [TIMER[0], ['Session-Expires', '89']] as const;
    caller.askWithin(answer, method, 2, asks, 'another offer');
    await t.run(50);

    const refused = caller.answers(method).at(-1);
    assert.deepEqual([refused?.status, refused?.headers.get('Min-SE')], [422, '90']);
    assert.deepEqual([sent(t, ONE, 'INVITE'), sent(t, ONE, 'UPDATE')], [1, 0]);

    caller.askWithin(answer, 'UPDATE', 3, TIMER, 'third offer');
    await t.run(50);
    assert.equal(one.got('UPDATE').body, 'third offer', 'nothing is left under way');
    t.stop();
  });
}

// [what the caller asked first, and then; what the second is told]
const crossing: readonly (readonly [string, string, number])[] = [
  ['UPDATE', 'UPDATE', 500],
  ['UPDATE', 'INVITE', 500],
  ['INVITE', 'UPDATE', 500],
  ['INVITE', 'INVITE', 500],
];
for (const [first, second, status] of crossing) {
  test(`an ${second} of the caller while his ${first} waits is told ${status} and when to ask again`, async () => {
    const { t, caller, one, answer } = await talking();
    caller.askWithin(answer, first, 2, [], 'second offer');
    await t.run(50);
    caller.askWithin(answer, second, 3, [], 'third offer');
    await t.run(50);

    const refused = caller.answers(second).at(-1);
    assert.equal(refused?.status, status);
    assert.match(refused?.headers.get('Retry-After') ?? '', /^(\d|10)$/);
    assert.equal(one.got(first).body, 'second offer');
    t.stop();
  });
}

for (const [first, second] of [
  ['UPDATE', 'UPDATE'],
  ['UPDATE', 'INVITE'],
  ['INVITE', 'UPDATE'],
  ['INVITE', 'INVITE'],
] as const) {
  test(`an ${second} of the callee that meets the caller's ${first} is told 491`, async () => {
    const { t, caller, one, answer } = await talking();
    const invite = one.got('INVITE');
    caller.askWithin(answer, first, 2, [], 'second offer');
    await t.run(50);
    const contact = /<(.*)>/.exec(invite.headers.get('Contact') ?? '')?.[1] ?? '';
    one.askAs(
      contact,
      second,
      [
        ['From', `${invite.headers.get('To')};tag=one`],
        ['To', invite.headers.get('From') ?? ''],
        ['Call-ID', invite.callId],
      ],
      1,
      'other offer',
    );
    await t.run(50);

    assert.equal(one.answers(second).at(-1)?.status, 491);
    one.answer(one.got(first), 200, '', [], 'second answer');
    await t.run(50);
    assert.equal(caller.answers(first).at(-1)?.status, 200);
    t.stop();
  });
}

test('a callee who knows nothing of the call any more is sent a BYE, and the caller too', async () => {
  const { t, caller, one, answer } = await talking();
  caller.askWithin(answer, 'INFO', 2);
  await t.run(50);
  one.answer(one.got('INFO'), 481, '');
  await t.run(50);

  assert.deepEqual([sent(t, ONE, 'BYE'), sent(t, CALLER, 'BYE')], [1, 1]);
  t.stop();
});
