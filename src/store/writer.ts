/**
 * The port through which every change reaches the database. Changes are committed in groups: what is written
 * while one group is on its way forms the next, so that a commit is shared by all that wait for it.
 */
import type { StatementName } from './statements.ts';

/** What a column takes. */
export type Value = string | number | null;

/** Told once, after the row was committed, or with the reason why it was not. */
export type Done = (error: Error | undefined) => void;

/** Takes changes, commits them, and says so. */
export interface Writer {
  /**
   * Takes one change. `done` is called once, only after the commit, and never from within this call.
   * Changes are applied in the order they were written in. One that nobody waits for is `patient`: it may wait for
   * company, so that a commit serves more of them.
   */
  write(statement: StatementName, values: readonly Value[], done?: Done, patient?: boolean): void;
  /** Hurries, and settles when all that was written before this call is committed or has failed. */
  flush(): Promise<void>;
  /** The same, and takes nothing more: later writes fail. */
  close(): Promise<void>;
  /** Rows taken whose `done` was not called yet. */
  readonly waiting: number;
}

/** How a writer's database does, for the operator. */
export interface WriterHealth {
  /** Rows taken that are not yet committed. */
  readonly waiting: number;
  /** Since when the database does not answer, in milliseconds since 1970; undefined when it does. */
  readonly lostSince: number | undefined;
  /** What the last attempt to reach it said; empty when it answers. */
  readonly why: string;
}

/** The writer of a real database. */
export interface DurableWriter extends Writer {
  readonly health: WriterHealth;
}

/** What bounds a writer. */
export interface WriterLimits {
  /** Under load at most one commit is begun in this time. */
  readonly commitMs: number;
  /** A batch of patient rows alone is begun after this time. */
  readonly patientMs: number;
  /** More rows than this do not wait: the next one fails at once. */
  readonly waitingRowsMax: number;
  /** A writer that is closed waits so long for a database that does not answer. */
  readonly closeMs: number;
}

/** The usual limits. */
export const WRITER_LIMITS: WriterLimits = {
  commitMs: 10,
  patientMs: 100,
  waitingRowsMax: 200_000,
  closeMs: 10_000,
};
