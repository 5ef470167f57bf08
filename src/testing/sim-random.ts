/** Chance under a seed: sfc32, a small generator that passes PractRand. Never for secrets. */
import { assert } from '../base/assert.ts';
import type { Random } from '../base/world.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const BITS_A_LETTER = Math.log2(LETTERS.length);
const WARM_UP_ROUNDS = 15;

/** A generator of its own for each host and for the network, so that one does not shift the others. */
export class SimRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** The same seed and name give the same run of numbers; another name gives another run. */
  constructor(seed: number, name = '') {
    this.a = hash(seed | 0, name);
    this.b = hash(this.a, 'b');
    this.c = hash(this.b, 'c');
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.next();
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next() & 255);
  }

  token(bits: number): string {
    let text = '';
    for (let have = 0; have < bits; have += BITS_A_LETTER) text += LETTERS[this.below(LETTERS.length)];
    return text;
  }

  below(limit: number): number {
    assert(limit >= 1 && limit <= 2 ** 32, 'a limit from 1 to 2^32');
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** True in `probability` of all cases. Takes a number only when both outcomes are possible. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.next() / 2 ** 32 < probability;
  }

  private next(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** FNV-1a over the name, begun with the seed. */
function hash(seed: number, name: string): number {
  let value = Math.imul(seed ^ 0x811c9dc5, 0x01000193);
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  return (value ^ (value >>> 15)) | 0;
}
