/**
 * The life of a call's record: exactly one row, whatever happens, in whatever order it is told.
 *
 *                 INVITE: insert
 *                     │
 *                 ┌───▼───┐ answer: update  ┌──────────┐
 *                 │ open  ├────────────────▶│ answered │
 *                 └───┬───┘                 └────┬─────┘
 *                     │ end: update              │ end: update
 *                 ┌───▼──────────────────────────▼───┐
 *                 │              ending              ├─┐ end: update again, as it was told first
 *                 └───────────────┬──────────────────┘◄┘ failed: repair
 *                       committed │
 *                 ┌───────────────▼──────────────────┐
 *                 │              ended               │
 *                 └──────────────────────────────────┘
 */
import { go, ignore, never, stay } from '../base/machine.ts';
import type { Machine } from '../base/machine.ts';

/** Where a record stands; `ending` while its last row is on the way to the disk. */
export type CallRecordState = 'open' | 'answered' | 'ending' | 'ended';
/** `answer` and `end` are told by the call, `committed` and `failed` by the writer about the last row. */
export type CallRecordEvent = 'answer' | 'end' | 'committed' | 'failed';

/** What the figure asks of its surroundings. */
export interface CallRecordPart {
  state: CallRecordState;
  /** Notes the answer, and writes it. */
  answer(): void;
  /** Notes the end as it is told now, and writes it. */
  end(): void;
  /** Writes the end that was noted. */
  writeEnd(): void;
  /** Writes again, later, what was not written. */
  repair(): void;
  /** The row is on disk: forget the call. */
  release(): void;
}

/** The figure above as a table. */
export const callMachine: Machine<CallRecordState, CallRecordEvent, CallRecordPart> = {
  open: {
    answer: go('answered', (part) => part.answer()),
    end: go('ending', (part) => part.end()),
    committed: never,
    failed: never,
  },
  answered: {
    answer: ignore,
    end: go('ending', (part) => part.end()),
    committed: never,
    failed: never,
  },
  // A BYE that is repeated waits for the same row as the first one; so its answer is as durable.
  ending: {
    answer: ignore,
    end: stay((part) => part.writeEnd()),
    committed: go('ended', (part) => part.release()),
    failed: stay((part) => part.repair()),
  },
  ended: { answer: ignore, end: ignore, committed: ignore, failed: ignore },
};
