import type { Millis } from '../base/world.ts';
import { limits } from './limits.ts';

/**
 * Whether to be woken by each datagram or to look once a tick.
 *
 *            ≥ pacePackets a millisecond,           ≥ paceBusyPackets
 *              over a window
 *   woken ─────────────────────────────▶ every 2 ms ─────────────────▶ every 1.5 ms
 *         ◀─────────────────────────────            ◀─────────────────
 *            paceEmptyTicks empty looks              < paceCalmPackets
 *            in a row, or < paceLeavePackets
 *
 * A wake-up costs more CPU than a datagram: a tick's worth of them shares one.
 */
export class Pace {
  /** How often to look; 0 to be woken. */
  tickMs: Millis = 0;
  private windowStart: Millis = 0;
  private windowPackets = 0;
  private emptyLooks = 0;

  /** To be told after every look at the socket; answers `tickMs`. */
  afterLook(packets: number, now: Millis): Millis {
    this.windowPackets += packets;
    this.emptyLooks = packets === 0 ? this.emptyLooks + 1 : 0;
    if (this.emptyLooks >= limits.paceEmptyTicks) this.tickMs = 0;
    const elapsed = now - this.windowStart;
    if (elapsed < limits.paceWindowMs) return this.tickMs;
    this.tickMs = this.tickFor(this.windowPackets / elapsed);
    this.windowStart = now;
    this.windowPackets = 0;
    return this.tickMs;
  }

  private tickFor(rate: number): Millis {
    if (rate < (this.tickMs === 0 ? limits.pacePackets : limits.paceLeavePackets)) return 0;
    const isBusy = this.tickMs === limits.paceBusyTickMs;
    return rate >= (isBusy ? limits.paceCalmPackets : limits.paceBusyPackets)
      ? limits.paceBusyTickMs
      : limits.paceTickMs;
  }
}
