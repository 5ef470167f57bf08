/**
 * Numbers of calls → small integers, in two flat arrays: nothing for the collector to walk. An open hash with linear
 * steps. Numbers of one node have their low bits in common, so the place is made of all bits (Fibonacci hashing).
 */
import { assert } from '../base/assert.ts';

const CAPACITY_AT_FIRST = 1_024;
/** No value is kept under this key. */
const NO_KEY = 0;
/** 2^32 divided by the golden ratio, and the first factor of MurmurHash3's last step. */
const GOLDEN = 0x9e3779b1;
const MIXER = 0x85ebca6b;
const TWO_32 = 2 ** 32;

/** Keys are integers above 0, values integers from 0 to 2^31 - 1. */
export class IdMap {
  private keys: Float64Array;
  private values: Int32Array;
  /** So far the product is shifted that as many bits are left as places have. */
  private shift: number;
  /** How many keys are there. */
  size = 0;

  /** `capacity`: places at first, a power of two; there are more when half of them are taken. */
  constructor(capacity = CAPACITY_AT_FIRST) {
    this.keys = new Float64Array(capacity);
    this.values = new Int32Array(capacity);
    this.shift = Math.clz32(capacity) + 1;
  }

  /** The value of this key, or -1. */
  get(key: number): number {
    const place = this.placeOf(key);
    return this.keys[place] === key && key !== NO_KEY ? this.values[place]! : -1;
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

  /** Where a key belongs, unless others lie there. */
  homeOf(key: number): number {
    const both = (key | 0) ^ ((key / TWO_32) | 0);
    const mixed = Math.imul(both ^ (both >>> 16), MIXER);
    return Math.imul(mixed ^ (mixed >>> 13), GOLDEN) >>> this.shift;
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Float64Array(keys.length * 2);
    this.values = new Int32Array(keys.length * 2);
    this.shift--;
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] === NO_KEY) continue;
      const place = this.placeOf(keys[at]!);
      this.keys[place] = keys[at]!;
      this.values[place] = values[at]!;
    }
  }
}
