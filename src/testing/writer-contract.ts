/** The laws of the Writer port: one table of tests that every implementation passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionError } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { BATCH_ROWS_MAX } from '../store/order.ts';
import type { Value, Writer, WriterLimits } from '../store/writer.ts';

/** Real time; what a `soon` throws is kept instead of ending the test run. */
export class RealClock implements Clock {
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

/** A writer on an empty `subscriber` table. */
export interface WriterTrial {
  readonly writer: Writer;
  readonly clock: RealClock;
  /** The user names in the table, in order of their numbers. */
  readonly users: () => Promise<readonly string[]>;
}

/** Makes a writer with these limits. */
export type MakeWriter = (limits: Partial<WriterLimits>) => Promise<WriterTrial>;

/** The values of `upsertSubscriber` for user1, user2 … */
export const account = (id: number, ha1 = 'ha1'): Value[] => [
  id,
  `user${id}`,
  'example.com',
  ha1,
  'ha1sha',
  null,
  1,
];

/** Declares the laws that every writer obeys. */
export function writerLaws(name: string, make: MakeWriter): void {
  for (const law of [doneInOrder, manyBatches, waitingLimit, throwingDone, closing, valueCount])
    law(name, make);
}

function doneInOrder(name: string, make: MakeWriter): void {
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
    assert.deepEqual(await users(), ['user1', 'user2', 'user3', 'user4', 'user5']);
    assert.equal(writer.waiting, 0);
  });
}

function manyBatches(name: string, make: MakeWriter): void {
  test(`${name}: more rows than one batch holds are all written`, async () => {
    const { writer, users } = await make({});
    const rows = BATCH_ROWS_MAX * 2 + 1;
    let said = 0;

    for (let id = 1; id <= rows; id++) writer.write('upsertSubscriber', account(id), () => void said++);
    await writer.flush();

    assert.equal(said, rows);
    assert.equal((await users()).length, rows);
  });
}

function waitingLimit(name: string, make: MakeWriter): void {
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
    assert.deepEqual(await users(), ['user1', 'user2', 'user3']);
  });
}

function throwingDone(name: string, make: MakeWriter): void {
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
}

function closing(name: string, make: MakeWriter): void {
  test(`${name}: close writes what waits, and later writes fail`, async () => {
    const { writer, users } = await make({});
    writer.write('upsertSubscriber', account(1));
    await writer.close();

    const error = await new Promise<Error | undefined>((settle) =>
      writer.write('upsertSubscriber', account(2), settle),
    );
    assert.match(String(error?.message), /the writer is closed/);
    assert.deepEqual(await users(), ['user1']);
  });
}

function valueCount(name: string, make: MakeWriter): void {
  test(`${name}: a wrong number of values is our own mistake`, async () => {
    const { writer } = await make({});
    assert.throws(() => writer.write('deleteSubscriber', ['alice']), AssertionError);
  });
}

/** Declares the laws of those that keep what they are given. */
export function databaseLaws(name: string, make: MakeWriter): void {
  for (const law of [thereWhenDone, oneBadRow, sameKeyInOrder, foreignNumber, oddTexts]) law(name, make);
}

function thereWhenDone(name: string, make: MakeWriter): void {
  test(`${name}: a row is in the database when its done is called`, async () => {
    const { writer, users } = await make({});
    const there = new Promise((settle) =>
      writer.write('upsertSubscriber', account(1), () => settle(users())),
    );

    assert.deepEqual(await there, ['user1']);
  });
}

/** Sends rows, and answers what was said of each: ok, or failed. */
async function verdicts(writer: Writer, rows: readonly (readonly Value[])[]): Promise<readonly string[]> {
  const said: string[] = [];
  rows.forEach((row, i) =>
    writer.write('upsertSubscriber', row, (error) => void (said[i] = error === undefined ? 'ok' : 'failed')),
  );
  await writer.flush();
  return said;
}

function oneBadRow(name: string, make: MakeWriter): void {
  for (const bad of [0, 1, 40, 99]) {
    test(`${name}: a bad row fails alone, as number ${bad} of a hundred`, async () => {
      const { writer, users } = await make({});
      const rows = Array.from({ length: 100 }, (_, i) => account(i + 1));
      rows[bad]![3] = null;

      const said = await verdicts(writer, rows);

      assert.deepEqual(
        [...said.keys()].filter((i) => said[i] !== 'ok'),
        [bad],
      );
      assert.equal((await users()).length, 99);
    });
  }
}

function sameKeyInOrder(name: string, make: MakeWriter): void {
  test(`${name}: changes of one row in one batch are made in their order`, async () => {
    const { writer, users } = await make({});
    const remove = (id: number): void => writer.write('deleteSubscriber', [`user${id}`, 'example.com']);

    writer.write('upsertSubscriber', account(1));
    for (let id = 2; id <= 9; id++) writer.write('upsertSubscriber', account(id));
    for (const id of [1, 3, 5]) remove(id);
    writer.write('upsertSubscriber', account(3));
    writer.write('upsertSubscriber', account(4, 'other'));
    for (const id of [4, 6]) remove(id);
    await writer.flush();

    assert.deepEqual(await users(), ['user2', 'user3', 'user7', 'user8', 'user9']);
  });
}

function foreignNumber(name: string, make: MakeWriter): void {
  test(`${name}: an account with the number of another fails, and changes neither`, async () => {
    const { writer, users } = await make({});
    const other: Value[] = [1, 'mallory', 'example.com', 'stolen', '', null, 1];

    assert.deepEqual(await verdicts(writer, [account(1), other, account(2)]), ['ok', 'failed', 'ok']);
    assert.deepEqual(await users(), ['user1', 'user2']);
  });
}

function oddTexts(name: string, make: MakeWriter): void {
  test(`${name}: names are told apart by case and by a blank at the end, and kept byte for byte`, async () => {
    const { writer, users } = await make({});
    const names = ['alice', 'Alice', 'alice ', "o'hara", 'back\\slash', 'Zoë 📞', '?', '$1'];

    const said = await verdicts(
      writer,
      names.map((user, i) => [i + 1, user, 'example.com', 'ha1', '', null, 1]),
    );

    assert.deepEqual(said, Array(names.length).fill('ok'));
    assert.deepEqual(await users(), names);
  });
}
