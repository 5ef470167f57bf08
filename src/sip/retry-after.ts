/** Retry-After: how long whoever is overloaded asks to be left alone. RFC 3261 §20.33 */
import type { Millis } from '../base/world.ts';
import { RETRY_AFTER } from './header-table.ts';
import type { SipResponse } from './message.ts';

/** The longest that is believed. */
export const RETRY_AFTER_MAX_MS = 600_000;

/** What a 503 says; 0 when it says nothing: then it is of this one request, and no server is down. RFC 3261 §21.5.4 */
export function retryAfterMs(response: SipResponse): Millis {
  const value = response.headers.raw(RETRY_AFTER) ?? '';
  const seconds = Number.parseInt(value, 10);
  return seconds > 0 ? Math.min(seconds * 1000, RETRY_AFTER_MAX_MS) : 0;
}
