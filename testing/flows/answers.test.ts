/** Calls that an application of ours answers, as phones see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/route/router.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town, type TownOptions } from '../../src/testing/town.ts';
import type { LocalApp, LocalCall } from '../../src/agent/local-call.ts';

const SDP =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
const APP = 'sip:app@example.com';

/** A town whose exchange gives every INVITE to one application. */
async function townOf(
  run: (call: LocalCall) => Promise<void>,
  more: Partial<TownOptions> = {},
): Promise<Town> {
  const app: LocalApp = { name: 'test', run };
  return town(
    script(() => new Router().invite((c) => c.answer(app))),
    { people: { alice: {} }, ...more },
  );
}

/** Nothing of any call is left, dialogs included. */
async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  assert.equal(t.exchange.agent.dialogCount, 0, 'no dialog is left');
  t.stop();
}

const accepts = async (call: LocalCall): Promise<void> => {
  call.ring();
  const session = await call.accept(SDP);
  await session?.ended;
};

test('a call is answered, and the caller hangs up', async () => {
  const t = await townOf(accepts);
  const call = t.phone('alice').dial(APP);
  await t.run(1_000);

  assert.equal(call.state, 'talking');
  assert.equal(call.remoteSdp, SDP);
  call.hangUp();
  await t.run(1_000);

  assert.equal(call.byeStatus, 200);
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[200, 'caller']],
  );
  await over(t);
});

test('an application that ends hangs up', async () => {
  const t = await townOf(async (call) => {
    await call.accept(SDP);
  });
  const call = t.phone('alice').dial(APP);
  await t.run(1_000);

  assert.deepEqual([call.state, call.endedBy], ['ended', 'them']);
  assert.deepEqual(
    t.cdrs().map(({ endedBy }) => endedBy),
    ['callee'],
  );
  await over(t);
});

test('a caller that gives up is told 487, and so is the application', async () => {
  let cancelled = false;
  const t = await townOf(async (call) => {
    call.ring();
    await call.cancelled;
    cancelled = true;
  });
  const call = t.phone('alice').dial(APP);
  await t.run(1_000);
  call.hangUp();
  await t.run(1_000);

  assert.deepEqual([call.status, cancelled], [487, true]);
  await over(t);
});

const refusals: readonly (readonly [string, (call: LocalCall) => Promise<void>, number])[] = [
  ['rejects it', async (call) => call.reject(486), 486],
  ['does nothing', async () => {}, 480],
  ['throws', async () => Promise.reject(new Error('a mistake')), 500],
];
for (const [what, run, status] of refusals) {
  test(`the caller of an application that ${what} is told ${status}`, async () => {
    const t = await townOf(run);
    const call = t.phone('alice').dial(APP);
    await t.run(1_000);

    assert.deepEqual([call.state, call.status], ['ended', status]);
    await over(t);
  });
}

test('a 2xx is sent until its ACK comes; when none does the call is hung up', async () => {
  let accepted: unknown = 'waiting';
  const t = await townOf(async (call) => {
    accepted = await call.accept(SDP);
  });
  t.phone('alice').misbehaves.neverAcks = true;
  const call = t.phone('alice').dial(APP);
  await t.run(40_000);

  // At 0, 0.5, 1.5, 3.5 s and then every 4 s until 32 s are over.
  assert.equal(call.responses.filter(({ status }) => status === 200).length, 11);
  assert.equal(accepted, undefined);
  assert.equal(call.endedBy, 'them');
  await over(t);
});

test('requests within the call reach the application; a repeated offer is answered as before', async () => {
  const t = await townOf(accepts);
  const call = t.phone('alice').dial(APP);
  await t.run(1_000);

  const rows: readonly (readonly [string, string | undefined, number])[] = [
    ['INFO', undefined, 200],
    ['UPDATE', undefined, 200],
    ['OPTIONS', undefined, 200],
    ['MESSAGE', undefined, 405],
    ['PRACK', undefined, 481],
  ];
  for (const [method, body, status] of rows) {
    const got = await t.world.until(call.request(method, body === undefined ? {} : { body }));
    assert.equal(got, status, method);
  }
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a session that nobody refreshes is ended', async () => {
  const t = await townOf(accepts, { settings: { agent: { session_seconds: 90 } } });
  const call = t.phone('alice').dial(APP, {
    headers: [
      ['Supported', 'timer'],
      ['Session-Expires', '90;refresher=uac'],
    ],
  });
  await t.run(59_000);
  assert.equal(call.state, 'talking');
  await t.run(2_000);

  assert.deepEqual([call.state, call.endedBy], ['ended', 'them']);
  await over(t);
});

test('we refresh a session where the caller cannot', async () => {
  const t = await townOf(accepts, { settings: { agent: { session_seconds: 90 } } });
  const call = t.phone('alice').dial(APP, { headers: [['Session-Expires', 90]] });
  await t.run(100_000);

  assert.equal(call.state, 'talking');
  assert.ok(call.received.filter(({ method }) => method === 'INVITE').length >= 1);
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a session shorter than we allow is refused with 422', async () => {
  const t = await townOf(accepts);
  const headers = [
    ['Supported', 'timer'],
    ['Session-Expires', 89],
  ] as const;
  const call = t.phone('alice').dial(APP, { headers });
  await t.run(1_000);

  assert.equal(call.status, 422);
  assert.equal(call.responses.at(-1)?.headers.get('Min-SE'), '90');
  await over(t);
});

test('a session shorter than we allow is made longer for a caller who knows nothing of session timers', async () => {
  const t = await townOf(accepts);
  const call = t.phone('alice').dial(APP, { headers: [['Session-Expires', 89]] });
  await t.run(1_000);

  assert.equal(call.responses.at(-1)?.headers.get('Session-Expires'), '90;refresher=uas');
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('an extension that we do not know is refused with 420', async () => {
  const t = await townOf(accepts);
  const call = t.phone('alice').dial(APP, { headers: [['Require', 'timer, nonsense']] });
  await t.run(1_000);

  assert.equal(call.status, 420);
  assert.equal(call.responses.at(-1)?.headers.get('Unsupported'), 'nonsense');
  await over(t);
});

test('one dialog more than allowed is refused with 503', async () => {
  const t = await townOf(accepts, { settings: { agent: { max_dialogs: 1 } } });
  const first = t.phone('alice').dial(APP);
  await t.run(1_000);
  const second = t.phone('alice').dial(APP);
  await t.run(1_000);

  assert.deepEqual([first.state, second.status], ['talking', 503]);
  first.hangUp();
  await t.run(1_000);
  const third = t.phone('alice').dial(APP);
  await t.run(1_000);
  assert.equal(third.state, 'talking');
  third.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a reliable response is sent until its PRACK comes; without one the call is refused', async () => {
  const t = await townOf(async (call) => {
    call.progress(SDP);
    await call.cancelled;
  });
  const call = t.phone('alice').dial(APP, { headers: [['Supported', '100rel']] });
  await t.run(40_000);

  assert.equal(call.status, 504);
  assert.equal(call.responses.filter(({ status }) => status === 183).length, 7);
  assert.equal(call.responses.find(({ status }) => status === 183)?.headers.get('Require'), '100rel');
  await over(t);
});
