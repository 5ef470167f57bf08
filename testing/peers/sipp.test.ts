/** Our exchange between SIPp phones on real sockets; what they logged and what we recorded must agree. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CallRecord, type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';
import { dial, register, type SippRun, type SippTransport, startCallee } from './sipp.ts';

const skip = missing('sipp');

let exchange: Exchange;

before(async () => {
  if (skip === false)
    exchange = await startExchange([
      'alice',
      'bob',
      'carol',
      'dave',
      'erin',
      'frank',
      'grace',
      'heidi',
      'ivan',
    ]);
});

after(async () => {
  await exchange?.stop();
});

interface Row {
  readonly name: string;
  readonly user: string;
  /** Scenario and preference of each of the callee's phones. */
  readonly phones: readonly (readonly [scenario: string, q: number])[];
  readonly caller: string;
  /** How both are reached; by UDP unless told. */
  readonly transport?: SippTransport;
  readonly calls: number;
  /** The word the caller logs when its call went as told. */
  readonly word: string;
  readonly record: Partial<CallRecord>;
  /** The least and most a call may have lasted, in milliseconds; undefined: it was never answered. */
  readonly lastsMs?: readonly [number, number];
}

const TENTH: readonly [number, number] = [90, 2000];

const ROWS: readonly Row[] = [
  {
    name: '200 calls at 50 a second, the caller hangs up',
    user: 'bob',
    phones: [['callee-answers', 1]],
    caller: 'caller-hangs-up',
    calls: 200,
    word: 'ended',
    record: { status: 200, endedBy: 'caller' },
    lastsMs: TENTH,
  },
  {
    name: 'the callee hangs up',
    user: 'carol',
    phones: [['callee-hangs-up', 1]],
    caller: 'caller-is-hung-up-on',
    calls: 20,
    word: 'ended',
    record: { status: 200, endedBy: 'callee' },
    lastsMs: TENTH,
  },
  {
    name: 'the callee is busy',
    user: 'dave',
    phones: [['callee-is-busy', 1]],
    caller: 'caller-meets-busy',
    calls: 20,
    word: 'refused',
    record: { status: 486 },
  },
  {
    name: 'nobody answers and the caller gives up: the ringing phone is cancelled',
    user: 'erin',
    phones: [['callee-does-not-answer', 1]],
    caller: 'caller-cancels',
    calls: 20,
    word: 'cancelled',
    record: { status: 487, endedBy: 'caller' },
  },
  {
    name: 'the preferred phone is busy, the next one answers',
    user: 'frank',
    phones: [
      ['callee-is-busy', 1],
      ['callee-answers', 0.5],
    ],
    caller: 'caller-hangs-up',
    calls: 20,
    word: 'ended',
    record: { status: 200, endedBy: 'caller' },
    lastsMs: TENTH,
  },
  {
    name: 'by TCP the callee hangs up',
    user: 'grace',
    phones: [['callee-hangs-up', 1]],
    caller: 'caller-is-hung-up-on',
    transport: 'tcp',
    calls: 20,
    word: 'ended',
    record: { status: 200, endedBy: 'callee' },
    lastsMs: TENTH,
  },
  {
    name: 'by TCP the callee is put on hold',
    user: 'heidi',
    phones: [['callee-is-held', 1]],
    caller: 'caller-re-invites',
    transport: 'tcp',
    calls: 20,
    word: 'held',
    record: { status: 200, endedBy: 'caller' },
    lastsMs: TENTH,
  },
  {
    name: 'by TCP nobody answers and the caller gives up',
    user: 'ivan',
    phones: [['callee-does-not-answer', 1]],
    caller: 'caller-cancels',
    transport: 'tcp',
    calls: 20,
    word: 'cancelled',
    record: { status: 487, endedBy: 'caller' },
  },
];

for (const row of ROWS) {
  test(row.name, { skip, timeout: 60_000 }, async () => {
    const { transport = 'udp' } = row;
    const callees = await Promise.all(
      row.phones.map(([scenario]) => startCallee(exchange, scenario, row.calls, undefined, transport)),
    );
    try {
      for (const [i, callee] of callees.entries()) {
        const q = row.phones[i]?.[1] ?? 1;
        wentAsTold(await register(exchange, { user: row.user, port: callee.port, q, transport }));
      }

      const caller = await dial(exchange, row.caller, 'alice', row.user, row.calls, transport);
      const heard = await Promise.all(callees.map((callee) => callee.done()));

      wentAsTold(caller);
      heard.forEach(wentAsTold);
      const calls = caller.logged.get(row.word) ?? [];
      assert.equal(new Set(calls).size, row.calls);
      agrees(row, await exchange.records(new Set(calls)), calls);
    } finally {
      await Promise.all(callees.map((callee) => callee.stop()));
    }
  });
}

test('a wrong password registers nobody', { skip, timeout: 60_000 }, async () => {
  const { code, errors } = await register(exchange, { user: 'bob', port: 9, password: 'a guess' });

  assert.notEqual(code, 0);
  assert.match(errors, /SIP\/2\.0 40[13]/);
});

/** SIPp's exit code is 0 only if every call followed its scenario. */
function wentAsTold(run: SippRun): void {
  assert.equal(run.code, 0, run.errors.slice(0, 2000));
}

/** Exactly one record for each call the phones had, and it tells the same story. */
function agrees(row: Row, records: readonly CallRecord[], calls: readonly string[]): void {
  assert.deepEqual(records.map(({ callId }) => callId).toSorted(), calls.toSorted());
  for (const record of records) {
    const { caller, callee, answeredAt, endedAt, durationMs } = record;
    const expected = {
      caller: `alice@${exchange.domain}`,
      callee: `${row.user}@${exchange.domain}`,
      ...row.record,
    };
    const names = Object.keys(expected) as (keyof CallRecord)[];
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, record[name]])), expected);
    assert.notEqual(endedAt, null, `${caller} to ${callee} is still open`);
    assert.equal(answeredAt !== null, row.lastsMs !== undefined);
    if (row.lastsMs) {
      const [least, most] = row.lastsMs;
      assert.ok(durationMs !== null && durationMs >= least && durationMs <= most, `lasted ${durationMs} ms`);
    }
  }
}
