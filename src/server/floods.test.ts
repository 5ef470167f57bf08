/** Floods that no guard sees, because who sends them is known, and floods of what gets no answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel, type Plan, serial, type Target } from '../proxy/plan.ts';
import { BRANCHES_MAX } from '../sip/breadth.ts';
import { Router, script } from '../route/router.ts';
import { parseUri } from '../sip/uri.ts';
import { MALLORY, mallorysTown, request, sentElsewhere, statusOf, TARGET } from '../testing/mallory.ts';
import { assertQuiet } from '../testing/quiet.ts';
import { Stranger } from '../testing/stranger.ts';
import { type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

const FLOOD = 2_000;
const EXEMPT = ['198.51.100.0/24'];

/** Everything that was kept of requests is gone: transactions, texts, routes that wait. */
async function keepsNothing(t: Town): Promise<void> {
  await assertQuiet(t);
  assert.equal(t.exchange.dispatcher.waitingRoutes, 0);
  t.stop();
}

// ─── what belongs to nothing ────────────────────────────────────────────────────────────────────

const nothings: readonly [what: string, answered: number | undefined, of: (number: number) => string][] = [
  ['CANCELs of nothing', 481, (i) => request({ method: 'CANCEL', callId: `c${i}` })],
  ['ACKs of nothing', undefined, (i) => request({ method: 'ACK', callId: `a${i}` })],
  [
    'ACKs in no dialog of ours',
    undefined,
    (i) => request({ method: 'ACK', callId: `t${i}`, to: '<sip:bob@example.com>;tag=x' }),
  ],
  [
    'BYEs in no dialog of ours',
    481,
    (i) => request({ method: 'BYE', callId: `b${i}`, to: '<sip:bob@example.com>;tag=x' }),
  ],
  [
    'PRACKs in no dialog of ours',
    481,
    (i) => request({ method: 'PRACK', callId: `p${i}`, to: '<sip:bob@example.com>;tag=x' }),
  ],
];

for (const [what, answered, of] of nothings) {
  test(`${FLOOD} ${what} of a source that nothing limits are kept nowhere, and calls go on`, async () => {
    const t = await town(registrarProxy, {
      people: { alice: {}, bob: {} },
      settings: { guard: { exempt: EXEMPT } },
    });
    await t.phone('alice').register();
    await t.phone('bob').register();
    const mallory = await new Stranger(t.world, MALLORY, TARGET).open();

    const before = t.exchange.layer.count;
    for (let i = 0; i < FLOOD; i++) mallory.send(of(i));
    await t.run(10);
    const kept = t.exchange.layer.count - before;
    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(3_000);

    assert.equal(kept, 0, 'no transaction is opened');
    assert.deepEqual(new Set(mallory.heard.map(statusOf)), new Set(answered === undefined ? [] : [answered]));
    assert.deepEqual(sentElsewhere(t), []);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(1_000);
    await keepsNothing(t);
  });
}

test('CANCELs that know everything of a ringing call but its branch do not end it', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);
  t.phone('bob').answers = 'ring';
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(100);
  const from = `<sip:alice@example.com>;tag=${call.localTag}`;

  for (let i = 0; i < 200; i++) {
    const via = `SIP/2.0/UDP 192.0.2.11:5060;x=${i}`;
    mallory.send(request({ method: 'CANCEL', callId: call.callId, from, via }));
  }
  await t.run(1_000);

  assert.equal(call.state, 'ringing');
  assert.deepEqual(
    t.phone('bob').received.map(({ method }) => method),
    ['INVITE'],
  );
  call.hangUp();
  await t.run(1_000);
  await keepsNothing(t);
});

test('a CANCEL that comes again and again is one CANCEL', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);
  t.phone('bob').answers = 'ring';
  const invite = request({ callId: 'mine' });
  mallory.send(invite);
  await t.run(100);

  for (let i = 0; i < 500; i++) mallory.send(invite.replaceAll('INVITE', 'CANCEL'));
  await t.run(1_000);

  assert.deepEqual(
    t.phone('bob').received.map(({ method }) => method),
    ['INVITE', 'CANCEL', 'ACK'],
  );
  await keepsNothing(t);
});

// ─── who is known, and does not do his part ─────────────────────────────────────────────────────

const unacknowledged: readonly [what: string, answers: 'busy' | 'answers' | 'rings', calls: number][] = [
  ['refused', 'busy', 1_000],
  ['answered', 'answers', 200],
  ['left ringing and never taken back', 'rings', 200],
];

for (const [what, answers, calls] of unacknowledged) {
  test(`INVITEs of one who is known, ${what} and never acknowledged: others call, all is given back`, async () => {
    const t = await town(registrarProxy, { people: { alice: {}, bob: {}, carol: {}, dave: {} } });
    for (const name of ['alice', 'bob', 'carol', 'dave']) await t.phone(name).register();
    t.phone('bob').answers =
      answers === 'rings' ? 'ring' : answers === 'busy' ? { afterMs: 0, status: 486 } : { afterMs: 0 };
    t.phone('alice').misbehaves.neverAcks = true;

    for (let i = 0; i < calls; i++) t.phone('alice').dial('sip:bob@example.com');
    await t.run(1_000);
    const other = t.phone('carol').dial('sip:dave@example.com');
    await t.run(2_000);
    assert.equal(other.state, 'talking');
    other.hangUp();
    // Timer C ends what rings; what was answered ends by the BYE of the one who waits for the ACK.
    await t.run(250_000);

    assert.equal(other.byeStatus, 200);
    assert.deepEqual([t.exchange.layer.count, t.exchange.layer.slab.bytesUsed], [0, 0]);
    await keepsNothing(t);
  });
}

test('who fills the table of transactions with new calls leaves room for those that stand to end', async () => {
  const t = await town(registrarProxy, {
    people: { alice: {}, bob: {}, carol: {}, dave: {}, erin: {}, frank: {} },
    settings: { sip: { max_transactions: 200 }, guard: { source_transactions_share: 100 } },
  });
  for (const name of ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']) await t.phone(name).register();
  t.phone('bob').answers = 'ring';
  t.phone('frank').answers = 'ring';
  const standing = t.phone('carol').dial('sip:dave@example.com');
  const ringing = t.phone('erin').dial('sip:frank@example.com');
  await t.run(3_000);

  for (let i = 0; i < 1_000; i++) t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);
  const other = t.phone('carol').dial('sip:dave@example.com');
  await t.run(100);
  standing.hangUp();
  ringing.hangUp();
  await t.run(1_000);

  assert.equal(other.status, 503);
  assert.deepEqual([standing.byeStatus, ringing.status], [200, 487]);
  t.stop();
});

/** Of these a call that rings holds two, and one source a fifth: ten calls. */
const FEW = 100;

/** Alice dials bob, who rings, so often; what she is told of each call. */
async function dialled(t: Town, calls: number): Promise<readonly number[]> {
  for (const name of ['alice', 'bob', 'carol', 'dave']) await t.phone(name).register();
  await t.run(40_000); // The transactions of the registrations are over.
  t.phone('bob').answers = 'ring';
  const made = Array.from({ length: calls }, () => t.phone('alice').dial('sip:bob@example.com'));
  await t.run(1_000);
  return made.map(({ status }) => status);
}

function fewTransactions(
  guard: NonNullable<Parameters<typeof town>[1]['settings']>['guard'] = {},
): Promise<Town> {
  const people = { alice: {}, bob: {}, carol: {}, dave: {} };
  return town(registrarProxy, { people, settings: { sip: { max_transactions: FEW }, guard } });
}

test('one source holds a fifth of all transactions with its calls and no call more, and all others call', async () => {
  const t = await fewTransactions();

  const statuses = await dialled(t, 11);
  const other = t.phone('carol').dial('sip:dave@example.com');
  await t.run(3_000);

  assert.deepEqual(statuses, [...Array<number>(10).fill(180), 503]);
  const refusal = t.net.trace.entries.find(({ text }) => text.startsWith('SIP/2.0 503'));
  assert.match(refusal?.text ?? '', /\r\nRetry-After: 5\r\n/);
  assert.match(t.exchange.shared.metrics.text(), /^tandem_source_refused_total 1$/m);
  assert.equal(other.state, 'talking');
  t.stop();
});

test('what a source has begun beyond its part it may end, and what has ended gives it room', async () => {
  const t = await fewTransactions();
  await dialled(t, 11);

  for (const call of t.phone('alice').calls) call.hangUp();
  await t.run(1_000);
  const ended = t.phone('alice').calls.map(({ status }) => status);
  await t.run(60_000);
  const again = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  assert.deepEqual(ended, [...Array<number>(10).fill(487), 503]);
  assert.equal(again.status, 180);
  again.hangUp();
  await t.run(60_000);
  await keepsNothing(t);
});

for (const [what, guard] of [
  ['that is exempt', { exempt: ['192.0.2.0/24'] }],
  ['where the part is the whole', { source_transactions_share: 100 }],
  ['where the guard is off', { enabled: false }],
] as const) {
  test(`a source ${what} holds more than a fifth`, async () => {
    const t = await fewTransactions(guard);

    const statuses = await dialled(t, 30);

    assert.deepEqual(statuses, Array<number>(30).fill(180));
    t.stop();
  });
}

// ─── forks ──────────────────────────────────────────────────────────────────────────────────────

const PLACES = 500;

function places(count: number): Target[] {
  return Array.from({ length: count }, (_, i) => ({ uri: parseUri(`sip:p${i}@192.0.2.12:5060`) }));
}

const forks: readonly [what: string, plan: Plan, rings: number][] = [
  [`as many as may be, ${BRANCHES_MAX}`, parallel(...places(BRANCHES_MAX)), BRANCHES_MAX],
  ['one more', parallel(...places(BRANCHES_MAX + 1)), BRANCHES_MAX],
  [`${PLACES} at once`, parallel(...places(PLACES)), BRANCHES_MAX],
  [`${PLACES} one after the other`, serial(...places(PLACES)), BRANCHES_MAX],
  [
    `${PLACES} in groups of ten`,
    serial(...Array.from({ length: PLACES / 10 }, () => parallel(...places(10)))),
    BRANCHES_MAX,
  ],
];

for (const [what, plan, rings] of forks) {
  test(`a fork to ${what} rings ${rings}, and the caller is answered`, async () => {
    const t = await town(
      script(() => new Router().request((c) => c.relay(plan))),
      { people: { alice: {}, bob: {} } },
    );
    t.phone('bob').answers = { afterMs: 0, status: 486 };

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(5_000);

    assert.deepEqual([t.phone('bob').incoming.length, call.status], [rings, 486]);
    await keepsNothing(t);
  });
}

test(`a redirection to ${PLACES} places is followed to no more than a fork may have`, async () => {
  const t = await town(
    script(() =>
      new Router().request((c) => {
        const first = { uri: parseUri('sip:bob@192.0.2.12:5060') };
        return c.relay(first, { recurse: PLACES, mayRecurse: () => true });
      }),
    ),
    { people: { alice: {}, bob: {}, carol: {} } },
  );
  const contacts = Array.from({ length: PLACES }, (_, i) => `<sip:c${i}@192.0.2.13:5060>`).join(', ');
  t.phone('bob').answers = { afterMs: 0, status: 302, headers: [['Contact', contacts]] };
  t.phone('carol').answers = { afterMs: 0, status: 486 };

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(5_000);

  assert.ok(t.phone('carol').incoming.length < BRANCHES_MAX, `${t.phone('carol').incoming.length} rang`);
  assert.ok(call.status >= 300, `${call.status}`);
  await keepsNothing(t);
});

test(`one who registers ${PLACES} places rings no more than he may have`, async () => {
  const t = await town(registrarProxy, {
    people: { alice: {}, bob: {} },
    settings: { registrar: { max_contacts: 10 }, location: { keep_alive: 'off' } },
  });
  const contacts = Array.from({ length: PLACES }, (_, i) => `<sip:p${i}@192.0.2.12:5060>`);
  const statuses: number[] = [];
  for (let at = 0; at < 20; at++)
    statuses.push(await t.phone('bob').register({ contacts: contacts.slice(at, at + 1) }));
  statuses.push(await t.phone('bob').register({ contacts: [contacts.join(', ')] }));
  t.phone('bob').answers = 'ring';

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  assert.ok(t.phone('bob').incoming.length <= 10, `${t.phone('bob').incoming.length} rang`);
  assert.deepEqual(
    statuses.slice(0, 10),
    Array.from({ length: 10 }, () => 200),
  );
  assert.ok(statuses.at(-1)! >= 400, `${statuses.at(-1)}`);
  call.hangUp();
  await t.run(1_000);
  await keepsNothing(t);
});
