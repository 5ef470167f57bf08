/**
 * All bindings, packed: numbers in columns, texts in one slab slot a binding, no object a binding on the
 * JavaScript heap, so the collector has nothing to scan or move.
 *
 *   index: hash of the AOR ─▶ row ─next─▶ row ─▶ -1      the bindings of one AOR
 *   row:   hash · next · text · expiresAt · cseq · q · order · methods · bound
 *   text:  AOR ␊ URI ␊ Call-ID ␊ User-Agent ␊ params [␊ received ␊ path ␊ socket]
 *
 * The columns are as long as the limit says from the start. The operating system gives memory to the pages
 * that are touched, so unused rows cost nothing and no growth ever stops the loop.
 */
import { assert } from '../base/assert.ts';
import { NO_TEXT, Slab } from '../base/slab.ts';
import type { Millis, Random } from '../base/world.ts';
import { AorIndex } from './aor-index.ts';
import { Contact, type ContactParts } from './contact.ts';
import { KeyedHash } from '../base/keyed-hash.ts';

/** No row: what `first`, `next` and `put` answer when there is none. */
export const NO_ROW = -1;

/** The longest text of a binding: the slab has room for one of these in every row, so it is never full first. */
export const BINDING_TEXT_MAX = 4096;

/** Bindings, packed; a row number names one. */
export class LocationTable {
  private readonly hash: KeyedHash;
  private readonly slab: Slab;
  private readonly index: AorIndex;
  private readonly hashes: Int32Array;
  private readonly nexts: Int32Array;
  private readonly texts: Int32Array;
  private readonly cseqs: Int32Array;
  private readonly orders: Int32Array;
  private readonly expiries: Float64Array;
  private readonly qs: Int16Array;
  /** One more than the mask, so that 0 says that there is none. */
  private readonly methods: Uint16Array;
  private readonly bounds: Uint8Array;
  private freeRow = NO_ROW;
  private rowsUsed = 0;
  private changes = 0;
  private cursor = 0;
  /** The text read last: a REGISTER asks for the same one several times. */
  private readRow = NO_ROW;
  private readText = '';
  /** And for the hash of one name. */
  private hashedAor = '';
  private hashedTo: number;
  /** Bindings, the expired ones that no sweep has met yet included. */
  count = 0;
  /** Addresses-of-record that have at least one. */
  aors = 0;

  constructor(random: Random, bindingsMax: number) {
    this.hash = new KeyedHash(random.bytes(8));
    this.hashedTo = this.hash.of(this.hashedAor);
    this.slab = new Slab(bindingsMax * BINDING_TEXT_MAX);
    this.hashes = new Int32Array(bindingsMax);
    this.nexts = new Int32Array(bindingsMax);
    this.texts = new Int32Array(bindingsMax);
    this.cseqs = new Int32Array(bindingsMax);
    this.orders = new Int32Array(bindingsMax);
    this.expiries = new Float64Array(bindingsMax);
    this.qs = new Int16Array(bindingsMax);
    this.methods = new Uint16Array(bindingsMax);
    this.bounds = new Uint8Array(bindingsMax);
    this.index = new AorIndex(this.hashes);
  }

  /** The first row of an AOR, or NO_ROW. */
  first(aor: string): number {
    return this.firstOf(aor, this.hashOf(aor));
  }

  /** The row after this one of the same AOR, or NO_ROW. */
  next(row: number): number {
    return this.nexts[row]!;
  }

  expiresAt(row: number): number {
    return this.expiries[row]!;
  }

  contact(row: number): Contact {
    const methods = this.methods[row]!;
    return unpack(this.textOf(row), {
      expiresAt: this.expiries[row]!,
      cseq: this.cseqs[row]!,
      q: this.qs[row]! / 1000,
      methods: methods === 0 ? undefined : methods - 1,
    });
  }

  /** When it was changed last: the higher, the later. */
  order(row: number): number {
    return this.orders[row]!;
  }

  /** Rows that were ever in use: those before it may hold a binding. */
  get rows(): number {
    return this.rowsUsed;
  }

  /** Whether the row holds a binding that is reached by its flow. */
  isBound(row: number): boolean {
    return this.bounds[row] === 1;
  }

  /** Of two rows, whether `a` comes first: the higher q, then the later change. */
  isBefore(a: number, b: number): boolean {
    const q = this.qs[a]! - this.qs[b]!;
    return q === 0 ? ((this.orders[a]! - this.orders[b]!) | 0) > 0 : q > 0;
  }

  /** Adds a binding: its row, or NO_ROW when the table is full. */
  put(contact: Contact): number {
    if (this.freeRow === NO_ROW && this.rowsUsed === this.hashes.length) return NO_ROW;
    const row = this.takeRow();
    const text = this.keep(pack(contact));
    const hash = this.hashOf(contact.aor);
    const first = this.firstOf(contact.aor, hash);
    this.hashes[row] = hash;
    this.texts[row] = text;
    this.nexts[row] = first;
    if (first === NO_ROW) {
      this.index.add(hash, row);
      this.aors++;
    } else this.index.replace(hash, first, row);
    this.count++;
    this.setNumbers(row, contact);
    return row;
  }

  /** Replaces a binding in its row, by one of the same AOR. */
  update(row: number, contact: Contact): void {
    const text = pack(contact);
    if (this.textOf(row) !== text) {
      this.slab.free(this.texts[row]!);
      this.texts[row] = this.keep(text);
      this.readRow = NO_ROW;
    }
    this.setNumbers(row, contact);
  }

  /** It lives until then at least; nothing else of it changes. */
  stay(row: number, until: Millis): void {
    if (this.expiries[row]! < until) this.expiries[row] = until;
  }

  remove(row: number): void {
    assert(this.texts[row] !== NO_TEXT, 'the row holds a binding');
    this.unchain(row);
    this.readRow = NO_ROW;
    this.slab.free(this.texts[row]!);
    this.texts[row] = NO_TEXT;
    this.bounds[row] = 0;
    this.expiries[row] = Infinity;
    this.nexts[row] = this.freeRow;
    this.freeRow = row;
    this.count--;
  }

  /**
   * Calls `found` for the bindings that are over among the next `rowsMax` rows, for `foundMax` of them at most;
   * the next call goes on from there. `found` may remove its row.
   */
  sweep(now: number, rowsMax: number, foundMax: number, found: (row: number) => void): void {
    let left = foundMax;
    for (let steps = Math.min(rowsMax, this.rowsUsed); steps > 0 && left > 0; steps--) {
      if (this.cursor >= this.rowsUsed) this.cursor = 0;
      const row = this.cursor++;
      if (this.expiries[row]! > now) continue;
      left--;
      found(row);
    }
  }

  /** The first row from `from` on that holds a binding, or NO_ROW. */
  rowFrom(from: number): number {
    for (let row = from; row < this.rowsUsed; row++) if (this.texts[row] !== NO_TEXT) return row;
    return NO_ROW;
  }

  private hashOf(aor: string): number {
    if (aor !== this.hashedAor) {
      this.hashedTo = this.hash.of(aor);
      this.hashedAor = aor;
    }
    return this.hashedTo;
  }

  private firstOf(aor: string, hash: number): number {
    for (let n = 0; ; n++) {
      const row = this.index.nth(hash, n);
      if (row === NO_ROW || beginsWith(this.textOf(row), aor)) return row;
    }
  }

  private textOf(row: number): string {
    if (row !== this.readRow) {
      this.readText = this.slab.get(this.texts[row]!);
      this.readRow = row;
    }
    return this.readText;
  }

  private keep(text: string): number {
    assert(text.length <= BINDING_TEXT_MAX, `a binding has at most ${BINDING_TEXT_MAX} characters`);
    return this.slab.put(text);
  }

  private takeRow(): number {
    const row = this.freeRow;
    if (row === NO_ROW) return this.rowsUsed++;
    this.freeRow = this.nexts[row]!;
    return row;
  }

  private setNumbers(row: number, contact: Contact): void {
    this.expiries[row] = contact.expiresAt;
    this.cseqs[row] = contact.cseq;
    this.qs[row] = Math.round(contact.q * 1000);
    this.orders[row] = ++this.changes;
    this.methods[row] = contact.methods === undefined ? 0 : contact.methods + 1;
    this.bounds[row] = contact.bound ? 1 : 0;
  }

  private unchain(row: number): void {
    const hash = this.hashes[row]!;
    const text = this.textOf(row);
    const first = this.firstOf(text.substring(0, text.indexOf(SEPARATOR)), hash);
    const next = this.nexts[row]!;
    if (first !== row) {
      let before = first;
      while (this.nexts[before] !== row) before = this.nexts[before]!;
      this.nexts[before] = next;
    } else if (next !== NO_ROW) this.index.replace(hash, row, next);
    else {
      this.index.remove(hash, row);
      this.aors--;
    }
  }
}

/** Header values are unfolded, so none holds a line feed. */
const SEPARATOR = '\n';

function pack(contact: Contact): string {
  const { aor, uriText, callId, userAgent, params, received, path, socket } = contact;
  const usual = `${aor}\n${uriText}\n${callId}\n${userAgent}\n${params}`;
  if (received === undefined && path === undefined) return usual;
  return `${usual}\n${received ?? ''}\n${path ?? ''}\n${socket ?? ''}`;
}

type Numbers = Pick<ContactParts, 'expiresAt' | 'cseq' | 'q' | 'methods'>;

function unpack(text: string, { expiresAt, cseq, q, methods }: Numbers): Contact {
  const afterAor = text.indexOf(SEPARATOR);
  const afterUri = text.indexOf(SEPARATOR, afterAor + 1);
  const afterCallId = text.indexOf(SEPARATOR, afterUri + 1);
  const afterAgent = text.indexOf(SEPARATOR, afterCallId + 1);
  const afterParams = text.indexOf(SEPARATOR, afterAgent + 1);
  const afterReceived = afterParams < 0 ? -1 : text.indexOf(SEPARATOR, afterParams + 1);
  const afterPath = afterParams < 0 ? -1 : text.indexOf(SEPARATOR, afterReceived + 1);
  return new Contact({
    aor: text.substring(0, afterAor),
    uriText: text.substring(afterAor + 1, afterUri),
    callId: text.substring(afterUri + 1, afterCallId),
    userAgent: text.substring(afterCallId + 1, afterAgent),
    params: text.substring(afterAgent + 1, afterParams < 0 ? text.length : afterParams),
    received: between(text, afterParams, afterReceived),
    path: between(text, afterReceived, afterPath),
    socket: between(text, afterPath, text.length),
    expiresAt,
    cseq,
    q,
    methods,
  });
}

/** Undefined when nothing stands there. */
function between(text: string, separator: number, end: number): string | undefined {
  return separator < 0 || separator + 1 === end ? undefined : text.substring(separator + 1, end);
}

/** How many characters the table keeps for a binding. */
export function textLength(contact: Contact): number {
  return pack(contact).length;
}

function beginsWith(text: string, aor: string): boolean {
  return text.charCodeAt(aor.length) === 10 && text.startsWith(aor);
}
