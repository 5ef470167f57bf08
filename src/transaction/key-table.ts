/**
 * The key of a server transaction → its slot. RFC 3261 §17.2.3.
 * A chained hash over integers; the keys' bytes lie in a slab, so that a hundred thousand of them cost the
 * collector nothing. The hash is seeded: a stranger cannot choose branches that fall into one chain.
 */
import { hash } from 'node:crypto';
import { NO_TEXT, Slab } from '../base/slab.ts';
import type { TransactionKey } from './key.ts';

const NONE = -1;
const KEY_BYTES_MAX = 64 * 1024 * 1024;
/** A longer key is kept as its hash: a stranger fills the table by the number of his requests, not by their length. */
export const KEY_LENGTH_MAX = 256;
const MASK = (1 << 17) - 1;

/** Keys of the server transactions that live. */
export class KeyTable {
  private readonly heads = new Int32Array(MASK + 1).fill(NONE);
  private next = new Int32Array(1024);
  private hashes = new Int32Array(1024);
  private keys = new Int32Array(1024);
  private readonly slab = new Slab(KEY_BYTES_MAX);
  private readonly seed: number;

  /** Bytes of memory in use for keys. */
  get bytesUsed(): number {
    return this.slab.bytesUsed;
  }

  constructor(seed: number) {
    this.seed = seed | 1;
  }

  /** The slot put in under this key, or -1. */
  find(key: TransactionKey): number {
    const hash = this.hash(key);
    for (let slot = this.heads[hash & MASK]!; slot !== NONE; slot = this.next[slot]!) {
      if (this.hashes[slot] === hash && this.isAt(slot, key)) return slot;
    }
    return NONE;
  }

  /** False when there is no room for the key. */
  add(key: TransactionKey, slot: number): boolean {
    const kept = this.slab.put(bytesOf(key));
    if (kept === NO_TEXT) return false;
    if (slot >= this.next.length) this.grow(slot);
    const hash = this.hash(key);
    this.hashes[slot] = hash;
    this.keys[slot] = kept;
    this.next[slot] = this.heads[hash & MASK]!;
    this.heads[hash & MASK] = slot;
    return true;
  }

  remove(slot: number): void {
    this.slab.free(this.keys[slot]!);
    this.keys[slot] = NO_TEXT;
    const at = this.hashes[slot]! & MASK;
    if (this.heads[at] === slot) {
      this.heads[at] = this.next[slot]!;
      return;
    }
    let before = this.heads[at]!;
    while (this.next[before] !== slot) before = this.next[before]!;
    this.next[before] = this.next[slot]!;
  }

  private isAt(slot: number, key: TransactionKey): boolean {
    return this.slab.holds(this.keys[slot]!, bytesOf(key));
  }

  private grow(slot: number): void {
    const size = Math.max(this.next.length * 2, slot + 1);
    this.next = grown(this.next, size);
    this.hashes = grown(this.hashes, size);
    this.keys = grown(this.keys, size);
  }

  private hash(key: TransactionKey): number {
    const { text } = key;
    let hash = this.seed ^ key.method.length;
    for (let i = key.from; i < key.to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    for (let i = key.hostFrom; i < key.hostTo; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return hash ^ (hash >>> 15);
  }
}

/** Only made when a transaction is opened, or when the hashes are equal. */
function bytesOf(key: TransactionKey): string {
  const { method, text } = key;
  const whole = `${method} ${text.substring(key.from, key.to)} ${text.substring(key.hostFrom, key.hostTo)}`;
  return whole.length <= KEY_LENGTH_MAX ? whole : hash('sha256', Buffer.from(whole, 'latin1'));
}

function grown(old: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size);
  larger.set(old);
  return larger;
}
