/** What passes between a writer and the thread that commits for it. */
import { valueCounts } from './statements.ts';
import type { Value } from './writer.ts';

/** Rows in one transaction: so many cross to the worker in well under a millisecond. */
export const BATCH_ROWS_MAX = 1_000;

/** Rows as flat arrays: the place of each row's statement, and the values of all rows one behind the other. */
export interface Rows {
  readonly places: readonly number[];
  readonly values: readonly Value[];
}

/** One transaction, answered once; or the end. */
export type Order = 'close' | Rows;

/** One row that was not written, and why. */
export interface Failure {
  readonly row: number;
  readonly text: string;
}

/** Which rows were not written; all others are committed. */
export interface Answer {
  readonly failures: readonly Failure[];
}

/** Told when the database is lost (with why), and when it is back. */
export interface LinkNews {
  readonly lost: string | undefined;
}

/** Calls `act` with each row's own values, in order. */
export function forEachRow(
  { places, values }: Rows,
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

/** What an error says. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of an address that was tried in several families Node says nothing but their codes.
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}
