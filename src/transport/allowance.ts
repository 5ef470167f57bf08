/** So much at once, and so much a second again. */
import type { Millis } from '../base/world.ts';

/** What a peer may do that we get nothing from. */
export class Allowance {
  private readonly atOnce: number;
  private readonly perSecond: number;
  private left: number;
  private filledAt: Millis;

  constructor(atOnce: number, perSecond: number, now: Millis) {
    this.atOnce = atOnce;
    this.perSecond = perSecond;
    this.left = atOnce;
    this.filledAt = now;
  }

  /** False when nothing is left. */
  take(now: Millis): boolean {
    this.left = Math.min(this.atOnce, this.left + ((now - this.filledAt) * this.perSecond) / 1000);
    this.filledAt = now;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
