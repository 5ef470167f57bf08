/** The Writer of a database server, PostgreSQL or MariaDB: one thread owns the connection and keeps trying. */
import { BatchWriter } from './batch-writer.ts';
import type { BatchWriterOptions } from './batch-writer.ts';
import type { ServerWorkerOptions } from './server-writer-worker.ts';

/** What a writer needs to begin with. The database must hold our tables: see `openDatabase`. */
export interface ServerWriterOptions extends BatchWriterOptions, ServerWorkerOptions {}

/** While the server is away rows wait, up to `waitingRowsMax`; none of them is acknowledged before its commit. */
export class ServerWriter extends BatchWriter {
  constructor(options: ServerWriterOptions) {
    const { dialect, url } = options;
    super(
      {
        name: `${dialect}-writer`,
        file: new URL('./server-writer-worker.ts', import.meta.url),
        workerData: { dialect, url } satisfies ServerWorkerOptions,
      },
      options,
    );
  }
}
