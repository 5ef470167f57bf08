/**
 * A hop fails and its domain has another: the same request goes there, as a new transaction. RFC 3263 §4.3.
 *
 *   what came of a hop                       goes on   the hop is dead for
 *   the path broke, before a 101–199         yes       [sip] dead_target_seconds
 *   nothing at all, not even a 100           yes       [sip] dead_target_seconds
 *   503, before a 101–199                    yes       its Retry-After, ten minutes at most; not without one
 *   503, or the path broke, after a 101–199  no        as above
 *   a 100, and then silence                  no        –
 *   any other final response                 no        –
 *
 * Narrower than RFC 3263 §4.3 where a 101–199 was seen: the caller has heard it ring, and an element that has begun
 * to handle the call may have had it ring elsewhere. Wider where a hop is silent: it is given up after `replyMs` and
 * not only after timer B or F, because by then the caller is gone too; a late answer of it still counts.
 */
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';

/** A request of ours as it went to a hop that failed. */
export interface FailedTry {
  readonly text: string;
  /** Our Record-Route lines in it. */
  readonly recordRoute: string;
  /** The 503, if that was it. */
  readonly response: SipResponse | undefined;
}

/** The request without the Via and Record-Route that we gave it for that hop. Undefined: it was not made by us. */
export function withoutOurs({ text, recordRoute }: FailedTry): SipRequest | undefined {
  const viaStart = text.indexOf('\r\n') + 2;
  const viaEnd = text.indexOf('\r\n', viaStart) + 2;
  const restStart = viaEnd + (text.startsWith(recordRoute, viaEnd) ? recordRoute.length : 0);
  const request = parseMessage(text.substring(0, viaStart) + text.substring(restStart));
  return request.kind === 'request' ? request : undefined;
}

/** The same request with those for another hop. */
export function withOurs({ text }: SipRequest, via: string, recordRoute: string): string {
  const viaStart = text.indexOf('\r\n') + 2;
  return text.substring(0, viaStart) + via + recordRoute + text.substring(viaStart);
}
