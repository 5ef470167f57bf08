/**
 * A protocol's figure as a table: for every state, for every event, one decided cell.
 * A missing cell does not compile; a test can walk the table.
 */
import { AssertionError } from './assert.ts';

/** What to do, and the state that follows (none: stay). */
export interface Cell<S extends string, T> {
  readonly act: (part: T) => void;
  readonly next?: S;
}

/** For every state, for every event, one cell. */
export type Machine<S extends string, E extends string, T> = {
  readonly [state in S]: { readonly [event in E]: Cell<S, T> };
};

const nothing = (): void => {};

/** A cell that moves to another state, and may act. */
export const go = <S extends string, T>(next: S, act: (part: T) => void = nothing): Cell<S, T> => ({
  act,
  next,
});
/** A cell that acts and stays. */
export const stay = <T>(act: (part: T) => void): Cell<never, T> => ({ act });
/** The event means nothing in this state; the figure says so. */
export const ignore: Cell<never, unknown> = { act: nothing };
/** The event cannot occur in this state; if it does, our own code is wrong. */
export const never: Cell<never, unknown> = {
  act: () => {
    throw new AssertionError('assert: impossible event');
  },
};

/**
 * Changes state before it acts, so that an act which sends sees the machine already moved.
 * `part` keeps the state; it runs one table all its life, so its state is always one of that table's.
 */
export function step<S extends string, E extends string, T extends object>(
  table: Machine<S, E, T>,
  event: NoInfer<E>,
  part: NoInfer<T> & { state: string },
): void {
  const cell = table[part.state as S][event]; // see above: the table's own states only.
  if (cell.next !== undefined) part.state = cell.next;
  cell.act(part);
}
