/** Privacy: what a caller or callee does not want the other side to learn. RFC 3323 §4.2 */
import type { Headers } from './headers.ts';

/** Whether who it is stays within the trust domain. RFC 3325 §9.3 */
export function hidesIdentity(headers: Headers): boolean {
  return headers
    .all('Privacy')
    .some((value) => value.split(/[;,]/).some((word) => word.trim().toLowerCase() === 'id'));
}
