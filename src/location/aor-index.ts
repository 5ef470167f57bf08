import { assert } from '../base/assert.ts';

/**
 * Hash → row, open addressing with linear probing, nothing on the JavaScript heap but 256 arrays.
 *
 *   hash  ┌ shard: 8 bits ┬ place in the shard: the low bits ┐
 *
 * Each shard grows alone when three quarters full: at a million rows the longest stop is that of 4,000.
 */
export class AorIndex {
  /** The hash of every row, kept by the table. */
  private readonly hashes: Int32Array;
  /** Row + 1; 0 is an empty place. */
  private readonly shards: Int32Array[];
  private readonly counts = new Int32Array(SHARDS);

  constructor(hashes: Int32Array) {
    this.hashes = hashes;
    this.shards = Array.from({ length: SHARDS }, () => new Int32Array(SHARD_PLACES_MIN));
  }

  /** The first (n = 0), second … row with exactly this hash; -1 when there are no more. */
  nth(hash: number, n: number): number {
    const shard = this.shards[hash >>> 24]!;
    const mask = shard.length - 1;
    let left = n;
    for (let at = hash & mask; shard[at] !== 0; at = (at + 1) & mask) {
      const row = shard[at]! - 1;
      if (this.hashes[row] === hash && left-- === 0) return row;
    }
    return -1;
  }

  add(hash: number, row: number): void {
    const number = hash >>> 24;
    const count = ++this.counts[number]!;
    if (count * 4 > this.shards[number]!.length * 3) this.shards[number] = this.grown(this.shards[number]!);
    place(this.shards[number]!, hash, row);
  }

  /** Another row stands for the same name. */
  replace(hash: number, row: number, by: number): void {
    this.shards[hash >>> 24]![this.placeOf(hash, row)] = by + 1;
  }

  /** Moves back what stands behind the hole, so that no probe ends early. */
  remove(hash: number, row: number): void {
    const shard = this.shards[hash >>> 24]!;
    const mask = shard.length - 1;
    let hole = this.placeOf(hash, row);
    this.counts[hash >>> 24]!--;
    for (let at = (hole + 1) & mask; shard[at] !== 0; at = (at + 1) & mask) {
      const home = this.hashes[shard[at]! - 1]! & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      shard[hole] = shard[at]!;
      hole = at;
    }
    shard[hole] = 0;
  }

  private placeOf(hash: number, row: number): number {
    const shard = this.shards[hash >>> 24]!;
    const mask = shard.length - 1;
    let at = hash & mask;
    while (shard[at] !== row + 1) {
      assert(shard[at] !== 0, 'the row stands in the index');
      at = (at + 1) & mask;
    }
    return at;
  }

  private grown(old: Int32Array): Int32Array {
    const shard = new Int32Array(old.length * 2);
    for (const kept of old) if (kept !== 0) place(shard, this.hashes[kept - 1]!, kept - 1);
    return shard;
  }
}

const SHARDS = 256;
const SHARD_PLACES_MIN = 16;

function place(shard: Int32Array, hash: number, row: number): void {
  const mask = shard.length - 1;
  let at = hash & mask;
  while (shard[at] !== 0) at = (at + 1) & mask;
  shard[at] = row + 1;
}
