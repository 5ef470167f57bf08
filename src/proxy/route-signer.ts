/**
 * The mark in our Record-Route: `<sip:192.0.2.1:5060;lr;d=a1y.2p0d0kq3f9z17xw2…>`.
 * Each side of a dialog holds one of its own: the callee the mark of the request, the caller the one that we put in
 * its place into the response. It says which way it leads, and proves that the route set is ours and whom it leads to.
 *
 *   d=a1y.2p0d0k000000q3f9z17xw2ab
 *     ││  │     │     └ proof: 64 bits of a keyed hash over the rest, the dialog, and the flow token beside it
 *     ││  │     └ the next proxy that way: 32 bits of a keyed hash; 0 when there is none
 *     ││  └ the remote target that way: 32 bits of a keyed hash
 *     │└ the number of the call's record, base 36; 0 for none
 *     └ a: leads to the caller, b: to the callee
 *
 * A side behind a NAT is reached by its flow alone, and that token is the user part: `<sip:token@192.0.2.1;lr;d=a1y…>`.
 * docs/decisions/0005-route-sets-name-their-ends.md says why.
 */
import { hash } from 'node:crypto';
import { KeyedHash } from '../base/keyed-hash.ts';
import { bytesOf } from '../base/bytes.ts';
import { CALL_ID } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { beginsWith } from './plain-place.ts';

/** What a mark that is ours says about the request that brought it back. */
export interface RouteMark {
  readonly call: number;
  /** Whether the request comes from the side that began the dialog. */
  readonly fromCaller: boolean;
  /** Hashes of where it may go: the remote target, and the next proxy, 0 for none. */
  readonly target: number;
  readonly neighbour: number;
  /** The flow token that stands beside the mark and is proved by it: the side is reached by that flow. '' for none. */
  readonly flow: string;
}

/** A dialog by the Call-ID of a message and its tags, as far as they are known: `call-id tag tag`. */
export interface DialogName {
  readonly headers: Headers;
  readonly tag: string;
  readonly otherTag?: string | undefined;
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_';
const digits = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));
const valueOf = new Uint8Array(256);
for (const [value, digit] of digits.entries()) valueOf[digit] = value;

/** 32 bits as 12 + 12 + 8, two digits each. */
const WORD_LENGTH = 6;
/** The number of a record has eleven digits at most. */
export const MARK_LENGTH_MAX = 13 + 4 * WORD_LENGTH;

const DOT = 46;
const LEADS_TO_CALLER = 97;
const LEADS_TO_CALLEE = 98;

/** Makes and checks marks with one key. */
export class RouteSigner {
  private readonly first: KeyedHash;
  private readonly second: KeyedHash;
  /** The mark that is being made, or looked at. */
  private readonly bytes = new Uint8Array(MARK_LENGTH_MAX);
  private readonly buffer = Buffer.from(this.bytes.buffer);
  private readonly proof = new Uint8Array(2 * WORD_LENGTH);

  /** `secret` outlives a restart, and so do the calls whose route sets it signed. */
  constructor(secret: string) {
    const key = hash('sha256', `route ${secret}`, 'buffer');
    this.first = new KeyedHash(key);
    this.second = new KeyedHash(key.subarray(8));
  }

  /** `about` names the dialog, as far as it is known: what `verify` is told must be the same. */
  sign(mark: RouteMark, about: string | DialogName): string {
    const { bytes } = this;
    bytes[0] = mark.fromCaller ? LEADS_TO_CALLEE : LEADS_TO_CALLER;
    const dot = putNumber(bytes, 1, mark.call);
    bytes[dot] = DOT;
    putWord(bytes, dot + 1, mark.target);
    putWord(bytes, dot + 1 + WORD_LENGTH, mark.neighbour);
    const proofAt = dot + 1 + 2 * WORD_LENGTH;
    this.prove(proofAt, about, mark.flow);
    bytes.set(this.proof, proofAt);
    return this.buffer.latin1Slice(0, proofAt + 2 * WORD_LENGTH);
  }

  /** Undefined when the mark is not ours, belongs to another dialog, or another flow token stands beside it. */
  verify(mark: string, about: string | DialogName, flow = ''): RouteMark | undefined {
    const { bytes } = this;
    const dot = mark.length - 4 * WORD_LENGTH - 1;
    if (dot < 2 || mark.length > MARK_LENGTH_MAX) return undefined;
    this.buffer.latin1Write(mark, 0, mark.length);
    const proofAt = dot + 1 + 2 * WORD_LENGTH;
    this.prove(proofAt, about, flow);
    if (!beginsWith(bytes, proofAt, this.proof)) return undefined;
    return {
      call: numberAt(bytes, 1, dot),
      fromCaller: bytes[0] === LEADS_TO_CALLEE,
      target: wordAt(bytes, dot + 1),
      neighbour: wordAt(bytes, dot + 1 + WORD_LENGTH),
      flow,
    };
  }

  /** The hash of a URI, as it stands in a mark. */
  hashOf(text: string): number {
    return this.first.of(text);
  }

  /** Another one: both together tell two texts apart. */
  secondHashOf(text: string): number {
    return this.second.of(text);
  }

  /** The same of `user@192.0.2.1:5060;udp`, of which all but the transport stands in these bytes. */
  hashOfPlace(bytes: Uint8Array, from: number, to: number, transport: string): number {
    const { first } = this;
    first.begin();
    first.addBytes(bytes, from, to);
    first.add(transport);
    return first.sum();
  }

  /** Writes the proof of what the mark says, which ends at `end`. */
  private prove(end: number, about: string | DialogName, flow: string): void {
    const { first, proof } = this;
    first.begin();
    first.addBytes(this.bytes, 0, end);
    first.add(' ');
    if (typeof about === 'string') first.add(about);
    else addName(first, about);
    if (flow !== '') {
      first.add(' ');
      first.add(flow);
    }
    putWord(proof, 0, first.wideSum());
    putWord(proof, WORD_LENGTH, first.high);
  }
}

function addName(hash: KeyedHash, { headers, tag, otherTag }: DialogName): void {
  const place = headers.find(CALL_ID);
  if (place >= 0) hash.addBytes(bytesOf(headers.text), headers.valueStart(place), headers.valueEnd(place));
  hash.add(' ');
  hash.add(tag);
  if (otherTag === undefined) return;
  hash.add(' ');
  hash.add(otherTag);
}

/** Whether a mark leads to the callee, and so is the caller's. To be verified all the same. */
export function leadsToCallee(mark: string): boolean {
  return mark.charCodeAt(0) === LEADS_TO_CALLEE;
}

/** As `toString(36)` writes it; answers where it ends. */
function putNumber(bytes: Uint8Array, from: number, value: number): number {
  let end = from + 1;
  for (let rest = value; rest >= 36; rest = Math.floor(rest / 36)) end++;
  let rest = value;
  for (let at = end - 1; at >= from; at--) {
    bytes[at] = digits[rest % 36]!;
    rest = Math.floor(rest / 36);
  }
  return end;
}

/** The proof has been checked: only our own digits stand there. */
function numberAt(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 36 + valueOf[bytes[at]!]!;
  return value;
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = digits[value >>> 26]!;
  bytes[at + 1] = digits[(value >>> 20) & 63]!;
  bytes[at + 2] = digits[(value >>> 14) & 63]!;
  bytes[at + 3] = digits[(value >>> 8) & 63]!;
  bytes[at + 4] = digits[(value >>> 6) & 3]!;
  bytes[at + 5] = digits[value & 63]!;
}

/** A signed 32-bit number. The proof has been checked. */
function wordAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = (value << 6) | valueOf[bytes[i]!]!;
  const low = (valueOf[bytes[at + 4]!]! << 6) | valueOf[bytes[at + 5]!]!;
  return (value << 8) | low;
}
