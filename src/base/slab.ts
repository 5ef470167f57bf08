/**
 * Texts that outlive a tick, kept off the JavaScript heap: the collector neither copies nor scans them.
 *
 *   handle = size class (4 bits) | slot (27 bits)
 *   class  ┌ chunk 0 ──────────────┬ chunk 1 ───── …    256 slots a chunk, a Buffer each
 *          │ slot │ slot │ …       │
 *          └──────────────────────┘
 *
 * The slot freed last is used first, so the memory in use stays small and warm.
 */
import { assert } from './assert.ts';
import { offHeap } from './off-heap.ts';

const SLOT_BYTES = [64, 128, 256, 512, 768, 1024, 1536, 2048, 4096, 8192, 16384, 65536] as const;
const SLOTS_PER_CHUNK = 256;
const SLOT_BITS = 27;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

/** No text: what `put` answers when the slab is full, and what an empty field holds. */
export const NO_TEXT = 0;

class SizeClass {
  readonly slotBytes: number;
  readonly chunks: Buffer[] = [];
  lengths = new Int32Array(SLOTS_PER_CHUNK);
  free: Int32Array = new Int32Array(SLOTS_PER_CHUNK);
  freeCount = 0;
  slots = 0;

  constructor(slotBytes: number) {
    this.slotBytes = slotBytes;
  }

  /** A slot for so many bytes. */
  take(length: number): number {
    if (this.freeCount === 0 && this.slots === this.chunks.length * SLOTS_PER_CHUNK) this.grow();
    const slot = this.freeCount > 0 ? this.free[--this.freeCount]! : this.slots++;
    this.lengths[slot] = length;
    return slot;
  }

  giveBack(slot: number): void {
    if (this.freeCount === this.free.length) this.free = doubled(this.free);
    this.free[this.freeCount++] = slot;
  }

  chunkOf(slot: number): Buffer {
    return this.chunks[(slot / SLOTS_PER_CHUNK) | 0]!;
  }

  /** Where a slot begins in its chunk. */
  startOf(slot: number): number {
    return (slot % SLOTS_PER_CHUNK) * this.slotBytes;
  }

  private grow(): void {
    this.chunks.push(offHeap(this.slotBytes * SLOTS_PER_CHUNK));
    if (this.slots === this.lengths.length) this.lengths = doubled(this.lengths);
  }
}

function doubled(old: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(old.length * 2);
  grown.set(old);
  return grown;
}

/** Texts under handles, at most so many bytes of them. */
export class Slab {
  private readonly classes = SLOT_BYTES.map((bytes) => new SizeClass(bytes));
  private readonly bytesMax: number;
  /** Bytes of slots in use. */
  bytesUsed = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Copies a latin1 text in; NO_TEXT when the slab is full or the text longer than 65,536 bytes. */
  put(text: string): number {
    const size = this.sizeFor(text.length);
    if (size < 0) return NO_TEXT;
    const kept = this.classes[size]!;
    const slot = kept.take(text.length);
    kept.chunkOf(slot).latin1Write(text, kept.startOf(slot), kept.slotBytes);
    return ((size + 1) << SLOT_BITS) | slot;
  }

  /** The same of the first bytes of a buffer: faster than `put`, which leaves JavaScript, as long as they are few. */
  putBytes(bytes: Uint8Array, length: number): number {
    const size = this.sizeFor(length);
    if (size < 0) return NO_TEXT;
    const kept = this.classes[size]!;
    const slot = kept.take(length);
    const chunk = kept.chunkOf(slot);
    const at = kept.startOf(slot);
    for (let i = 0; i < length; i++) chunk[at + i] = bytes[i]!;
    return ((size + 1) << SLOT_BITS) | slot;
  }

  get(handle: number): string {
    assert(handle !== NO_TEXT, 'a text is kept under this handle');
    const kept = this.classOf(handle);
    const slot = handle & SLOT_MASK;
    const at = kept.startOf(slot);
    return kept.chunkOf(slot).latin1Slice(at, at + kept.lengths[slot]!);
  }

  /** Whether these bytes are kept under this handle; nothing is copied. */
  holds(handle: number, bytes: Uint8Array, length: number): boolean {
    const kept = this.classOf(handle);
    const slot = handle & SLOT_MASK;
    if (kept.lengths[slot] !== length) return false;
    const chunk = kept.chunkOf(slot);
    const at = kept.startOf(slot);
    for (let i = 0; i < length; i++) if (chunk[at + i] !== bytes[i]) return false;
    return true;
  }

  /** Gives the slot back. NO_TEXT is allowed and means nothing. */
  free(handle: number): void {
    if (handle === NO_TEXT) return;
    const kept = this.classOf(handle);
    kept.giveBack(handle & SLOT_MASK);
    this.bytesUsed -= kept.slotBytes;
  }

  /** The class of slots that one of so many bytes is taken from now; -1 when there is none. */
  private sizeFor(length: number): number {
    let size = 0;
    while (size < SLOT_BYTES.length && SLOT_BYTES[size]! < length) size++;
    if (size === SLOT_BYTES.length || this.bytesUsed + SLOT_BYTES[size]! > this.bytesMax) return -1;
    this.bytesUsed += SLOT_BYTES[size]!;
    return size;
  }

  private classOf(handle: number): SizeClass {
    return this.classes[(handle >>> SLOT_BITS) - 1]!;
  }
}
