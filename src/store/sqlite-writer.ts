/**
 * The Writer of an SQLite file. This side runs on the signalling thread and waits for nothing: rows form
 * batches, one batch at a time is with the worker thread, which commits it as one transaction.
 *
 *   write ─▶ │ forming … │ full │ full │ ─▶ in the worker ─▶ committed ─▶ done, done, done …
 *               a part-full batch leaves after an idle time at once, else `commitMs` after the last one
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock, Logger, Timer } from '../base/world.ts';
import type { Synchronous } from './sqlite-connection.ts';
import type { Answer, Order, WorkerOptions } from './sqlite-writer-worker.ts';
import { statementNames, statementPlace, valueCounts } from './statements.ts';
import type { StatementName } from './statements.ts';
import { WRITER_LIMITS } from './writer.ts';
import type { Done, Value, Writer, WriterLimits } from './writer.ts';

/** Rows in one transaction: so many cross to the worker in well under a millisecond. */
export const BATCH_ROWS_MAX = 1_000;

/** What a writer needs to begin with. The file must hold our tables: see `open` in sqlite.ts. */
export interface SqliteWriterOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly synchronous?: Synchronous;
  readonly limits?: Partial<WriterLimits>;
}

/** Rows that are committed together: flat arrays, as they cross to the worker. */
class Batch {
  readonly places: number[] = [];
  readonly values: Value[] = [];
  readonly dones: (Done | undefined)[] = [];

  get isFull(): boolean {
    return this.places.length >= BATCH_ROWS_MAX;
  }
}

/** The one way to write to the file while the exchange runs. */
export class SqliteWriter implements Writer {
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly limits: WriterLimits;
  private readonly workerOptions: WorkerOptions;
  private worker: Worker | undefined;
  /** The first is the next to go, the last takes rows. */
  private readonly queue: Batch[] = [];
  private inWorker: Batch | undefined;
  private sentAt = -Infinity;
  private timer: Timer | undefined;
  private sendingSoon = false;
  private closing: Promise<void> | undefined;
  private taken = 0;
  private settled = 0;
  private readonly flushes: { readonly upTo: number; readonly settle: () => void }[] = [];

  constructor(options: SqliteWriterOptions) {
    this.clock = options.clock;
    this.log = options.log;
    this.limits = { ...WRITER_LIMITS, ...options.limits };
    this.workerOptions = { file: options.file, synchronous: options.synchronous ?? 'NORMAL' };
  }

  get waiting(): number {
    return this.taken - this.settled;
  }

  write(statement: StatementName, values: readonly Value[], done?: Done): void {
    const place = statementPlace(statement);
    assert(values.length === valueCounts[place], `${valueCounts[place]} values for ${statement}`);
    if (this.closing !== undefined) return this.refuse(place, done, 'the writer is closed');
    if (this.waiting >= this.limits.waitingRowsMax) {
      return this.refuse(place, done, `more than ${this.limits.waitingRowsMax} rows wait to be written`);
    }
    const batch = this.formingBatch();
    batch.places.push(place);
    for (const value of values) batch.values.push(value);
    batch.dones.push(done);
    this.taken++;
    this.schedule();
  }

  flush(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((settle) => {
      this.flushes.push({ upTo: this.taken, settle });
      this.schedule();
    });
  }

  close(): Promise<void> {
    const flushed = this.flush();
    return (this.closing ??= flushed.then(() => this.endWorker()));
  }

  private formingBatch(): Batch {
    const last = this.queue.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const batch = new Batch();
    this.queue.push(batch);
    return batch;
  }

  /** Sees to it that the next batch leaves when it may. */
  private schedule(): void {
    const next = this.queue[0];
    if (next === undefined || this.inWorker !== undefined || this.sendingSoon) return;
    const hurries = next.isFull || this.flushes.length > 0;
    const waitMs = hurries ? 0 : this.sentAt + this.limits.commitMs - this.clock.now();
    if (waitMs > 0) {
      this.timer ??= this.clock.after(waitMs, () => this.send());
      return;
    }
    this.sendingSoon = true;
    this.clock.soon(() => this.send());
  }

  private send(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.sendingSoon = false;
    if (this.inWorker !== undefined) return;
    const batch = this.queue.shift();
    if (batch === undefined) return;
    this.inWorker = batch;
    this.sentAt = this.clock.now();
    this.worker ??= this.startWorker();
    this.worker.postMessage({ places: batch.places, values: batch.values } satisfies Order);
  }

  private startWorker(): Worker {
    const worker = new Worker(new URL('./sqlite-writer-worker.ts', import.meta.url), {
      name: 'sqlite-writer',
      // Flags of the process, such as --input-type, are not meant for this file.
      execArgv: [],
      workerData: this.workerOptions,
    });
    let cause: unknown;
    worker.on('message', (answer: Answer) => this.committed(answer));
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => this.workerEnded(worker, cause));
    return worker;
  }

  private committed(answer: Answer): void {
    const batch = this.inWorker;
    assert(batch !== undefined, 'an answer belongs to a batch');
    this.inWorker = undefined;
    this.schedule();
    const errors = new Map(answer.failures.map(({ row, text }) => [row, text]));
    for (let row = 0; row < batch.places.length; row++) {
      const text = errors.get(row);
      const error = text === undefined ? undefined : failed(statementNames[batch.places[row]!]!, text);
      this.settle(batch.places[row]!, batch.dones[row], error);
    }
    this.endFlushes();
  }

  /** Nobody knows which of the rows in its hands were committed, so none of them is acknowledged. */
  private workerEnded(worker: Worker, cause: unknown): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    const lost =
      this.inWorker === undefined ? this.queue.splice(0) : [this.inWorker, ...this.queue.splice(0)];
    this.inWorker = undefined;
    this.log.error('the database writer died; it is started again with the next change', {
      cause: String(cause),
    });
    for (const batch of lost) {
      for (let row = 0; row < batch.places.length; row++) {
        const statement = statementNames[batch.places[row]!]!;
        this.settle(batch.places[row]!, batch.dones[row], failed(statement, 'the writer thread died', cause));
      }
    }
    this.endFlushes();
  }

  private settle(place: number, done: Done | undefined, error: Error | undefined): void {
    this.settled++;
    this.tell(place, done, error);
  }

  private tell(place: number, done: Done | undefined, error: Error | undefined): void {
    if (done === undefined) {
      if (error !== undefined)
        this.log.error('a row was not written', { statement: statementNames[place], error });
      return;
    }
    try {
      done(error);
    } catch (mistake) {
      // One caller's mistake must not keep the others waiting: it surfaces on a turn of its own.
      this.clock.soon(() => {
        throw mistake;
      });
    }
  }

  private refuse(place: number, done: Done | undefined, why: string): void {
    this.clock.soon(() => this.tell(place, done, failed(statementNames[place]!, why)));
  }

  private endFlushes(): void {
    while (this.flushes.length > 0 && this.flushes[0]!.upTo <= this.settled) this.flushes.shift()!.settle();
  }

  private async endWorker(): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return;
    this.worker = undefined;
    const ended = new Promise<void>((settle) => worker.once('exit', () => settle()));
    worker.postMessage('close' satisfies Order);
    await ended;
  }
}

function failed(statement: StatementName, why: string, cause?: unknown): TandemError {
  return new TandemError('STORE_FAILED', `${statement} was not written: ${why}`, { cause });
}
