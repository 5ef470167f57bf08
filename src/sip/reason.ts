/** Reason: why a call is given up. It crosses us, so that phones behind show no missed call. RFC 3326 */
import type { SipRequest } from './message.ts';

/** What rings elsewhere is told when somebody has answered. RFC 3326 §3.1 */
export const COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';
/** A longer one is kept by no transaction that waits to be cancelled: it is as if none had come. */
export const REASON_LENGTH_MAX = 256;

/** The values of a request, as one; '' for none. */
export function reasonOf(request: SipRequest): string {
  const reason = request.headers.all('Reason').join(', ');
  return reason.length > REASON_LENGTH_MAX ? '' : reason;
}
