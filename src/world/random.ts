import { randomBytes, randomFillSync } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { Random } from '../base/world.ts';
import { limits } from './limits.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS_PER_LETTER = 5;
const INTEGERS = 2 ** 32;
/** Below this all integers are signed ones of 32 bits. */
const SMALL = 2 ** 31;

/** Chance from the operating system, fetched by the pool: a token must be cheap. */
export class PooledRandom implements Random {
  private readonly pool = Buffer.alloc(limits.randomPoolBytes);
  private used: number = limits.randomPoolBytes;
  /** A second pool, already turned into letters. */
  private readonly letters = Buffer.alloc(limits.randomPoolBytes);
  private lettersUsed: number = limits.randomPoolBytes;

  bytes(count: number): Uint8Array {
    if (count > limits.randomPoolBytes) return new Uint8Array(randomBytes(count));
    const at = this.take(count);
    return new Uint8Array(this.pool.subarray(at, at + count));
  }

  token(bits: number): string {
    const length = Math.ceil(bits / BITS_PER_LETTER);
    assert(length <= limits.randomPoolBytes, 'a token is no longer than the pool of letters');
    if (this.lettersUsed + length > this.letters.length) this.refillLetters();
    const at = this.lettersUsed;
    this.lettersUsed += length;
    // A copy and no slice of one long string, which every token would keep alive.
    return this.letters.latin1Slice(at, at + length);
  }

  below(limit: number): number {
    assert(Number.isInteger(limit) && limit >= 1 && limit <= INTEGERS, 'a limit from 1 to 2^32');
    // The last, incomplete round of remainders would favour the small ones.
    const fair = INTEGERS - (INTEGERS % limit);
    for (;;) {
      const value = this.pool.readUInt32LE(this.take(4));
      // The remainder of what came out of a pool is a double, and slows down every object that holds it.
      if (value < fair) return limit > SMALL ? value % limit : (value % limit) | 0;
    }
  }

  private take(count: number): number {
    if (this.used + count > this.pool.length) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const at = this.used;
    this.used += count;
    return at;
  }

  private refillLetters(): void {
    randomFillSync(this.letters);
    for (let i = 0; i < this.letters.length; i++) {
      this.letters[i] = LETTERS.charCodeAt(this.letters[i]! & (LETTERS.length - 1));
    }
    this.lettersUsed = 0;
  }
}
