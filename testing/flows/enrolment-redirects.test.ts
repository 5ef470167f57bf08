/** Our own registration at a registrar that sends us elsewhere. RFC 3261 §8.1.3.4 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Enrolment } from '../../src/agent/enrolment.ts';
import { Router, script } from '../../src/index.ts';
import { replyTo } from '../../src/sip/build.ts';
import type { SipRequest } from '../../src/sip/message.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri, printUri } from '../../src/sip/uri.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';

const [REGISTRAR, FIRST, SECOND] = ['192.0.2.90', '192.0.2.91', '192.0.2.92'] as const;
const SECONDS = 600;
/** A refresh has gone out by then, and been given up where nobody answers it. */
const REFRESHED_MS = SECONDS * 1000;

/** The status line and the fields of an answer; nothing at all from who is dead. */
type Answer = readonly [status: number, headers?: Readonly<Record<string, string>>] | undefined;
type Answering = (request: SipRequest) => Answer;

interface Far {
  readonly t: Town;
  readonly enrolment: Enrolment;
  /** What the enrolment has told. */
  readonly told: readonly string[];
  /** Who was asked: the last number of the host, the CSeq, and `removes` or `proves` what it is. */
  readonly asked: string[];
  /** What each answers from now on. */
  readonly answers: Map<string, Answering>;
}

const takes: Answering = () => [200];

function sendsTo(...contacts: readonly string[]): Answering {
  return () => [302, { Contact: contacts.join(', ') }];
}

/** A registrar that wants to know who we are by this realm. */
function asksThen(realm: string, answer: Answering): Answering {
  return (request) =>
    request.headers.has('Authorization')
      ? answer(request)
      : [401, { 'WWW-Authenticate': `Digest realm="${realm}", nonce="${realm}", qop="auth"` }];
}

async function enrolled(given: Readonly<Record<string, Answering>>): Promise<Far> {
  const t = await town(
    script(() => new Router()),
    { people: {} },
  );
  t.world.names.address('loop.example', '127.0.0.1');
  const answers = new Map(Object.entries(given));
  const asked: string[] = [];
  for (const host of [REGISTRAR, FIRST, SECOND]) {
    const stranger = new Stranger(t.world, host, { host: EXCHANGE, port: 5060 });
    const receive = (text: string): void => {
      const request = parseMessage(text);
      assert.ok(request.kind === 'request');
      const { headers } = request;
      const proves = headers.has('Authorization') ? ' proves' : '';
      asked.push(`${host.slice(-2)}${proves}${headers.get('Expires') === '0' ? ' removes' : ''}`);
      const [status, more = {}] = answers.get(host)?.(request) ?? [0];
      if (status === 0) return;
      const lines = Object.entries(status === 200 ? { Expires: String(SECONDS), ...more } : more);
      stranger.send(replyTo(request, status, { toTag: 'far', headers: lines }));
    };
    await t.world.until(stranger.open(receive));
  }
  const told: string[] = [];
  const enrolment = t.exchange.agent.enrol({
    registrar: parseUri('sip:carrier.example'),
    aor: 'sip:us@carrier.example',
    credentials: { user: 'us', password: 'right' },
    hop: { transport: 'udp', host: REGISTRAR, port: 5060 },
    told: (state, status, at) =>
      told.push(`${state} ${status} ${at === undefined ? '' : printUri(at)}`.trim()),
  });
  await t.run(1_000);
  return { t, enrolment, told, asked, answers };
}

/** What was asked since the last look. */
function since({ asked }: Far): readonly string[] {
  return asked.splice(0);
}

test('we are registered where the registrar sends us, and refresh and take it back there', async () => {
  const far = await enrolled({ [REGISTRAR]: sendsTo(`<sip:other@${FIRST}>`), [FIRST]: takes });
  const { t, enrolment, told } = far;
  assert.deepEqual(since(far), ['90', '91']);
  assert.equal(enrolment.registeredAt?.host, FIRST);
  const [first, second] = t.net.trace.entries.filter(({ text }) => text.startsWith('REGISTER '));
  const [a, b] = [first, second].map((entry) => parseMessage(entry?.text ?? ''));
  assert.ok(a?.kind === 'request' && b?.kind === 'request');
  assert.equal(printUri(b.uri), `sip:${FIRST}`);
  assert.deepEqual([b.callId, b.cseq, b.headers.get('To')], [a.callId, a.cseq + 1, a.headers.get('To')]);

  await t.run(REFRESHED_MS);
  assert.deepEqual(since(far), ['91']);
  await t.world.until(enrolment.stop());
  assert.deepEqual(since(far), ['91 removes']);
  const enrolledThere = `enrolled 200 sip:${FIRST}`;
  assert.deepEqual(
    [told, enrolment.registeredAt],
    [[enrolledThere, enrolledThere, 'stopped 200'], undefined],
  );
  t.stop();
});

test('each place is proved who we are once it asks, and never what another one was', async () => {
  const far = await enrolled({
    [REGISTRAR]: asksThen('home', sendsTo(`<sip:${FIRST}>`)),
    [FIRST]: asksThen('first', sendsTo(`<sip:${SECOND}>`)),
    [SECOND]: takes,
  });

  assert.deepEqual(since(far), ['90', '90 proves', '91', '91 proves', '92']);
  assert.equal(far.enrolment.state, 'enrolled');
  await far.t.run(REFRESHED_MS);
  assert.deepEqual(since(far), ['92']);
  far.t.stop();
});

test('a place that is dead is passed over for the next one', async () => {
  const far = await enrolled({
    [REGISTRAR]: sendsTo(`<sip:${SECOND}>;q=0.2, <sip:${FIRST}>`),
    [SECOND]: takes,
  });
  await far.t.run(40_000);

  assert.deepEqual([...new Set(since(far))], ['90', '91', '92']);
  assert.equal(far.enrolment.registeredAt?.host, SECOND);
  far.t.stop();
});

// [what, what the place answers to the refresh]
const failures: readonly (readonly [string, Answering])[] = [
  ['refuses it', () => [403]],
  ['says nothing', () => undefined],
  ['sends us back', sendsTo('<sip:carrier.example>')],
];
for (const [what, answering] of failures) {
  test(`a refresh goes to the registrar when the place ${what}`, async () => {
    const far = await enrolled({ [REGISTRAR]: sendsTo(`<sip:${FIRST}>`), [FIRST]: takes });
    const { t, enrolment, answers } = far;
    since(far);
    answers.set(FIRST, answering).set(REGISTRAR, takes);
    await t.run(REFRESHED_MS);
    assert.deepEqual([...new Set(since(far))], ['91', '90']);
    assert.deepEqual([enrolment.state, enrolment.registeredAt?.host], ['enrolled', 'carrier.example']);

    await t.run(REFRESHED_MS);
    assert.deepEqual(since(far), ['90'], 'from then on alone');
    t.stop();
  });
}

test('when nobody takes us the wait begins, and then the registrar is asked', async () => {
  const far = await enrolled({ [REGISTRAR]: sendsTo(`<sip:${FIRST}>`), [FIRST]: takes });
  const { t, enrolment, told, answers } = far;
  since(far);
  for (const host of [REGISTRAR, FIRST]) answers.set(host, () => [500]);
  await t.run(REFRESHED_MS);

  assert.deepEqual(since(far).slice(0, 3), ['91', '90', '90']);
  assert.equal(enrolment.registeredAt, undefined);
  assert.equal(told[1], 'waiting 500');
  t.stop();
});

// [what, the answer, the state]
const unfollowed: readonly (readonly [string, Answer, string])[] = [
  ['305', [305, { Contact: `<sip:${FIRST}>` }], 'waiting 305'],
  ['380', [380, { Contact: `<sip:${FIRST}>` }], 'waiting 380'],
  ['a 302 to itself', [302, { Contact: '<sip:carrier.example>' }], 'waiting 302'],
  ['a 302 to a telephone number', [302, { Contact: '<tel:+4930123>' }], 'waiting 302'],
  ['a 302 to a name that leads to our own loopback', [302, { Contact: '<sip:loop.example>' }], 'waiting 503'],
];
for (const [what, answer, expected] of unfollowed) {
  test(`${what} leads to nobody`, async () => {
    const far = await enrolled({ [REGISTRAR]: () => answer });

    assert.deepEqual([since(far), far.told], [['90'], [expected]]);
    far.t.stop();
  });
}

test('who is stopped while he is sent on asks nobody else to take him', async () => {
  const far = await enrolled({ [REGISTRAR]: sendsTo(`<sip:${FIRST}>, <sip:${SECOND}>`) });
  const { t, enrolment, answers } = far;
  answers.set(REGISTRAR, takes).set(SECOND, takes);
  await t.world.until(enrolment.stop());
  await t.run(60_000);

  const places = since(far);
  assert.deepEqual([places.includes('92'), places.includes('90 removes')], [false, true]);
  t.stop();
});
