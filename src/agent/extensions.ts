/** Extensions that we understand as an end. RFC 3261 §19.2 */
import type { SipRequest } from '../sip/message.ts';
import { splitList } from '../sip/name-addr.ts';

/** The value of Supported. */
export const SUPPORTED = '100rel, timer, replaces, norefersub';
const KNOWN: ReadonlySet<string> = new Set(SUPPORTED.split(', '));

/** What a request requires and we do not understand, as the value of Unsupported; '' for nothing. RFC 3261 §8.2.2.3 */
export function unknownOptions(request: SipRequest): string {
  if (!request.headers.has('Require')) return '';
  return request.headers
    .all('Require')
    .flatMap(splitList)
    .filter((tag) => !KNOWN.has(tag.toLowerCase()))
    .join(', ');
}
