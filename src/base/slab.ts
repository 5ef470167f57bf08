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

  take(): number {
    if (this.freeCount > 0) return this.free[--this.freeCount]!;
    if (this.slots === this.chunks.length * SLOTS_PER_CHUNK) this.grow();
    return this.slots++;
  }

  giveBack(slot: number): void {
    if (this.freeCount === this.free.length) this.free = doubled(this.free);
    this.free[this.freeCount++] = slot;
    this.lengths[slot] = 0;
  }

  private grow(): void {
    this.chunks.push(Buffer.from(new ArrayBuffer(this.slotBytes * SLOTS_PER_CHUNK)));
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
    let size = 0;
    while (size < SLOT_BYTES.length && SLOT_BYTES[size]! < text.length) size++;
    const kept = this.classes[size];
    if (kept === undefined || this.bytesUsed + kept.slotBytes > this.bytesMax) return NO_TEXT;
    const slot = kept.take();
    this.bytesUsed += kept.slotBytes;
    const chunk = kept.chunks[(slot / SLOTS_PER_CHUNK) | 0]!;
    kept.lengths[slot] = chunk.latin1Write(text, (slot % SLOTS_PER_CHUNK) * kept.slotBytes, kept.slotBytes);
    return ((size + 1) << SLOT_BITS) | slot;
  }

  get(handle: number): string {
    assert(handle !== NO_TEXT, 'a text is kept under this handle');
    const kept = this.classes[(handle >>> SLOT_BITS) - 1]!;
    const slot = handle & SLOT_MASK;
    const at = (slot % SLOTS_PER_CHUNK) * kept.slotBytes;
    return kept.chunks[(slot / SLOTS_PER_CHUNK) | 0]!.latin1Slice(at, at + kept.lengths[slot]!);
  }

  /** Whether the text under this handle is this one; nothing is copied. */
  holds(handle: number, text: string): boolean {
    const kept = this.classes[(handle >>> SLOT_BITS) - 1]!;
    const slot = handle & SLOT_MASK;
    if (kept.lengths[slot] !== text.length) return false;
    const chunk = kept.chunks[(slot / SLOTS_PER_CHUNK) | 0]!;
    const at = (slot % SLOTS_PER_CHUNK) * kept.slotBytes;
    for (let i = 0; i < text.length; i++) if (chunk[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Gives the slot back. NO_TEXT is allowed and means nothing. */
  free(handle: number): void {
    if (handle === NO_TEXT) return;
    const kept = this.classes[(handle >>> SLOT_BITS) - 1]!;
    kept.giveBack(handle & SLOT_MASK);
    this.bytesUsed -= kept.slotBytes;
  }
}
