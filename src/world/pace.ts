import type { Millis } from '../base/world.ts';
import { limits } from './limits.ts';

/**
 * Whether to be woken by each datagram or to look once a tick.
 *
 *            ≥ pacePackets a tick, over a window
 *   woken ──────────────────────────────────────────▶ paced
 *         ◀──────────────────────────────────────────
 *            paceEmptyTicks empty looks in a row,
 *            or < paceLeavePackets a tick
 *
 * A wake-up costs more CPU than a datagram: under load a tick's worth of them shares one.
 */
export class Pace {
  private windowStart: Millis = 0;
  private windowPackets = 0;
  private emptyLooks = 0;
  paced = false;

  /** To be told after every look at the socket; answers how to wait for the next. */
  afterLook(packets: number, now: Millis): boolean {
    this.windowPackets += packets;
    this.emptyLooks = packets === 0 ? this.emptyLooks + 1 : 0;
    if (this.emptyLooks >= limits.paceEmptyTicks) this.paced = false;
    const elapsed = now - this.windowStart;
    if (elapsed < limits.paceWindowMs) return this.paced;
    const perTick = (this.windowPackets * limits.paceTickMs) / elapsed;
    this.paced = perTick >= (this.paced ? limits.paceLeavePackets : limits.pacePackets);
    this.windowStart = now;
    this.windowPackets = 0;
    return this.paced;
  }
}
