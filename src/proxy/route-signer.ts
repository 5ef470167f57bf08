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

/** 32 bits as 12 + 12 + 8, two characters each. */
const WORD_LENGTH = 6;
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_';
const pairs = Array.from({ length: 4096 }, (_, i) => DIGITS.charAt(i >>> 6) + DIGITS.charAt(i & 63));
const valueOf = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i++) valueOf[DIGITS.charCodeAt(i)] = i;

const LEADS_TO_CALLEE = 98;

/** Makes and checks marks with one key. */
export class RouteSigner {
  private readonly first: KeyedHash;
  private readonly second: KeyedHash;

  /** `secret` outlives a restart, and so do the calls whose route sets it signed. */
  constructor(secret: string) {
    const key = hash('sha256', `route ${secret}`, 'buffer');
    this.first = new KeyedHash(key);
    this.second = new KeyedHash(key.subarray(8));
  }

  /** `about` names the dialog, as far as it is known: what `verify` is told must be the same. */
  sign(mark: RouteMark, about: string): string {
    const side = mark.fromCaller ? 'b' : 'a';
    const said = `${side}${mark.call.toString(36)}.${word(mark.target)}${word(mark.neighbour)}`;
    return said + this.proof(said, about, mark.flow);
  }

  /** Undefined when the mark is not ours, belongs to another dialog, or another flow token stands beside it. */
  verify(mark: string, about: string, flow = ''): RouteMark | undefined {
    const dot = mark.indexOf('.');
    if (dot < 2 || mark.length - dot - 1 !== 4 * WORD_LENGTH) return undefined;
    const said = mark.substring(0, dot + 1 + 2 * WORD_LENGTH);
    if (!mark.endsWith(this.proof(said, about, flow))) return undefined;
    return {
      call: Number.parseInt(mark.substring(1, dot), 36),
      fromCaller: mark.charCodeAt(0) === LEADS_TO_CALLEE,
      target: wordAt(mark, dot + 1),
      neighbour: wordAt(mark, dot + 1 + WORD_LENGTH),
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

  private proof(said: string, about: string, flow: string): string {
    const low = this.first.wide(flow === '' ? `${said} ${about}` : `${said} ${about} ${flow}`);
    return word(low) + word(this.first.high);
  }
}

/** Whether a mark leads to the callee, and so is the caller's. To be verified all the same. */
export function leadsToCallee(mark: string): boolean {
  return mark.charCodeAt(0) === LEADS_TO_CALLEE;
}

function word(value: number): string {
  return pairs[value >>> 20]! + pairs[(value >>> 8) & 4095]! + pairs[value & 255]!;
}

/** A signed 32-bit number. The proof has been checked: only our own digits stand there. */
function wordAt(mark: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = (value << 6) | valueOf[mark.charCodeAt(i)]!;
  const low = (valueOf[mark.charCodeAt(at + 4)]! << 6) | valueOf[mark.charCodeAt(at + 5)]!;
  return (value << 8) | low;
}
