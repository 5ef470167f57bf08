/** What every message must satisfy before anyone looks at what it asks. RFC 3261 §8.1.1, §16.3 step 1 and 2 */
import { SipError } from '../base/errors.ts';
import {
  CALL_ID, CONTACT, FROM, headerName, MANDATORY_MASK, MAX_FORWARDS, RECORD_ROUTE, ROUTE, SINGLE_MASK, TO, VIA,
} from './header-table.ts';
import type { Headers } from './headers.ts';
import { cseqMethod, cseqNumber, type SipRequest, type SipResponse } from './message.ts';
import { addressEnd, isWellFormedAddress } from './name-addr.ts';
import { skipBlanks } from './scan.ts';
import { scanVia, topVia } from './via.ts';

/** Why a request is refused. */
export interface Fault {
  readonly status: number;
  readonly why: string;
}

const MAX_FORWARDS_LIMIT = 255;

/** Undefined when nothing is wrong. */
export function checkRequest(request: SipRequest): Fault | undefined {
  const { headers } = request;
  const why = checkFields(headers) ?? checkVias(headers) ?? checkAddresses(headers);
  if (why !== undefined) return { status: 400, why };
  if (cseqMethod(headers) !== request.method) return { status: 400, why: 'CSeq names another method' };
  const hops = checkMaxForwards(headers);
  if (hops !== undefined) return { status: 400, why: hops };
  return checkRequestUri(request);
}

/** Why a response is discarded; undefined when nothing is wrong. */
export function checkResponse(response: SipResponse): string | undefined {
  return checkFields(response.headers);
}

/** What requests and responses have in common. */
function checkFields(headers: Headers): string | undefined {
  const missing = MANDATORY_MASK & ~headers.seen;
  if (missing !== 0) return `${headerName(31 - Math.clz32(missing))} is missing`;
  const repeated = SINGLE_MASK & headers.twice;
  if (repeated !== 0) return `${headerName(31 - Math.clz32(repeated))} stands twice`;
  if (cseqNumber(headers) < 0) return 'CSeq has no number below 2^31';
  const callId = headers.find(CALL_ID);
  return headers.valueStart(callId) === headers.valueEnd(callId) ? 'Call-ID is empty' : undefined;
}

/** The topmost value was read when the message came in; the others have only this one reader. */
function checkVias(headers: Headers): string | undefined {
  let span = topVia(headers);
  while (span !== undefined) {
    const { place, valueEnd } = span;
    const end = headers.valueEnd(place);
    if (valueEnd < end) span = scanVia(headers.text, place, valueEnd + 1, end);
    else {
      const next = headers.findFrom(VIA, place + 4);
      if (next < 0) return undefined;
      span = scanVia(headers.text, next, headers.valueStart(next), headers.valueEnd(next));
    }
  }
  return 'Via is malformed';
}

function checkAddresses(headers: Headers): string | undefined {
  for (const id of SINGLE_ADDRESSES) {
    const place = headers.find(id);
    if (!isWellFormedAddress(headers.text, headers.valueStart(place), headers.valueEnd(place))) {
      return `${headerName(id)} is malformed`;
    }
  }
  for (const id of ADDRESS_LISTS) {
    for (let place = headers.find(id); place >= 0; place = headers.findFrom(id, place + 4)) {
      if (!isAddressList(headers, place)) return `${headerName(id)} is malformed`;
    }
  }
  return undefined;
}

const SINGLE_ADDRESSES = [FROM, TO];
const ADDRESS_LISTS = [CONTACT, ROUTE, RECORD_ROUTE];

function isAddressList(headers: Headers, place: number): boolean {
  const { text } = headers;
  const end = headers.valueEnd(place);
  let from = headers.valueStart(place);
  if (text.charCodeAt(from) === 42 && end === from + 1) return headers.index[place] === CONTACT;
  for (;;) {
    const to = addressEnd(text, from, end);
    if (!isWellFormedAddress(text, from, to)) return false;
    if (to >= end) return true;
    from = skipBlanks(text, to + 1, end);
  }
}

function checkMaxForwards(headers: Headers): string | undefined {
  const place = headers.find(MAX_FORWARDS);
  if (place < 0) return undefined;
  const end = headers.valueEnd(place);
  let hops = 0;
  for (let at = headers.valueStart(place); at < end; at++) {
    const digit = headers.text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return 'Max-Forwards is no number';
    hops = hops * 10 + digit;
    if (hops > MAX_FORWARDS_LIMIT) return 'Max-Forwards is above 255';
  }
  return end === headers.valueStart(place) ? 'Max-Forwards is empty' : undefined;
}

/** 416 for a scheme we do not know, 400 for what is malformed or carries header fields (§19.1.1). */
function checkRequestUri(request: SipRequest): Fault | undefined {
  try {
    return request.uri.headers === undefined ? undefined : { status: 400, why: 'the Request-URI carries header fields' };
  } catch (error) {
    if (error instanceof SipError) return { status: error.status, why: error.message };
    throw error;
  }
}
