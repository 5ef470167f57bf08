/** The Writer of an SQLite file: one thread owns the writing connection. */
import { BatchWriter } from './batch-writer.ts';
import type { BatchWriterOptions } from './batch-writer.ts';
import type { Synchronous } from './sqlite-connection.ts';
import type { WorkerOptions } from './sqlite-writer-worker.ts';

export { BATCH_ROWS_MAX } from './order.ts';

/** What a writer needs to begin with. The file must hold our tables: see `open` in sqlite.ts. */
export interface SqliteWriterOptions extends BatchWriterOptions {
  readonly file: string;
  readonly synchronous?: Synchronous;
}

/** The one way to write to the file while the exchange runs. */
export class SqliteWriter extends BatchWriter {
  constructor(options: SqliteWriterOptions) {
    const { file, synchronous = 'NORMAL' } = options;
    super(
      {
        name: 'sqlite-writer',
        file: new URL('./sqlite-writer-worker.ts', import.meta.url),
        workerData: { file, synchronous } satisfies WorkerOptions,
      },
      options,
    );
  }
}
