/**
 * The calls whose records are not complete, a slot each in flat arrays: none of them is on the JavaScript
 * heap.
 */
import { IdMap } from './id-map.ts';

const SLOTS_AT_FIRST = 1_024;

/** What an instant holds that has not come. */
export const NOT_YET = -1;

/**
 * Columns by slot. Instants are milliseconds of the monotonic clock, durations are counted from the start.
 */
export class CallTable {
  private readonly slots = new IdMap();
  private readonly slotsMax: number;
  private free: Int32Array = new Int32Array(SLOTS_AT_FIRST);
  private freeCount = 0;
  /** Slots from 0 to this one were used before. */
  private used = 0;
  ids = new Float64Array(SLOTS_AT_FIRST);
  startedAt = new Float64Array(SLOTS_AT_FIRST);
  /** The same instant in milliseconds since 1970. */
  startedWall = new Float64Array(SLOTS_AT_FIRST);
  setupMs = new Float64Array(SLOTS_AT_FIRST);
  endedMs = new Float64Array(SLOTS_AT_FIRST);
  /** Final status of the INVITE. */
  statuses = new Int16Array(SLOTS_AT_FIRST);
  enders = new Uint8Array(SLOTS_AT_FIRST);
  states = new Uint8Array(SLOTS_AT_FIRST);

  constructor(slotsMax: number) {
    this.slotsMax = slotsMax;
  }

  get size(): number {
    return this.slots.size;
  }

  /** The slot of this call, or -1. */
  find(id: number): number {
    return this.slots.get(id);
  }

  /** A slot for a new call, in the state numbered 0; -1 when all are in use. */
  take(id: number): number {
    if (this.size >= this.slotsMax) return -1;
    const slot = this.freeCount > 0 ? this.free[--this.freeCount]! : this.used++;
    if (slot === this.ids.length) this.grow();
    this.slots.set(id, slot);
    this.ids[slot] = id;
    this.setupMs[slot] = NOT_YET;
    this.endedMs[slot] = NOT_YET;
    this.statuses[slot] = 0;
    this.enders[slot] = 0;
    this.states[slot] = 0;
    return slot;
  }

  release(slot: number): void {
    this.slots.delete(this.ids[slot]!);
    this.ids[slot] = 0;
    if (this.freeCount === this.free.length)
      this.free = resized(this.free, new Int32Array(this.free.length * 2));
    this.free[this.freeCount++] = slot;
  }

  /** Calls with every slot in use. */
  each(visit: (slot: number) => void): void {
    for (let slot = 0; slot < this.used; slot++) if (this.ids[slot] !== 0) visit(slot);
  }

  private grow(): void {
    const count = this.ids.length * 2;
    this.ids = resized(this.ids, new Float64Array(count));
    this.startedAt = resized(this.startedAt, new Float64Array(count));
    this.startedWall = resized(this.startedWall, new Float64Array(count));
    this.setupMs = resized(this.setupMs, new Float64Array(count));
    this.endedMs = resized(this.endedMs, new Float64Array(count));
    this.statuses = resized(this.statuses, new Int16Array(count));
    this.enders = resized(this.enders, new Uint8Array(count));
    this.states = resized(this.states, new Uint8Array(count));
  }
}

function resized<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from);
  return to;
}
