/**
 * The mark in our Record-Route: `<sip:192.0.2.1:5060;lr;d=1a.kQ3f9…>`.
 * It names the call's record and proves that the route set was ours: an in-dialog request without it, or with another
 * call's, is not relayed, so a fake To tag makes no relay of us.
 */
import { hash } from 'node:crypto';

/** Sixty bits: enough, as each guess costs a packet. */
const MARK_LENGTH = 10;

export class RouteSigner {
  private readonly key: string;

  constructor(key: string) {
    this.key = key;
  }

  /** `call` is the number of the call's record, 0 for none. */
  sign(callId: string, call: number): string {
    return `${call.toString(36)}.${this.mark(callId, call)}`;
  }

  /** The number of the call's record; undefined when the mark is not ours or belongs to another call. */
  verify(token: string, callId: string): number | undefined {
    const dot = token.indexOf('.');
    if (dot <= 0 || token.length - dot - 1 !== MARK_LENGTH) return undefined;
    const call = Number.parseInt(token.substring(0, dot), 36);
    if (!Number.isSafeInteger(call)) return undefined;
    return token.endsWith(this.mark(callId, call)) ? call : undefined;
  }

  private mark(callId: string, call: number): string {
    return hash('sha256', `${this.key} ${call} ${callId}`, 'base64url').substring(0, MARK_LENGTH);
  }
}
