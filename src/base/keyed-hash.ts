/**
 * HalfSipHash-1-3 of a latin1 text: who does not know the key can neither choose texts that fall on one place of a
 * hash table nor make the mark of a text.
 */

/** One key, made into a hash function. */
export class KeyedHash {
  private readonly key0: number;
  private readonly key1: number;
  /** What is hashed, and up to four bytes more; the machine's words begin with their lowest byte. */
  private words = new Int32Array(128);
  private bytes = new Uint8Array(this.words.buffer);
  private writer = Buffer.from(this.words.buffer);
  private length = 0;

  /** Of the key the first eight bytes are used. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 8);
    this.key0 = view.getInt32(0, true);
    this.key1 = view.getInt32(4, true);
  }

  /** The second half of what `wide` answered last; read at once by its caller. */
  high = 0;

  /** A signed 32-bit number. */
  of(text: string): number {
    this.begin();
    this.add(text);
    return this.sum();
  }

  /** 64 bits for little more than 32: the lower half, a signed number; the other one is left in `high`. */
  wide(text: string): number {
    this.begin();
    this.add(text);
    return this.wideSum();
  }

  // ─── a text in pieces: nobody has to make one of them ─────────────────────────────────────────

  begin(): void {
    this.length = 0;
  }

  add(piece: string): void {
    const { length } = piece;
    this.makeRoom(length);
    const { bytes } = this;
    if (length > SHORT) this.writer.latin1Write(piece, this.length, length);
    else for (let i = 0, at = this.length; i < length; i++) bytes[at++] = piece.charCodeAt(i);
    this.length += length;
  }

  /** A range of bytes that stand elsewhere. */
  addBytes(from: Uint8Array, start: number, end: number): void {
    this.makeRoom(end - start);
    const { bytes } = this;
    for (let i = start, at = this.length; i < end; i++) bytes[at++] = from[i]!;
    this.length += end - start;
  }

  /** As `of` of all pieces. */
  sum(): number {
    return this.rounds(false);
  }

  /** As `wide` of all pieces. */
  wideSum(): number {
    return this.rounds(true);
  }

  private rounds(isWide: boolean): number {
    const last = this.close();
    const { words } = this;
    const end = last + 1 + FINAL_ROUNDS;
    const steps = isWide ? end + FINAL_ROUNDS : end;
    let low = 0;
    let v0 = this.key0;
    let v1 = isWide ? this.key1 ^ 0xee : this.key1;
    let v2 = 0x6c796765 ^ this.key0;
    let v3 = 0x74656462 ^ this.key1;
    for (let step = 0; step < steps; step++) {
      const word = step <= last ? words[step]! : 0;
      if (step === last + 1) v2 ^= isWide ? 0xee : 0xff;
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
    if (!isWide) return v1 ^ v3;
    this.high = v1 ^ v3;
    return low;
  }

  /** Makes the last word: the zero to three bytes that fill none, and the length. Answers its place. */
  private close(): number {
    const { bytes, length } = this;
    const end = length | 3;
    for (let at = length; at < end; at++) bytes[at] = 0;
    bytes[end] = length;
    return length >> 2;
  }

  private makeRoom(more: number): void {
    const needed = this.length + more + 4;
    if (needed <= this.bytes.length) return;
    const old = this.bytes;
    this.words = new Int32Array(needed); // Four times as much as is needed.
    this.bytes = new Uint8Array(this.words.buffer);
    this.writer = Buffer.from(this.words.buffer);
    this.bytes.set(old);
  }
}

const FINAL_ROUNDS = 3;
/** Up to here a piece is copied faster than Node is asked to. */
const SHORT = 20;
