import { after, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { silentLogger } from '../base/silent-logger.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { open } from '../store/sqlite.ts';
import { statements } from '../store/statements.ts';
import { SimClock, WALL_START } from '../testing/sim-clock.ts';
import { readUnfinishedCalls } from './call-list.ts';
import type { CallRecord } from './call-list.ts';
import {
  CALL_LIMITS,
  CallRecords,
  IDS_LEFT_OUT,
  RECORD_TEXT_MAX,
  REPAIR_MS,
  SWEEP_MS,
} from './call-records.ts';
import type { CallId, CallLimits, NewCall } from './call-records.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-calls-'));
const db = await open(join(folder, 'calls.db'));
const table = new DatabaseSync(join(folder, 'calls.db'));
after(async () => {
  table.close();
  await db.destroy();
  await rm(folder, { recursive: true });
});
beforeEach(() => table.exec('delete from calls'));

/** What the memory writer takes is applied to the real table at once. */
function start(clock = new SimClock(), limits: Partial<CallLimits> = {}) {
  const writer = new MemoryWriter(clock, {
    observe: (name, values) => void table.prepare(statements[name]).run(...values),
  });
  return { clock, writer, records: new CallRecords({ writer, clock, log: silentLogger, limits }) };
}

const rows = (): Promise<readonly CallRecord[]> => db.selectFrom('calls').selectAll().orderBy('id').execute();

const call: NewCall = {
  callId: 'a84b4c76e66710',
  fromTag: '1928301774',
  caller: 'alice@example.com',
  callee: '+4930200',
  fromUri: 'sip:alice@example.com',
  source: '192.0.2.7:5060',
};

const begun = {
  id: 1,
  call_id: 'a84b4c76e66710',
  from_tag: '1928301774',
  caller: 'alice@example.com',
  callee: '+4930200',
  from_uri: 'sip:alice@example.com',
  to_uri: null,
  source: '192.0.2.7:5060',
  started_at: WALL_START,
  setup_ms: null,
  answered_at: null,
  ended_at: null,
  duration_ms: null,
  status: null,
  ended_by: null,
  state: 'open',
};
const answered = {
  ...begun,
  setup_ms: 2_000,
  answered_at: WALL_START + 2_000,
  status: 200,
  state: 'answered',
};
const hungUp = {
  ...answered,
  ended_at: WALL_START + 62_000,
  duration_ms: 60_000,
  ended_by: 'callee',
  state: 'ended',
};
const plain = (all: readonly CallRecord[]): object[] => all.map((row) => ({ ...row }));

/** Two seconds of ringing, a minute of talking. */
async function wholeCall(clock: SimClock, records: CallRecords): Promise<void> {
  const id = records.open(call);
  await clock.run(2_000);
  records.answered(id, 200);
  await clock.run(60_000);
  records.ended(id, { by: 'callee', status: 200 });
  await clock.run(0);
}

test('a call is a row from its INVITE to its BYE', async () => {
  const { clock, records } = start();
  const id = records.open(call);
  await clock.run(2_000);
  assert.deepEqual(plain(await rows()), [begun]);
  records.answered(id, 200);
  await clock.run(60_000);
  assert.deepEqual(plain(await rows()), [answered]);
  records.ended(id, { by: 'callee', status: 200 });
  await clock.run(0);

  assert.deepEqual(plain(await rows()), [hungUp]);
  assert.equal(records.count, 0);
});

test('a call that is not answered has its final status and no duration', async () => {
  const { clock, records } = start();
  const id = records.open({ ...call, toUri: 'sip:bob@example.com' });
  await clock.run(3_000);
  records.ended(id, { by: 'caller', status: 487 });
  await clock.run(0);

  const ended = {
    ended_at: WALL_START + 3_000,
    setup_ms: 3_000,
    duration_ms: 0,
    status: 487,
    ended_by: 'caller',
  };
  assert.deepEqual(plain(await rows()), [
    { ...begun, ...ended, to_uri: 'sip:bob@example.com', state: 'ended' },
  ]);
});

test('a jump of the wall clock changes neither durations nor times', async () => {
  for (const jump of [3_600_000, -3_600_000]) {
    table.exec('delete from calls');
    const { clock, records } = start();
    const id = records.open(call);
    await clock.run(2_000);
    clock.jumpWall(jump);
    records.answered(id, 200);
    await clock.run(60_000);
    records.ended(id, { by: 'callee', status: 200 });
    await clock.run(0);

    assert.deepEqual(plain(await rows()), [hungUp]);
  }
});

//  told after the INVITE                              state     by        status
const orders: [string, string, string, string | null, number][] = [
  ['answered twice', 'a200 a202 e-caller', 'ended', 'caller', 200],
  ['ended twice', 'a200 e-caller e-callee', 'ended', 'caller', 200],
  ['answered after its end', 'e-us a200', 'ended', 'us', 480],
  ['ended after its end, unanswered', 'e-us e-caller', 'ended', 'us', 480],
  ['told all at once', 'a200 e-callee a200 e-us', 'ended', 'callee', 200],
];

for (const [what, told, state, by, status] of orders) {
  for (const pause of [0, 100]) {
    test(`a call ${what}, ${pause} ms apart, has one row, which says what was told first`, async () => {
      const { clock, records } = start();
      const id = records.open(call);
      for (const event of told.split(' ')) {
        if (event.startsWith('a')) records.answered(id, Number(event.slice(1)));
        else records.ended(id, { by: event.slice(2) as 'caller' | 'callee' | 'us', status: 480 });
        if (pause > 0) await clock.run(pause);
      }
      await clock.run(0);

      const all = await rows();
      assert.deepEqual(
        all.map((row) => [row.state, row.ended_by, row.status]),
        [[state, by, status]],
      );
      assert.equal(records.count, 0);
    });
  }
}

test('whoever waits for the end is told after the commit, once each', async () => {
  const { clock, records } = start();
  const said: string[] = [];
  const id = records.open(call, () => said.push('open'));
  records.answered(id, 200, () => said.push('answered'));
  records.answered(id, 200, () => said.push('answered again'));
  records.ended(id, { by: 'caller', status: 200 }, () => said.push('ended'));
  records.ended(id, { by: 'caller', status: 200 }, () => said.push('ended again'));
  assert.equal(said.length, 0);
  await clock.run(0);
  records.ended(id, { by: 'caller', status: 200 }, () => said.push('long over'));
  await clock.run(0);

  assert.deepEqual(said.toSorted(), [
    'answered',
    'answered again',
    'ended',
    'ended again',
    'long over',
    'open',
  ]);
  assert.ok(said.indexOf('open') < said.indexOf('ended'));
});

test('whichever write fails, every record is whole in the end', async () => {
  const expected = [hungUp, { ...hungUp, id: 2, started_at: WALL_START + 62_000 }];
  for (let k = 1; k <= 6; k++) {
    table.exec('delete from calls');
    const { clock, writer, records } = start();
    writer.failAt(k);
    await wholeCall(clock, records);
    await wholeCall(clock, records);
    await clock.run(REPAIR_MS);

    const [first, second] = plain(await rows()) as [CallRecord, CallRecord];
    assert.deepEqual(first, expected[0], `write ${k}`);
    assert.deepEqual(
      [second.id, second.state, second.duration_ms, second.setup_ms],
      [2, 'ended', 60_000, 2_000],
    );
    assert.equal(second.answered_at, second.started_at + 2_000);
    assert.equal(records.count, 0);
  }
});

test('told all in one tick, a failure of any row is told to whoever waits for the end', async () => {
  //  the write that fails     what the end is told
  for (const [k, expected] of [
    [1, 'STORE_FAILED'],
    [2, 'ok'],
    [3, 'STORE_FAILED'],
  ] as const) {
    table.exec('delete from calls');
    const { clock, writer, records } = start();
    writer.failAt(k);
    let said = '';
    const id = records.open(call);
    records.answered(id, 200);
    records.ended(id, { by: 'caller', status: 200 }, (error) => {
      said = error === undefined ? 'ok' : (error as Error & { code: string }).code;
    });
    await clock.run(0);
    assert.equal(said, expected, `write ${k}`);
    await clock.run(REPAIR_MS);

    const all = await rows();
    assert.deepEqual(
      all.map((row) => [row.state, row.answered_at, row.status]),
      [['ended', WALL_START, 200]],
    );
    assert.equal(records.count, 0);
  }
});

test('a repair that fails is tried again', async () => {
  const { clock, writer, records } = start();
  writer.failAt(1);
  const id = records.open(call);
  await clock.run(REPAIR_MS / 2);
  writer.failAt(1);
  await clock.run(REPAIR_MS);
  assert.deepEqual(await rows(), []);
  records.ended(id, { by: 'caller', status: 487 });
  await clock.run(2 * REPAIR_MS);

  assert.deepEqual(
    (await rows()).map((row) => row.state),
    ['ended'],
  );
});

test('whatever is told and whatever fails: one row an attempt, complete once it ended', async () => {
  const event = fc.record({
    call: fc.nat({ max: 2 }),
    what: fc.constantFrom('answer', 'end', 'wait'),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
      table.exec('delete from calls');
      const { clock, writer, records } = start();
      const ids = [1, 2, 3].map(() => records.open(call));
      const ended = new Set<CallId>();
      for (const { call: which, what, fails } of events) {
        if (fails) writer.failAt(1);
        const id = ids[which]!;
        if (what === 'answer') records.answered(id, 200);
        else if (what === 'wait') await clock.run(500);
        else {
          records.ended(id, { by: 'caller', status: 487 });
          ended.add(id);
        }
      }
      await clock.run(2 * REPAIR_MS);
      const all = await rows();
      assert.deepEqual(
        all.map((row) => row.id),
        ids,
      );
      for (const row of all) assert.equal(row.state === 'ended', ended.has(row.id));
      assert.equal(records.count, 3 - ended.size);
    }),
    { numRuns: 40 },
  );
});

test('after a restart a BYE completes the record, with the time that passed on the wall', async () => {
  const before = start();
  const id = before.records.open(call);
  await before.clock.run(2_000);
  before.records.answered(id, 200);
  await before.clock.run(0);

  // The new process has a monotonic clock that begins anew.
  const { clock, records } = start();
  clock.jumpWall(2_000 + 50_000);
  records.restore(await readUnfinishedCalls(db));
  await clock.run(10_000);
  records.ended(id, { by: 'callee', status: 200 });
  await clock.run(0);

  assert.deepEqual(plain(await rows()), [hungUp]);
});

test('after a restart no number of a call that was lost is given again', async () => {
  const before = start();
  const lost = before.records.open(call);
  await before.clock.run(0);

  const { records } = start();
  records.restore(await readUnfinishedCalls(db));

  assert.equal(records.open(call), lost + IDS_LEFT_OUT + 1);
});

const vanished: [string, number, object][] = [
  ['an open call', 0, { status: 0, setup_ms: null, duration_ms: 0, answered_at: null }],
  ['an answered call', 200, { status: 200, setup_ms: 0, duration_ms: null, answered_at: WALL_START }],
];

for (const [what, status, expected] of vanished) {
  for (const restarted of [false, true]) {
    test(`${what} nobody ends is closed after a day${restarted ? ', also over a restart' : ''}`, async () => {
      const first = start();
      const id = first.records.open(call);
      if (status > 0) first.records.answered(id, status);
      await first.clock.run(0);
      let { clock, records } = first;
      if (restarted) {
        ({ clock, records } = start());
        records.restore(await readUnfinishedCalls(db));
      }
      await clock.run(CALL_LIMITS.callMs - 1);
      assert.equal(records.count, 1);
      await clock.run(SWEEP_MS);

      const [row] = plain(await rows());
      assert.deepEqual({ ...row, ended_at: 0 }, { ...begun, ...expected, ended_at: 0, state: 'ended' });
      assert.equal(records.count, 0);
    });
  }
}

test('no more calls than callsMax are open at once', async () => {
  const { clock, records } = start(new SimClock(), { callsMax: 2 });
  const id = records.open(call);
  records.open(call);
  assert.throws(() => records.open(call), { code: 'OVERLOADED', status: 503 });

  records.ended(id, { by: 'us', status: 480 });
  await clock.run(0);

  assert.equal(records.open(call), 3);
});

test('a text from the wire is cut at its limit', async () => {
  const { clock, records } = start();
  records.open({ ...call, fromTag: 'x'.repeat(RECORD_TEXT_MAX), callId: 'y'.repeat(RECORD_TEXT_MAX + 1) });
  await clock.run(0);

  const [row] = await rows();
  assert.deepEqual([row?.from_tag.length, row?.call_id.length], [RECORD_TEXT_MAX, RECORD_TEXT_MAX]);
});

test('ten thousand calls at once keep their own records', async () => {
  const clock = new SimClock();
  const durations: unknown[] = [];
  const writer = new MemoryWriter(clock, {
    observe: (name, values) => void (name === 'endCall' && durations.push(values[2])),
  });
  const records = new CallRecords({ writer, clock, log: silentLogger });
  const ids = Array.from({ length: 10_000 }, () => records.open(call));
  for (const id of ids) records.answered(id, 200);
  await clock.run(1_000);
  for (const id of ids.slice(0, 5_000)) records.ended(id, { by: 'caller', status: 200 });
  await clock.run(1_000);
  for (const id of ids.slice(5_000)) records.ended(id, { by: 'caller', status: 200 });
  await clock.run(0);

  assert.deepEqual([durations.length, durations[0], durations.at(-1)], [10_000, 1_000, 2_000]);
  assert.equal(records.count, 0);
});
