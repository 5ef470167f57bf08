/**
 * The Writer that keeps nothing: for simulated worlds, and for an exchange that is told not to be durable.
 */
import { assert } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { statementPlace, valueCounts } from './statements.ts';
import type { StatementName } from './statements.ts';
import { WRITER_LIMITS } from './writer.ts';
import type { Done, Value, Writer, WriterLimits } from './writer.ts';

/** Told of each row in order, as a database would see it. */
export type Observer = (statement: StatementName, values: readonly Value[]) => void;

interface Row {
  readonly statement: StatementName;
  readonly values: readonly Value[];
  readonly done: Done | undefined;
  readonly fails: boolean;
}

/** Takes rows, forgets them, and says that they are written. */
export class MemoryWriter implements Writer {
  private readonly clock: Clock;
  private readonly limits: WriterLimits;
  private readonly observe: Observer | undefined;
  private rows: Row[] = [];
  private readonly flushes: { readonly upTo: number; readonly settle: () => void }[] = [];
  private closed = false;
  private taken = 0;
  private settled = 0;
  private failing = 0;

  constructor(clock: Clock, options: { observe?: Observer; limits?: Partial<WriterLimits> } = {}) {
    this.clock = clock;
    this.observe = options.observe;
    this.limits = { ...WRITER_LIMITS, ...options.limits };
  }

  get waiting(): number {
    return this.taken - this.settled;
  }

  /** The n-th write from now on fails; the next one is 1. */
  failAt(n: number): void {
    this.failing = this.taken + n;
  }

  write(statement: StatementName, values: readonly Value[], done?: Done): void {
    const count = valueCounts[statementPlace(statement)];
    assert(values.length === count, `${count} values for ${statement}`);
    if (this.closed) return this.refuse(statement, done, 'the writer is closed');
    if (this.waiting >= this.limits.waitingRowsMax) {
      return this.refuse(statement, done, `more than ${this.limits.waitingRowsMax} rows wait to be written`);
    }
    this.rows.push({ statement, values, done, fails: ++this.taken === this.failing });
    if (this.rows.length === 1) this.clock.soon(() => this.commit());
  }

  flush(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((settle) => this.flushes.push({ upTo: this.taken, settle }));
  }

  close(): Promise<void> {
    this.closed = true;
    return this.flush();
  }

  private commit(): void {
    const rows = this.rows;
    this.rows = [];
    for (const { statement, values, done, fails } of rows) {
      this.settled++;
      if (!fails) this.observe?.(statement, values);
      this.tell(done, fails ? failed(statement, 'it was told to fail') : undefined);
    }
    while (this.flushes.length > 0 && this.flushes[0]!.upTo <= this.settled) this.flushes.shift()!.settle();
  }

  private refuse(statement: StatementName, done: Done | undefined, why: string): void {
    this.clock.soon(() => this.tell(done, failed(statement, why)));
  }

  private tell(done: Done | undefined, error: Error | undefined): void {
    try {
      done?.(error);
    } catch (mistake) {
      // One caller's mistake must not keep the others waiting: it surfaces on a turn of its own.
      this.clock.soon(() => {
        throw mistake;
      });
    }
  }
}

function failed(statement: StatementName, why: string): TandemError {
  return new TandemError('STORE_FAILED', `${statement} was not written: ${why}`);
}
