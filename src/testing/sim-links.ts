/**
 * What lies between two hosts: delay, loss, duplicates, disorder, cuts. Hosts are named by their own
 * address.
 */
import type { Millis } from '../base/world.ts';
import type { SimRandom } from './sim-random.ts';

/** How a link treats what passes. */
export interface LinkConditions {
  readonly delayMs: Millis;
  /** Added to the delay: from 0 to this, by chance. Datagrams may overtake each other by it. */
  readonly jitterMs: Millis;
  /** Probabilities from 0 to 1. TCP turns loss into delay. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
}

const CALM: LinkConditions = { delayMs: 5, jitterMs: 0, loss: 0, duplication: 0, reordering: 0 };
/** A host talks to itself without a network. */
const LOOPBACK: LinkConditions = { ...CALM, delayMs: 0 };
/** A datagram that is to be overtaken waits this much longer. */
const REORDER_MS = 30;

/** The links of a network. */
export class SimLinks {
  private everywhere = CALM;
  private readonly pairs = new Map<string, Partial<LinkConditions>>();
  private readonly cuts = new Set<string>();
  private readonly random: SimRandom;

  constructor(random: SimRandom) {
    this.random = random;
  }

  /** Changes some conditions: everywhere, or between two hosts only. */
  set(conditions: Partial<LinkConditions>, a?: string, b?: string): void {
    if (a === undefined || b === undefined) this.everywhere = { ...this.everywhere, ...conditions };
    else this.pairs.set(pair(a, b), { ...this.pairs.get(pair(a, b)), ...conditions });
  }

  between(a: string, b: string): LinkConditions {
    if (a === b) return LOOPBACK;
    return { ...this.everywhere, ...this.pairs.get(pair(a, b)) };
  }

  /** Nothing passes between the two any more; without `b`, nothing to or from `a`. */
  cut(a: string, b?: string): void {
    this.cuts.add(b === undefined ? a : pair(a, b));
  }

  heal(a: string, b?: string): void {
    this.cuts.delete(b === undefined ? a : pair(a, b));
  }

  isCut(a: string, b: string): boolean {
    if (this.cuts.size === 0 || a === b) return false;
    return this.cuts.has(pair(a, b)) || this.cuts.has(a) || this.cuts.has(b);
  }

  /** How long one datagram takes. */
  delay(conditions: LinkConditions): Millis {
    const late = this.random.chance(conditions.reordering) ? REORDER_MS : 0;
    if (conditions.jitterMs === 0) return conditions.delayMs + late;
    return conditions.delayMs + late + this.random.below(conditions.jitterMs * 1000 + 1) / 1000;
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
