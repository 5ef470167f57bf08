import type { Kernel } from './kernel.ts';

const WORD_RANGE = 2 ** 32;

/**
 * Memory the kernel is told of by address. Its owner keeps it for as long as the kernel may look at it.
 * Addresses of user space are below 2^53, so they are computed as numbers and cost no BigInt each.
 */
export class Region {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly address: number;
  readonly pointer: bigint;

  constructor(kernel: Kernel, size: number) {
    const memory = new ArrayBuffer(size);
    this.bytes = Buffer.from(memory);
    this.words = new Int32Array(memory);
    this.pointer = kernel.addressOf(memory);
    this.address = Number(this.pointer);
  }

  writeAddress(word: number, address: number): void {
    this.words[word] = address | 0;
    this.words[word + 1] = (address / WORD_RANGE) | 0;
  }
}
