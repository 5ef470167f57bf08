/** Who stands in From or To. */
import { SipError } from '../base/errors.ts';
import { FROM } from './header-table.ts';
import type { SipRequest } from './message.ts';
import { aorOf, printUri } from './uri.ts';

/** One side of a request, for records and reports. */
export interface Party {
  /** `alice@example.com`; empty when the field cannot be read. */
  readonly aor: string;
  /** The URI; the whole field when it cannot be read. */
  readonly uri: string;
}

/** A proxy relays what it cannot read (RFC 3261 §16.3), so then this says what came. `id`: FROM or TO. */
export function partyIn(request: SipRequest, id: number): Party {
  try {
    const { uri } = id === FROM ? request.from : request.to;
    return { aor: aorOf(uri), uri: printUri(uri) };
  } catch (error) {
    if (error instanceof SipError) return { aor: '', uri: request.headers.raw(id) ?? '' };
    throw error;
  }
}

/** Who says that they call: an address-of-record, or what stands in From when that cannot be read. */
export function callerOf(request: SipRequest): string {
  const { aor, uri } = partyIn(request, FROM);
  return aor === '' ? uri : aor;
}
