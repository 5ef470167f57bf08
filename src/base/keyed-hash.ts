/**
 * HalfSipHash-1-3 of a latin1 text: who does not know the key can neither choose texts that fall on one place of a
 * hash table nor make the mark of a text.
 */

/** One key, made into a hash function. */
export class KeyedHash {
  private readonly key0: number;
  private readonly key1: number;

  /** Of the key the first eight bytes are used. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 8);
    this.key0 = view.getInt32(0, true);
    this.key1 = view.getInt32(4, true);
  }

  /** The second half of what `wide` answered last; read at once by its caller. */
  high = 0;

  /** 64 bits for little more than 32: the lower half, a signed number; the other one is left in `high`. */
  wide(text: string): number {
    const length = text.length;
    const words = length >> 2;
    const end = words + 1 + FINAL_ROUNDS;
    let low = 0;
    let v0 = this.key0;
    let v1 = this.key1 ^ 0xee;
    let v2 = 0x6c796765 ^ this.key0;
    let v3 = 0x74656462 ^ this.key1;
    for (let step = 0; step < end + FINAL_ROUNDS; step++) {
      const word = step < words ? wordAt(text, step << 2) : step === words ? lastWord(text, length) : 0;
      if (step === words + 1) v2 ^= 0xee;
      if (step === end) {
        low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    this.high = v1 ^ v3;
    return low;
  }

  /** A signed 32-bit number. */
  of(text: string): number {
    const length = text.length;
    const words = length >> 2;
    const end = words + 1 + FINAL_ROUNDS;
    let v0 = this.key0;
    let v1 = this.key1;
    let v2 = 0x6c796765 ^ this.key0;
    let v3 = 0x74656462 ^ this.key1;
    for (let step = 0; step < end; step++) {
      const word = step < words ? wordAt(text, step << 2) : step === words ? lastWord(text, length) : 0;
      if (step === words + 1) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}

const FINAL_ROUNDS = 3;

function wordAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** The length and the zero to three characters that fill no word. */
function lastWord(text: string, length: number): number {
  let word = length << 24;
  for (let at = length & ~3, shift = 0; at < length; at++, shift += 8) word |= text.charCodeAt(at) << shift;
  return word;
}
