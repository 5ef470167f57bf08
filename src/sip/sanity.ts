/** What every message must satisfy before anyone sees it. RFC 3261 §8.1.1, §8.2.2, §16.3. */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import {
  CALL_ID,
  CONTACT,
  CSEQ,
  FROM,
  headerName,
  MANDATORY_MASK,
  MAX_FORWARDS,
  P_ASSERTED_IDENTITY,
  PATH,
  RECORD_ROUTE,
  ROUTE,
  SINGLE_MASK,
  TO,
  VIA,
} from './header-table.ts';
import { HEADER_LINES_MAX, OWN_LINES } from './header-index.ts';
import { type Headers } from './headers.ts';
import { cseqNumber, type SipRequest, type SipResponse } from './message.ts';
import { isWellFormedAddressList, tagOfAddress } from './name-addr.ts';
import { allBut, INVISIBLE, isDigit, isTokenBetween, runEnd, skipBlanks } from './scan.ts';
import { isWellFormedVia } from './via.ts';

/** How a request is refused that breaks the grammar. */
export interface Refusal {
  readonly status: number;
  readonly why: string;
  /** Header fields the answer must carry. */
  readonly headers?: Readonly<Record<string, string>>;
}

const VISIBLE = allBut(INVISIBLE);

/** What a request may have, so that it can be sent on. */
const REQUEST_LINES_MAX = HEADER_LINES_MAX - OWN_LINES;

/** Undefined when the request may go on. */
export function checkRequest(request: SipRequest): Refusal | undefined {
  const { headers } = request;
  if (headers.index.length > REQUEST_LINES_MAX * 4)
    return refusal(`more than ${REQUEST_LINES_MAX} header lines`);
  const why = missingOrRepeated(headers) ?? cseqFault(headers, request.method);
  return why === undefined ? (checkRequestUri(request) ?? refusal(fieldFault(headers))) : refusal(why);
}

/** Why the response must be discarded; undefined when it may go on. */
export function checkResponse(response: SipResponse): string | undefined {
  const { headers } = response;
  const why = missingOrRepeated(headers) ?? cseqFault(headers, '');
  return why ?? responseFieldFault(headers);
}

function refusal(why: string | undefined): Refusal | undefined {
  return why === undefined ? undefined : { status: 400, why };
}

function missingOrRepeated(headers: Headers): string | undefined {
  const missing = MANDATORY_MASK & ~headers.seen;
  if (missing !== 0) return `${namesIn(missing)} missing`;
  const repeated = SINGLE_MASK & headers.twice;
  return repeated === 0 ? undefined : `${namesIn(repeated)} more than once`;
}

function namesIn(mask: number): string {
  const names: string[] = [];
  for (let id = 1; id < 32; id++) if ((mask & (1 << id)) !== 0) names.push(headerName(id));
  return names.join(', ');
}

/** `method` is empty when any will do. RFC 3261 §8.1.1.5: the number is below 2^31, the method that of the request. */
function cseqFault(headers: Headers, method: string): string | undefined {
  const { text } = headers;
  const place = headers.find(CSEQ);
  const end = headers.valueEnd(place);
  let at = headers.valueStart(place);
  if (cseqNumber(headers) < 0) return 'CSeq without a number below 2^31';
  const bytes = bytesOf(text);
  while (at < end && isDigit(bytes[at]!)) at++;
  const methodStart = skipBlanks(bytes, at, end);
  if (methodStart === at || methodStart === end) return 'CSeq without a method';
  if (method === '') return isTokenBetween(text, methodStart, end) ? undefined : 'CSeq without a method';
  if (end - methodStart === method.length && text.startsWith(method, methodStart)) return undefined;
  return 'CSeq with another method than the request';
}

/** RFC 3261 §19.1.1: no header fields in a Request-URI; followed, they would let a stranger write our message. */
function checkRequestUri(request: SipRequest): Refusal | undefined {
  try {
    return request.uri.headers === undefined
      ? undefined
      : { status: 400, why: 'header fields in the Request-URI' };
  } catch (error) {
    if (error instanceof SipError) return { status: error.status, why: error.message };
    throw error;
  }
}

/** One pass over the fields; those that we neither read nor follow are not looked at. What it reads is kept. */
function fieldFault(headers: Headers): string | undefined {
  const { index } = headers;
  for (let place = 0; place < index.length; place += 4) {
    const id = index[place]!;
    if (!isFieldWellFormed(headers, id, place)) return `${headerName(id)} malformed`;
  }
  return undefined;
}

function isFieldWellFormed(headers: Headers, id: number, place: number): boolean {
  const { text } = headers;
  const from = headers.valueStart(place);
  const to = headers.valueEnd(place);
  switch (id) {
    case VIA:
      return isWellFormedVia(headers, place);
    case FROM:
      return (headers.fromTagSeen = tagOfAddress(text, from, to)) !== undefined;
    case TO:
      return (headers.toTagSeen = tagOfAddress(text, from, to)) !== undefined;
    case CONTACT:
      return isStar(text, from, to) || isWellFormedAddressList(text, from, to);
    case ROUTE:
    case RECORD_ROUTE:
    case PATH:
    case P_ASSERTED_IDENTITY:
      return isWellFormedAddressList(text, from, to);
    case CALL_ID:
      if (!isWord(text, from, to)) return false;
      headers.callIdSeen = text.substring(from, to);
      return true;
    case MAX_FORWARDS:
      return isByte(text, from, to);
    default:
      return true;
  }
}

/**
 * A response goes back the way it came: what its sender wrote elsewhere is for the caller to judge, and only who made
 * the topmost Via can tell whether it is right.
 */
function responseFieldFault(headers: Headers): string | undefined {
  return isFieldWellFormed(headers, CALL_ID, headers.find(CALL_ID)) ? undefined : 'Call-ID malformed';
}

/** `Contact: *`, which removes every binding. RFC 3261 §10.2.2. */
function isStar(text: string, from: number, to: number): boolean {
  return to - from === 1 && text.charCodeAt(from) === 42;
}

/** A Call-ID: anything in one piece. Stricter than this breaks calls for no gain. */
function isWord(text: string, from: number, to: number): boolean {
  return to > from && runEnd(bytesOf(text), from, to, VISIBLE) === to;
}

/** A number from 0 to 255. RFC 3261 §20.22. */
function isByte(text: string, from: number, to: number): boolean {
  const bytes = bytesOf(text);
  let value = 0;
  for (let at = from; at < to; at++) {
    const c = bytes[at]!;
    if (!isDigit(c)) return false;
    value = value * 10 + c - 48;
    if (value > 255) return false;
  }
  return to > from;
}
