/**
 * When somebody sets the wall clock, what stands on disk ends too early or too late: those rows are written again.
 *
 *   look ─▶ jumped by JUMP_MS or more ─▶ the table from its beginning, a part at a time ─▶ rows to the Writer
 *
 * Until that is done a restart goes by the old time of day; memory, which counts by the monotonic clock, never does.
 */
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Bindings } from './bindings.ts';
import { type LocationTable, NO_ROW } from './table.ts';
import type { Turns } from './turns.ts';

/** Less than this is how a clock is corrected that goes a little wrong. */
export const JUMP_MS: Millis = 250;
/** A part of the table: so many rows, so often, unless so many already wait for the database. */
const ROWS_A_PART = 1_000;
const PART_MS: Millis = 50;
const WAITING_ROWS_MAX = 2_000;

/** What it stands on. */
export interface WallJumpsParts {
  readonly clock: Clock;
  readonly table: LocationTable;
  readonly turns: Turns;
  readonly bindings: Bindings;
}

/** See above. */
export class WallJumps {
  private readonly parts: WallJumpsParts;
  /** By how much the wall clock was ahead of the other one when the rows were written. */
  private aheadMs: Millis;
  private row = NO_ROW;
  private timer: Timer | undefined = undefined;

  constructor(parts: WallJumpsParts) {
    this.parts = parts;
    this.aheadMs = this.ahead;
  }

  /** Asked every second or so. */
  look(): void {
    const { ahead } = this;
    if (Math.abs(ahead - this.aheadMs) < JUMP_MS) return;
    this.aheadMs = ahead;
    this.timer?.cancel();
    this.row = 0;
    this.writePart();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private get ahead(): Millis {
    const { clock } = this.parts;
    return clock.wall() - clock.now();
  }

  private writePart(): void {
    const { clock, table, bindings } = this.parts;
    if (bindings.waiting < WAITING_ROWS_MAX) {
      const end = this.row + ROWS_A_PART;
      for (let row = table.rowFrom(this.row); row !== NO_ROW && row < end; row = table.rowFrom(row + 1)) {
        // The last of its address-of-record stands for all of them: what comes meanwhile is put in front of it.
        if (table.next(row) === NO_ROW) this.writeAgain(table.contact(row).aor);
      }
      if (end >= table.rows) return;
      this.row = end;
    }
    this.timer = clock.after(PART_MS, () => this.writePart());
  }

  /** Behind what is on its way to disk: it would take that back. */
  private writeAgain(aor: string): void {
    const { turns, bindings } = this.parts;
    void turns.take(aor, () => {
      bindings.writeAgain(aor);
      return WRITTEN;
    });
  }
}

const WRITTEN = {};
