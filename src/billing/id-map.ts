/**
 * Numbers that count up → small integers, in two flat arrays: nothing for the collector to walk.
 * An open hash with linear steps; since the keys count up, most of them lie where they belong.
 */
import { assert } from '../base/assert.ts';

const CAPACITY_AT_FIRST = 1_024;
/** No value is kept under this key. */
const NO_KEY = 0;

/** Keys are integers above 0, values integers from 0 to 2^31 - 1. */
export class IdMap {
  private keys = new Float64Array(CAPACITY_AT_FIRST);
  private values = new Int32Array(CAPACITY_AT_FIRST);
  /** How many keys are there. */
  size = 0;

  /** The value of this key, or -1. */
  get(key: number): number {
    const place = this.placeOf(key);
    return this.keys[place] === key ? this.values[place]! : -1;
  }

  set(key: number, value: number): void {
    assert(Number.isSafeInteger(key) && key > NO_KEY, 'a key is an integer above 0');
    if ((this.size + 1) * 2 > this.keys.length) this.grow();
    const place = this.placeOf(key);
    if (this.keys[place] !== key) this.size++;
    this.keys[place] = key;
    this.values[place] = value;
  }

  /** Closes the gap it leaves, so that no mark of what was deleted ever fills the table. */
  delete(key: number): void {
    let gap = this.placeOf(key);
    if (this.keys[gap] !== key || key === NO_KEY) return;
    this.size--;
    const mask = this.keys.length - 1;
    for (let next = (gap + 1) & mask; this.keys[next] !== NO_KEY; next = (next + 1) & mask) {
      const home = this.homeOf(this.keys[next]!);
      const mayMove = ((next - home) & mask) >= ((next - gap) & mask);
      if (!mayMove) continue;
      this.keys[gap] = this.keys[next]!;
      this.values[gap] = this.values[next]!;
      gap = next;
    }
    this.keys[gap] = NO_KEY;
  }

  private placeOf(key: number): number {
    const mask = this.keys.length - 1;
    let place = this.homeOf(key);
    while (this.keys[place] !== NO_KEY && this.keys[place] !== key) place = (place + 1) & mask;
    return place;
  }

  private homeOf(key: number): number {
    return key % this.keys.length;
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Float64Array(keys.length * 2);
    this.values = new Int32Array(keys.length * 2);
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] === NO_KEY) continue;
      const place = this.placeOf(keys[at]!);
      this.keys[place] = keys[at]!;
      this.values[place] = values[at]!;
    }
  }
}
