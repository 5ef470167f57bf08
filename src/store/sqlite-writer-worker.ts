/**
 * The thread that owns the writing connection. Each order is one transaction, and gets one answer after its
 * commit.
 */
import type { StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from './sqlite-connection.ts';
import type { Synchronous } from './sqlite-connection.ts';
import { statementNames, statements, valueCounts } from './statements.ts';
import type { Value } from './writer.ts';

/** Given to the thread when it starts. */
export interface WorkerOptions {
  readonly file: string;
  readonly synchronous: Synchronous;
}

/**
 * Rows as flat arrays: the place of each row's statement, and the values of all rows one behind the other.
 */
export type Order = 'close' | { readonly places: readonly number[]; readonly values: readonly Value[] };

/** Which rows were not written; all others are committed. */
export interface Answer {
  readonly failures: readonly Failure[];
}

/** One row that was not written, and why. */
export interface Failure {
  readonly row: number;
  readonly text: string;
}

const port = parentPort;
if (port === null) throw new Error('runs as a worker thread only');

const { file, synchronous } = workerData as WorkerOptions;
const connection = connect(file, synchronous);
const prepared: (StatementSync | undefined)[] = [];

port.on('message', (order: Order) => {
  if (order === 'close') {
    connection.close();
    port.close();
    return;
  }
  port.postMessage({ failures: commit(order.places, order.values) } satisfies Answer);
});

/**
 * A row that is refused undoes itself alone and harms no other. What fails the transaction as a whole, such
 * as a full disk or a lock held by another process, fails every row of it.
 */
function commit(places: readonly number[], values: readonly Value[]): Failure[] {
  const failures: Failure[] = [];
  try {
    connection.exec('begin immediate');
    forEachRow(places, values, (place, rowValues, row) => {
      try {
        run(place, rowValues);
      } catch (error) {
        if (!connection.isTransaction) throw error;
        failures.push({ row, text: textOf(error) });
      }
    });
    connection.exec('commit');
    return failures;
  } catch (error) {
    if (connection.isTransaction) connection.exec('rollback');
    return places.map((_, row) => ({ row, text: textOf(error) }));
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function run(place: number, values: readonly Value[]): void {
  const statement = (prepared[place] ??= connection.prepare(statements[statementNames[place]!]));
  statement.run(...values);
}

function forEachRow(
  places: readonly number[],
  values: readonly Value[],
  act: (place: number, values: readonly Value[], row: number) => void,
): void {
  let at = 0;
  for (let row = 0; row < places.length; row++) {
    const place = places[row]!;
    const count = valueCounts[place]!;
    act(place, values.slice(at, at + count), row);
    at += count;
  }
}
