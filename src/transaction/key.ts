/** What makes two requests the same transaction, RFC 2543 peers too. RFC 3261 §17.2.3. */
import { VIA } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { hasMagicCookie, type ViaSpan } from '../sip/via.ts';

/**
 * Branch, sent-by and method for a peer of RFC 3261; Request-URI, From tag, Call-ID, CSeq and topmost Via for
 * one of RFC 2543. An ACK looks for its INVITE.
 */
export function transactionKey(request: SipRequest, via: ViaSpan, method: string): string {
  const { text } = request.headers;
  if (hasMagicCookie(text, via)) {
    return `${method} ${text.substring(via.branchStart, via.branchEnd)} ${text.substring(via.sentByStart, via.sentByEnd)}`;
  }
  const top = request.headers.value(request.headers.find(VIA));
  return `${method} ${request.uriText} ${request.fromTag} ${request.callId} ${request.cseq} ${top}`;
}
