/**
 * The thread that owns the writing connection. Each order is one transaction, and gets one answer after its
 * commit.
 */
import type { StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { forEachRow, textOf } from './order.ts';
import type { Answer, Failure, Order, Rows } from './order.ts';
import { connect } from './sqlite-connection.ts';
import type { Synchronous } from './sqlite-connection.ts';
import { statementNames, statements } from './statements.ts';
import type { Value } from './writer.ts';

/** Given to the thread when it starts. */
export interface WorkerOptions {
  readonly file: string;
  readonly synchronous: Synchronous;
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
  port.postMessage({ failures: commit(order) } satisfies Answer);
});

/**
 * A row that is refused undoes itself alone and harms no other. What fails the transaction as a whole, such
 * as a full disk or a lock held by another process, fails every row of it.
 */
function commit(rows: Rows): Failure[] {
  const failures: Failure[] = [];
  try {
    connection.exec('begin immediate');
    forEachRow(rows, (place, rowValues, row) => {
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
    return rows.places.map((_, row) => ({ row, text: textOf(error) }));
  }
}

function run(place: number, values: readonly Value[]): void {
  const statement = (prepared[place] ??= connection.prepare(statements[statementNames[place]!]));
  statement.run(...values);
}
