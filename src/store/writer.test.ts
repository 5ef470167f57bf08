import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AssertionError } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock, Logger } from '../base/world.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { MemoryWriter } from './memory-writer.ts';
import { open } from './sqlite.ts';
import { BATCH_ROWS_MAX, SqliteWriter } from './sqlite-writer.ts';
import type { Value, Writer, WriterLimits } from './writer.ts';

/** Real time; what a `soon` throws is kept instead of ending the test run. */
class RealClock implements Clock {
  readonly thrown: unknown[] = [];
  now = (): number => performance.now();
  wall = (): number => Date.now();
  after(delay: number, fire: () => void): { cancel(): void } {
    const timer = setTimeout(fire, delay);
    return { cancel: () => clearTimeout(timer) };
  }
  soon(run: () => void): void {
    setImmediate(() => {
      try {
        run();
      } catch (error) {
        this.thrown.push(error);
      }
    });
  }
}

const logged: string[] = [];
const log: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (what) => void logged.push(what),
};

interface Trial {
  readonly writer: Writer;
  readonly clock: RealClock;
  /** The user names in the table, in order. */
  users(): string[];
}

const folder = await mkdtemp(join(tmpdir(), 'tandem-writer-'));
let files = 0;
const opened: Writer[] = [];
before(() => logged.splice(0));
after(async () => {
  for (const writer of opened) await writer.close();
  await rm(folder, { recursive: true });
});

async function tablesAt(file: string): Promise<string> {
  const db = await open(file);
  await db.destroy();
  return file;
}

function usersIn(file: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare('select username from subscriber order by id').all();
  db.close();
  return rows.map((row) => String(row.username));
}

async function sqliteTrial(limits: Partial<WriterLimits>): Promise<Trial> {
  const clock = new RealClock();
  const file = await tablesAt(join(folder, `${files++}.db`));
  const writer = new SqliteWriter({ file, clock, log, limits });
  opened.push(writer);
  return { writer, clock, users: () => usersIn(file) };
}

async function memoryTrial(limits: Partial<WriterLimits>): Promise<Trial> {
  const clock = new RealClock();
  const seen: string[] = [];
  const writer = new MemoryWriter(clock, {
    limits,
    observe: (_, values) => void seen.push(String(values[1])),
  });
  return { writer, clock, users: () => seen };
}

const account = (id: number): Value[] => [id, `user${id}`, 'example.com', 'ha1', 'ha1sha', null, 1];

const implementations: [string, (limits: Partial<WriterLimits>) => Promise<Trial>][] = [
  ['sqlite', sqliteTrial],
  ['memory', memoryTrial],
];

for (const [name, make] of implementations) {
  test(`${name}: done is called once a row, in order, never from within write`, async () => {
    const { writer, users } = await make({});
    const said: string[] = [];
    let writing = true;

    for (let id = 1; id <= 5; id++) {
      writer.write('upsertSubscriber', account(id), (error) => {
        assert.equal(writing, false);
        said.push(`${id} ${error?.message ?? 'ok'}`);
      });
    }
    writing = false;
    assert.equal(writer.waiting, 5);
    await writer.flush();

    assert.deepEqual(said, ['1 ok', '2 ok', '3 ok', '4 ok', '5 ok']);
    assert.deepEqual(users(), ['user1', 'user2', 'user3', 'user4', 'user5']);
    assert.equal(writer.waiting, 0);
  });

  test(`${name}: more rows than one batch holds are all written`, async () => {
    const { writer, users } = await make({});
    const rows = BATCH_ROWS_MAX * 2 + 1;
    let said = 0;

    for (let id = 1; id <= rows; id++) writer.write('upsertSubscriber', account(id), () => void said++);
    await writer.flush();

    assert.equal(said, rows);
    assert.equal(users().length, rows);
  });

  test(`${name}: the row beyond waitingRowsMax fails, those before it are written`, async () => {
    const { writer, users } = await make({ waitingRowsMax: 3 });
    const errors: (Error | undefined)[] = [];
    const refused = new Promise<Error | undefined>((settle) => {
      for (let id = 1; id <= 3; id++)
        writer.write('upsertSubscriber', account(id), (error) => errors.push(error));
      writer.write('upsertSubscriber', account(4), settle);
    });
    await writer.flush();

    const error = await refused;
    assert.ok(error instanceof TandemError);
    assert.equal(error.code, 'STORE_FAILED');
    assert.match(error.message, /more than 3 rows wait/);
    assert.deepEqual(errors, [undefined, undefined, undefined]);
    assert.deepEqual(users(), ['user1', 'user2', 'user3']);
  });

  test(`${name}: a caller whose done throws keeps no other waiting`, async () => {
    const { writer, clock } = await make({});
    let said = 0;

    writer.write('upsertSubscriber', account(1), () => {
      throw new Error('a mistake of ours');
    });
    writer.write('upsertSubscriber', account(2), () => void said++);
    await writer.flush();
    await new Promise((settle) => clock.soon(() => settle(undefined)));

    assert.equal(said, 1);
    assert.match(String(clock.thrown), /a mistake of ours/);
  });

  test(`${name}: close writes what waits, and later writes fail`, async () => {
    const { writer, users } = await make({});
    writer.write('upsertSubscriber', account(1));
    await writer.close();

    const error = await new Promise<Error | undefined>((settle) =>
      writer.write('upsertSubscriber', account(2), settle),
    );
    assert.match(String(error?.message), /the writer is closed/);
    assert.deepEqual(users(), ['user1']);
  });

  test(`${name}: a wrong number of values is our own mistake`, async () => {
    const { writer } = await make({});
    assert.throws(() => writer.write('deleteSubscriber', ['alice']), AssertionError);
  });
}

test('memory: the write it was told to fail fails, and no other', async () => {
  const writer = new MemoryWriter(new RealClock());
  const said: string[] = [];
  writer.failAt(2);

  for (let id = 1; id <= 3; id++) {
    writer.write('upsertSubscriber', account(id), (error) =>
      said.push(error === undefined ? 'ok' : 'failed'),
    );
  }
  await writer.flush();

  assert.deepEqual(said, ['ok', 'failed', 'ok']);
});

test('sqlite: a row is in the file when its done is called', async () => {
  const { writer, users } = await sqliteTrial({});
  const there = new Promise<string[]>((settle) =>
    writer.write('upsertSubscriber', account(1), () => settle(users())),
  );

  assert.deepEqual(await there, ['user1']);
});

test('sqlite: one bad row fails alone', async () => {
  const { writer, users } = await sqliteTrial({});
  const said: string[] = [];
  const bad: Value[] = [2, 'user2', 'example.com', null, '', null, 1];

  for (const row of [account(1), bad, account(3)]) {
    writer.write('upsertSubscriber', row, (error) => said.push(error?.message ?? 'ok'));
  }
  await writer.flush();

  assert.deepEqual(said, [
    'ok',
    'upsertSubscriber was not written: NOT NULL constraint failed: subscriber.ha1',
    'ok',
  ]);
  assert.deepEqual(users(), ['user1', 'user3']);
});

test('sqlite: a failed row that nobody waits for is logged', async () => {
  const { writer } = await sqliteTrial({});
  writer.write('upsertSubscriber', [2, 'user2', 'example.com', null, '', null, 1]);
  await writer.flush();

  assert.deepEqual(logged.splice(0), ['a row was not written']);
});

test('sqlite: when the worker dies waiting rows fail, and the next change starts it again', async () => {
  const missing = join(folder, 'missing');
  const writer = new SqliteWriter({ file: join(missing, 'x.db'), clock: new RealClock(), log });
  opened.push(writer);
  const said: string[] = [];
  for (let id = 1; id <= 2; id++)
    writer.write('upsertSubscriber', account(id), (error) => said.push(String(error?.message)));
  await writer.flush();
  assert.deepEqual(said, Array(2).fill('upsertSubscriber was not written: the writer thread died'));
  assert.match(String(logged.splice(0)), /the database writer died/);

  await mkdir(missing);
  await tablesAt(join(missing, 'x.db'));
  const error = await new Promise<Error | undefined>((settle) =>
    writer.write('upsertSubscriber', account(3), settle),
  );

  assert.equal(error, undefined);
  assert.deepEqual(usersIn(join(missing, 'x.db')), ['user3']);
});

test('sqlite: the first row leaves at once, the next ones share a commit commitMs later', async () => {
  const clock = new SimClock();
  const file = await tablesAt(join(folder, `${files++}.db`));
  const writer = new SqliteWriter({ file, clock, log, limits: { commitMs: 10 } });
  const written = (id: number): Promise<unknown> =>
    new Promise((settle) => writer.write('upsertSubscriber', account(id), settle));
  const first = written(1);
  await clock.run(0);
  await first;

  const later = Promise.all([written(2), written(3)]);
  await clock.run(9);
  assert.deepEqual([usersIn(file), writer.waiting], [['user1'], 2]);
  await clock.run(1);
  await later;

  assert.deepEqual(usersIn(file), ['user1', 'user2', 'user3']);
  await writer.close();
});
