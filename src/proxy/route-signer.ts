/**
 * The mark in our Record-Route: `<sip:192.0.2.1:5060;lr;d=1a.1y2p0d0kq3f9z17xw2>`.
 * It names the call's record and which tag is the caller's, and proves that the route set was ours: an in-dialog
 * request without it, or with another call's, is not relayed, so a fake To tag makes no relay of us.
 *
 *   d=1a.1y2p0d0kq3f9z17xw2
 *     │  │     └ proof: 64 bits of a keyed hash over the rest and the Call-ID
 *     │  └ the caller's tag: 32 bits of a keyed hash
 *     └ the number of the call's record, base 36; 0 for none
 */
import { hash } from 'node:crypto';
import { KeyedHash } from '../base/keyed-hash.ts';

/** What a mark that is ours says. */
export interface RouteMark {
  readonly call: number;
  /** Whether the request comes from the side that began the dialog. */
  readonly fromCaller: boolean;
}

/** 32 bits as 12 + 12 + 8, two characters each. */
const WORD_LENGTH = 6;
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_';
const pairs = Array.from({ length: 4096 }, (_, i) => DIGITS.charAt(i >>> 6) + DIGITS.charAt(i & 63));

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

  sign(callId: string, fromTag: string, call: number): string {
    const said = `${call.toString(36)}.${word(this.first.of(fromTag))}`;
    return said + this.proof(said, callId);
  }

  /** Undefined when the mark is not ours or belongs to another call. */
  verify(mark: string, callId: string, fromTag: string): RouteMark | undefined {
    const dot = mark.indexOf('.');
    if (dot <= 0 || mark.length - dot - 1 !== 3 * WORD_LENGTH) return undefined;
    const said = mark.substring(0, dot + 1 + WORD_LENGTH);
    if (!mark.endsWith(this.proof(said, callId))) return undefined;
    return { call: Number.parseInt(mark, 36), fromCaller: said.endsWith(word(this.first.of(fromTag))) };
  }

  private proof(said: string, callId: string): string {
    const text = `${said} ${callId}`;
    return word(this.first.of(text)) + word(this.second.of(text));
  }
}

function word(value: number): string {
  return pairs[value >>> 20]! + pairs[(value >>> 8) & 4095]! + pairs[value & 255]!;
}
