import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from '../base/world.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { account, databaseLaws, RealClock, writerLaws } from '../testing/writer-contract.ts';
import type { WriterTrial } from '../testing/writer-contract.ts';
import { MemoryWriter } from './memory-writer.ts';
import { open } from './sqlite.ts';
import { SqliteWriter } from './sqlite-writer.ts';
import type { Value, Writer, WriterLimits } from './writer.ts';

const logged: string[] = [];
const log: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (what) => void logged.push(what),
};

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

async function sqliteTrial(limits: Partial<WriterLimits>): Promise<WriterTrial> {
  const clock = new RealClock();
  const file = await tablesAt(join(folder, `${files++}.db`));
  const writer = new SqliteWriter({ file, clock, log, limits });
  opened.push(writer);
  return { writer, clock, users: async () => usersIn(file) };
}

async function memoryTrial(limits: Partial<WriterLimits>): Promise<WriterTrial> {
  const clock = new RealClock();
  const seen: string[] = [];
  const writer = new MemoryWriter(clock, {
    limits,
    observe: (_, values) => void seen.push(String(values[1])),
  });
  return { writer, clock, users: async () => seen };
}

writerLaws('memory', memoryTrial);
writerLaws('sqlite', sqliteTrial);
databaseLaws('sqlite', sqliteTrial);

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
  assert.deepEqual(await users(), ['user1', 'user3']);
});

test('sqlite: a failed row that nobody waits for is logged', async () => {
  const { writer } = await sqliteTrial({});
  writer.write('upsertSubscriber', [2, 'user2', 'example.com', null, '', null, 1]);
  await writer.flush();

  assert.deepEqual(logged.splice(0), ['a row was not written']);
});

test('sqlite: that nothing is taken any more is said once, with its cause, and so is that it is over', async () => {
  const { writer } = await sqliteTrial({});
  const refused = async (id: number): Promise<void> => {
    writer.write('upsertSubscriber', [id, `user${id}`, 'example.com', null, '', null, 1], () => {});
    await writer.flush();
  };

  await refused(1);
  await refused(2);
  writer.write('upsertSubscriber', account(3), () => {});
  await writer.flush();
  await refused(4);

  assert.deepEqual(logged.splice(0), ['the database takes no changes', 'the database takes no changes']);
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

test('sqlite: rows that nobody waits for wait for company, until somebody waits for one', async () => {
  const clock = new SimClock();
  const file = await tablesAt(join(folder, `${files++}.db`));
  const writer = new SqliteWriter({ file, clock, log, limits: { commitMs: 10, patientMs: 100 } });
  const written = (id: number, patient: boolean): Promise<unknown> =>
    new Promise((settle) => writer.write('upsertSubscriber', account(id), settle, patient));

  const patient = written(1, true);
  await clock.run(99);
  assert.deepEqual([usersIn(file), writer.waiting], [[], 1]);
  await clock.run(1);
  await patient;
  assert.deepEqual(usersIn(file), ['user1']);

  const together = Promise.all([written(2, true), written(3, false)]);
  await clock.run(10);
  await together;
  assert.deepEqual(usersIn(file), ['user1', 'user2', 'user3']);
  await writer.close();
});
