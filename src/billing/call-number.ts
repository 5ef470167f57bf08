/**
 * The numbers of call records: those of several nodes on one database never meet, and sort by time.
 *
 *   52                                        9 8          0
 *   ┌──────────────────────────────────────────┬────────────┐
 *   │ sixteenths of a millisecond since 2020   │ the node   │   Without a node, where nobody else writes records,
 *   └──────────────────────────────────────────┴────────────┘   they count 1, 2, 3, …
 *
 * Who has more than sixteen calls in a millisecond runs ahead of the clock, and so does one whose clock was set back.
 * People see them in base 36, ten characters; older records have small numbers, which are written as they are.
 */
import { assert } from '../base/assert.ts';

/** Nodes that write to one database. */
export const NODES_MAX = 512;
/** 2020-01-01, UTC, in milliseconds since 1970. */
export const NUMBERS_BEGIN = 1_577_836_800_000;
/** Calls that a node may begin in a millisecond without running ahead of its clock. */
export const CALLS_A_MS = 16;
/** From here on a number is one of those above; nobody ever counted so far. */
export const TIMED_MIN = 2 ** 40;
/** No number is larger: about the year 2054. */
const TICKS_MAX = 2 ** 44 - 1;

/** Gives the numbers of one node. */
export class CallNumbers {
  private readonly node: number | undefined;
  private last = 0;

  /** `node`: from 0 to NODES_MAX - 1; undefined where no other node can be. */
  constructor(node: number | undefined) {
    assert(node === undefined || (node >= 0 && node < NODES_MAX), 'a node has a number below NODES_MAX');
    this.node = node;
  }

  /** The next one; `wall` is the time, in milliseconds since 1970. */
  next(wall: number): number {
    this.last++;
    if (this.node === undefined) return this.last;
    const tick = Math.floor((wall - NUMBERS_BEGIN) * CALLS_A_MS);
    if (tick > this.last && tick <= TICKS_MAX) this.last = tick;
    return this.last * NODES_MAX + this.node;
  }

  /** Whether another node gave this number. Those that were counted may be anybody's. */
  isOthers(number: number): boolean {
    return this.node !== undefined && number >= TIMED_MIN && number % NODES_MAX !== this.node;
  }

  /**
   * Gives none from now on that is not larger than this one of an earlier run, `leftOut` more left out where they are
   * counted: rows that a crash kept from the disk had them. Those of the clock are past.
   */
  goBeyond(number: number, leftOut: number): void {
    const reached = this.node === undefined ? number + leftOut : Math.floor(number / NODES_MAX);
    this.last = Math.max(this.last, Math.min(reached, TICKS_MAX));
  }
}

/** As people see it: `k3f9z17xw2`, or `7` of an older record. */
export function printCallNumber(number: number): string {
  return number < TIMED_MIN ? String(number) : number.toString(36);
}

/** The numbers that a text may mean, typed by somebody or copied from the database; none when it is no number. */
export function callNumbersIn(text: string): readonly number[] {
  const meant: number[] = [];
  if (/^\d{1,16}$/.test(text)) meant.push(Number(text));
  if (/^[0-9a-z]{8,11}$/i.test(text) && Number.parseInt(text, 36) >= TIMED_MIN)
    meant.push(Number.parseInt(text, 36));
  return meant.filter(Number.isSafeInteger);
}
