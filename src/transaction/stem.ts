/**
 * What a request stems from: the one that came from outside and has brought it about. A request of ours that comes back
 * to us belongs to the one that it was sent for, by whatever way it came, and all that stem from one are counted
 * together. Max-Breadth does not do that: it may be used again by branches that come one after the other, and at each
 * turn of a circle.
 */

/** The server transaction of the first one; no slot: nobody's. */
export interface Stem {
  readonly stemSlot: number;
  readonly stemGeneration: number;
}

/** A stem to keep: transactions are used again. */
export function keptStem({ stemSlot, stemGeneration }: Stem): Stem {
  return { stemSlot, stemGeneration };
}

/**
 * Requests that one may bring about in all. Thirty-two people who are rung one after the other, by their names here,
 * and have five phones each come to 192.
 */
export const CAUSED_MAX = 200;
