/** The Contacts of a response. RFC 3261 §20.10 */
import { SipError } from '../base/errors.ts';
import type { SipResponse } from './message.ts';
import { type NameAddr, parseNameAddr, splitList } from './name-addr.ts';

/** Contacts of one response that are looked at: to find out that one cannot be read costs time. */
export const CONTACTS_MAX = 100;

/** Each is read alone: one of a scheme or a form that we do not know hides none of the others. RFC 3261 §8.1.3.4 */
export function contactsOf({ headers }: SipResponse): readonly NameAddr[] {
  return headers.all('Contact').flatMap(splitList).slice(0, CONTACTS_MAX).flatMap(readable);
}

function readable(value: string): readonly NameAddr[] {
  try {
    return [parseNameAddr(value)];
  } catch (error) {
    if (error instanceof SipError) return [];
    throw error;
  }
}
