/** Whether a CANCEL is meant for the INVITE that it was found by. RFC 3261 §9.1, §9.2 */
import { isSameHost } from '../base/network.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Flow } from '../transport/flow.ts';
import type { ServerTransaction } from './server-transaction.ts';

/**
 * A branch is known to everybody whom the INVITE has passed, and all else in it too: what they cannot do is send from
 * the caller's host. The port, and the connection, may be another one than before: of a NAT, or after a break.
 */
export function takesBack(cancel: SipRequest, from: Flow, invite: ServerTransaction): boolean {
  if (!isSameHost(from.remote.host, invite.flow.remote.host)) return false;
  // Of what has been answered the request is not kept, and nothing is left to be taken back.
  return invite.status >= 200 || isOfInvite(cancel, invite.request);
}

/**
 * Departs from RFC 3261 §9.1 because some phones write the Request-URI, From and To of their CANCEL in another spelling
 * than before, or put the tag of who rings into To: what names the call and the request must be the same, and no more.
 */
export function isOfInvite(cancel: SipRequest, invite: SipRequest): boolean {
  if (cancel.callId !== invite.callId || cancel.cseq !== invite.cseq) return false;
  if (cancel.fromTag !== invite.fromTag) return false;
  return cancel.toTag === '' || invite.toTag === '' || cancel.toTag === invite.toTag;
}
