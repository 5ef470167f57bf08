/**
 * The key of a server transaction → its slot. RFC 3261 §17.2.3.
 * A chained hash over integers; the keys' bytes lie in a slab, so that a hundred thousand of them cost the
 * collector nothing. The hash is seeded: a stranger cannot choose branches that fall into one chain.
 */
import { hash } from 'node:crypto';
import { NO_TEXT, Slab } from '../base/slab.ts';
import type { TransactionKey } from './key.ts';

const NONE = -1;
const SP = 32;
const KEY_BYTES_MAX = 64 * 1024 * 1024;
/** A longer key is kept as its hash: a stranger fills the table by the number of his requests, not by their length. */
export const KEY_LENGTH_MAX = 256;
const MASK = (1 << 17) - 1;
/** The numbers of an entry: the slot behind it in its chain, its hash, where its key lies; one is empty. */
const NEXT = 0;
const HASH = 1;
const KEY = 2;
const ENTRY = 4;

/** Keys of the server transactions that live. */
export class KeyTable {
  private readonly heads = new Int32Array(MASK + 1).fill(NONE);
  /** What is kept of a slot lies together, in one line of the processor's cache. */
  private entries = new Int32Array(1024 * ENTRY);
  private readonly slab = new Slab(KEY_BYTES_MAX);
  private readonly seed: number;
  /** Where the bytes of a key are put together. */
  private readonly bytes = new Uint8Array(KEY_LENGTH_MAX);

  /** Bytes of memory in use for keys. */
  get bytesUsed(): number {
    return this.slab.bytesUsed;
  }

  constructor(seed: number) {
    this.seed = seed | 1;
  }

  /** The slot put in under this key, or -1. */
  find(key: TransactionKey): number {
    const { entries } = this;
    const hash = this.hash(key);
    let length = -1;
    for (let slot = this.heads[hash & MASK]!; slot !== NONE; slot = entries[slot * ENTRY + NEXT]!) {
      if (entries[slot * ENTRY + HASH] !== hash) continue;
      if (length < 0) length = write(key, this.bytes);
      if (this.slab.holds(entries[slot * ENTRY + KEY]!, this.bytes, length)) return slot;
    }
    return NONE;
  }

  /** False when there is no room for the key. */
  add(key: TransactionKey, slot: number): boolean {
    const kept = this.slab.putBytes(this.bytes, write(key, this.bytes));
    if (kept === NO_TEXT) return false;
    const at = slot * ENTRY;
    if (at >= this.entries.length) this.grow(at + ENTRY);
    const hash = this.hash(key);
    this.entries[at + NEXT] = this.heads[hash & MASK]!;
    this.entries[at + HASH] = hash;
    this.entries[at + KEY] = kept;
    this.heads[hash & MASK] = slot;
    return true;
  }

  remove(slot: number): void {
    const { entries, heads } = this;
    const at = slot * ENTRY;
    this.slab.free(entries[at + KEY]!);
    entries[at + KEY] = NO_TEXT;
    const head = entries[at + HASH]! & MASK;
    if (heads[head] === slot) {
      heads[head] = entries[at + NEXT]!;
      return;
    }
    let before = heads[head]! * ENTRY;
    while (entries[before + NEXT] !== slot) before = entries[before + NEXT]! * ENTRY;
    entries[before + NEXT] = entries[at + NEXT]!;
  }

  private grow(least: number): void {
    const larger = new Int32Array(Math.max(this.entries.length * 2, least));
    larger.set(this.entries);
    this.entries = larger;
  }

  private hash(key: TransactionKey): number {
    if (key.hash !== undefined) return key.hash;
    let hash = hashRange(this.seed ^ key.method.length, key.text, key.from, key.to);
    hash = hashRange(hash, key.text, key.hostFrom, key.hostTo);
    return (key.hash = hash ^ (hash >>> 15));
  }
}

function hashRange(seed: number, text: string, from: number, to: number): number {
  let hash = seed;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Method, branch and sent-by with a space between, or a hash of them; answers how many bytes that is. */
function write({ method, text, from, to, hostFrom, hostTo }: TransactionKey, bytes: Uint8Array): number {
  if (method.length + 1 + (to - from) + 1 + (hostTo - hostFrom) > bytes.length) {
    const whole = `${method} ${text.substring(from, to)} ${text.substring(hostFrom, hostTo)}`;
    const digest = hash('sha256', Buffer.from(whole, 'latin1'));
    return writeRange(digest, 0, digest.length, bytes, 0);
  }
  let at = writeRange(method, 0, method.length, bytes, 0);
  bytes[at++] = SP;
  at = writeRange(text, from, to, bytes, at);
  bytes[at++] = SP;
  return writeRange(text, hostFrom, hostTo, bytes, at);
}

function writeRange(text: string, from: number, to: number, bytes: Uint8Array, at: number): number {
  for (let i = from; i < to; i++) bytes[at + i - from] = text.charCodeAt(i);
  return at + to - from;
}
