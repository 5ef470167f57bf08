/** What makes two requests the same transaction, RFC 2543 peers too. RFC 3261 §17.2.3. */
import { VIA } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { hasMagicCookie, type ViaSpan } from '../sip/via.ts';

/** Two ranges of a text and a method: nothing is copied until a transaction is opened. */
export interface TransactionKey {
  readonly method: string;
  readonly text: string;
  /** The branch. */
  readonly from: number;
  readonly to: number;
  /** The sent-by; empty for a peer of RFC 2543, whose key is one text. */
  readonly hostFrom: number;
  readonly hostTo: number;
  /** What the table of keys made of it: it is looked for, and then most often added. */
  hash?: number | undefined;
}

/**
 * Branch, sent-by and method for a peer of RFC 3261; Request-URI, From tag, Call-ID, CSeq and topmost Via for
 * one of RFC 2543. `method` is that of the transaction: an ACK and a CANCEL look for their INVITE.
 */
export function transactionKey(request: SipRequest, via: ViaSpan, method: string): TransactionKey {
  const { text } = request.headers;
  if (hasMagicCookie(text, via)) {
    const { branchStart, branchEnd, sentByStart, sentByEnd } = via;
    return {
      method,
      text,
      from: branchStart,
      to: branchEnd,
      hostFrom: sentByStart,
      hostTo: sentByEnd,
      hash: undefined,
    };
  }
  const top = request.headers.value(request.headers.find(VIA));
  const all = `${request.uriText} ${request.fromTag} ${request.callId} ${request.cseq} ${top}`;
  return { method, text: all, from: 0, to: all.length, hostFrom: 0, hostTo: 0, hash: undefined };
}
