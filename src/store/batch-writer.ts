/**
 * The Writer of a real database. This side runs on the signalling thread and waits for nothing: rows form
 * batches, one batch at a time is with the worker thread, which commits it as one transaction.
 *
 *   write ─▶ │ forming … │ full │ full │ ─▶ in the worker ─▶ committed ─▶ done, done, done …
 *               a part-full batch leaves after an idle time at once, else `commitMs` after the last one;
 *               one of patient rows alone `patientMs` after its first
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock, Logger, Millis, Timer } from '../base/world.ts';
import { BATCH_ROWS_MAX } from './order.ts';
import type { Answer, LinkNews, Order } from './order.ts';
import { statementNames, statementPlace, valueCounts } from './statements.ts';
import type { StatementName } from './statements.ts';
import { WRITER_LIMITS } from './writer.ts';
import type { Done, DurableWriter, Value, WriterHealth, WriterLimits } from './writer.ts';

/** What every writer needs to begin with. The database must hold our tables: see `openDatabase`. */
export interface BatchWriterOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<WriterLimits>;
}

/** The thread that commits. */
export interface CommitThread {
  readonly name: string;
  readonly file: URL;
  /** Given to it when it starts. */
  readonly workerData: object;
}

/** Rows that are committed together: flat arrays, as they cross to the worker. */
class Batch {
  readonly begunAt: Millis;
  /** Whether somebody waits for one of its rows. */
  awaited = false;
  readonly places: number[] = [];
  readonly values: Value[] = [];
  readonly dones: (Done | undefined)[] = [];

  constructor(begunAt: Millis) {
    this.begunAt = begunAt;
  }

  get isFull(): boolean {
    return this.places.length >= BATCH_ROWS_MAX;
  }
}

/** The one way to write to a database while the exchange runs. */
export class BatchWriter implements DurableWriter {
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly limits: WriterLimits;
  private readonly thread: CommitThread;
  private worker: Worker | undefined;
  /** The first is the next to go, the last takes rows. */
  private readonly queue: Batch[] = [];
  private inWorker: Batch | undefined;
  private sentAt = -Infinity;
  private timer: Timer | undefined;
  private timerDue: Millis = 0;
  private sendingSoon = false;
  private closing: Promise<void> | undefined;
  private lostSince: number | undefined;
  private lostWhy = '';
  /** Whether every row of the last batch failed. */
  private refusing = false;
  private taken = 0;
  private settled = 0;
  private readonly flushes: { readonly upTo: number; readonly settle: () => void }[] = [];

  constructor(thread: CommitThread, options: BatchWriterOptions) {
    this.thread = thread;
    this.clock = options.clock;
    this.log = options.log;
    this.limits = { ...WRITER_LIMITS, ...options.limits };
  }

  get health(): WriterHealth {
    return { waiting: this.waiting, lostSince: this.lostSince, why: this.lostWhy };
  }

  get waiting(): number {
    return this.taken - this.settled;
  }

  write(statement: StatementName, values: readonly Value[], done?: Done, patient = false): void {
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
    if (!patient) batch.awaited = true;
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
    return (this.closing ??= this.flushOrGiveUp().then(() => this.endWorker()));
  }

  private formingBatch(): Batch {
    const last = this.queue.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const batch = new Batch(this.clock.now());
    this.queue.push(batch);
    return batch;
  }

  /** Sees to it that the next batch leaves when it may. */
  private schedule(): void {
    const next = this.queue[0];
    if (next === undefined || this.inWorker !== undefined || this.sendingSoon) return;
    const due = this.dueAt(next);
    if (due > this.clock.now()) return this.sendAt(due);
    this.sendingSoon = true;
    this.clock.soon(() => this.send());
  }

  private dueAt(batch: Batch): Millis {
    if (batch.isFull || this.flushes.length > 0) return 0;
    const due = this.sentAt + this.limits.commitMs;
    return batch.awaited ? due : Math.max(due, batch.begunAt + this.limits.patientMs);
  }

  private sendAt(due: Millis): void {
    if (this.timer !== undefined && this.timerDue <= due) return;
    this.timer?.cancel();
    this.timerDue = due;
    this.timer = this.clock.after(due - this.clock.now(), () => this.send());
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
    const worker = new Worker(this.thread.file, {
      name: this.thread.name,
      // Flags of the process, such as --input-type, are not meant for this file.
      execArgv: [],
      workerData: this.thread.workerData,
    });
    let cause: unknown;
    worker.on('message', (news: Answer | LinkNews) => {
      if ('lost' in news) this.noteLink(news);
      else this.committed(news);
    });
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => this.workerEnded(worker, cause));
    return worker;
  }

  private committed(answer: Answer): void {
    const batch = this.inWorker;
    assert(batch !== undefined, 'an answer belongs to a batch');
    this.inWorker = undefined;
    this.schedule();
    this.noteRefusal(batch, answer.failures);
    const errors = new Map(answer.failures.map(({ row, text }) => [row, text]));
    for (let row = 0; row < batch.places.length; row++) {
      const text = errors.get(row);
      const error = text === undefined ? undefined : failed(statementNames[batch.places[row]!]!, text);
      this.settle(batch.places[row]!, batch.dones[row], error);
    }
    this.endFlushes();
  }

  /** The log has one line for the loss and one for the return, however often the worker tries. */
  private noteLink({ lost }: LinkNews): void {
    const { waiting } = this;
    if (lost !== undefined) {
      if (this.lostSince === undefined)
        this.log.error('the database is lost; changes wait for it', { why: lost, waiting });
      this.lostSince ??= this.clock.wall();
      this.lostWhy = lost;
    } else if (this.lostSince !== undefined) {
      const lostMs = this.clock.wall() - this.lostSince;
      this.log.info('the database is back; waiting changes are written', { waiting, lostMs });
      this.lostSince = undefined;
      this.lostWhy = '';
    }
  }

  /** The log has one line when nothing is taken any more, as by a full disk, and one when something is again. */
  private noteRefusal({ places, dones }: Batch, failures: Answer['failures']): void {
    const refused = failures.length === places.length;
    if (refused === this.refusing) return;
    // A row that nobody waits for has a line of its own.
    if (refused && dones.every((done) => done === undefined)) return;
    this.refusing = refused;
    if (refused) this.log.error('the database takes no changes', { why: failures[0]?.text });
    else this.log.info('the database takes changes again');
  }

  /** Nobody knows which of the rows in its hands were committed, so none of them is acknowledged. */
  private workerEnded(worker: Worker, cause: unknown): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.log.error('the database writer died; it is started again with the next change', {
      cause: String(cause),
    });
    this.failAll('the writer thread died', cause);
  }

  private failAll(why: string, cause?: unknown): void {
    const all = this.inWorker === undefined ? this.queue.splice(0) : [this.inWorker, ...this.queue.splice(0)];
    this.inWorker = undefined;
    for (const batch of all) {
      for (let row = 0; row < batch.places.length; row++) {
        const place = batch.places[row]!;
        this.settle(place, batch.dones[row], failed(statementNames[place]!, why, cause));
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

  /** Rows of a database that is lost are waited for a while only: whoever stops us wants us to stop. */
  private async flushOrGiveUp(): Promise<void> {
    let timer: Timer | undefined;
    const tooLong = new Promise<void>((settle) => {
      timer = this.clock.after(this.limits.closeMs, settle);
    });
    await Promise.race([this.flush(), tooLong]);
    timer?.cancel();
    if (this.waiting === 0) return;
    const { worker, waiting } = this;
    this.log.error('stopped without the database: changes are dropped, none was acknowledged', { waiting });
    this.worker = undefined;
    this.failAll('the exchange stopped before the database came back');
    await worker?.terminate();
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
