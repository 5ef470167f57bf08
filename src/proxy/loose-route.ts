/** Route header fields in: which of them are ours, and where the next one leads. RFC 3261 §16.4, §16.12. */
import { bytesOf } from '../base/bytes.ts';
import { ROUTE } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { FLOW_TOKEN_LENGTH } from '../transport/flow-token.ts';
import { beginsWith, CLOSE, userEnd } from './plain-place.ts';

const COLON = 58;
const SEMICOLON = 59;
const AT = 64;

/** The topmost Route values of a request, as far as they are ours. */
export interface RouteView {
  /** The text these positions are in: after an edit the view must be taken anew. */
  readonly text: string;
  /** What to leave out when forwarding: our values; both 0 when none is ours. */
  readonly cutFrom: number;
  readonly cutTo: number;
  /** The `d` parameter of our first value. */
  readonly token: string | undefined;
  /** The value behind ours, where the request goes next. */
  readonly next: Uri | undefined;
  /** The user part of our first value: a flow token. */
  readonly user?: string | undefined;
}

/** How to tell which Route values are ours. */
export interface OwnRoutes {
  isOwn(host: string, port: number | undefined): boolean;
  /**
   * How the values that we put into Record-Route begin, up to the mark and without a flow token: the usual case, told
   * without parsing.
   */
  readonly prefixes: readonly Uint8Array[];
}

/**
 * Two of ours with one mark stand together where transports change (RFC 5658 §3): both are taken. Another mark is that
 * of a spiral: the request comes to us again, for the other record.
 */
const OWN_VALUES_MAX = 2;

/** Throws SipError 400 when a value is malformed. */
export function viewRoutes(headers: Headers, own: OwnRoutes): RouteView {
  const { text } = headers;
  let place = headers.find(ROUTE);
  if (place < 0) return { text, cutFrom: 0, cutTo: 0, token: undefined, next: undefined, user: undefined };
  let cutFrom = 0;
  let cutTo = 0;
  let token: string | undefined;
  let user: string | undefined;
  let from = headers.valueStart(place);
  for (let taken = 0; ; taken++) {
    const value = readValue(headers, place, from, own);
    const { end } = value;
    const foreign = value.uri !== undefined || (taken > 0 && value.token !== token);
    if (taken === OWN_VALUES_MAX || foreign) {
      const next = value.uri ?? parseNameAddr(text.substring(from, end)).uri;
      return { text, cutFrom, cutTo, token, next, user };
    }
    if (taken === 0) {
      token = value.token;
      user = value.user;
    }
    const lineDone = end === headers.valueEnd(place);
    if (taken > 0 && !lineDone && cutFrom < headers.lineStart(place)) {
      headers.splice(cutFrom, headers.lineStart(place), ''); // A cut is one range: take the first line out for good.
      return viewRoutes(headers, own);
    }
    if (taken === 0) cutFrom = from;
    if (lineDone && cutFrom > headers.lineStart(place)) cutFrom = headers.lineStart(place);
    cutTo = lineDone ? headers.lineEnd(place) : afterComma(text, end);
    const follows = headers.findFrom(ROUTE, place + 4);
    if (!lineDone) from = cutTo;
    else if (follows < 0) return { text, cutFrom, cutTo, token, next: undefined, user };
    else if (follows === place + 4) {
      place = follows;
      from = headers.valueStart(place);
    } else return { text, cutFrom, cutTo, token, next: firstUri(headers, follows), user };
  }
}

/** A value of ours has a mark or none; any other has a URI. */
export interface RouteValue {
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly uri: Uri | undefined;
  /** Where the mark stands; -1 when it is not known, since the value was parsed. */
  readonly tokenAt: number;
  /** Where the value ends: at a comma, or at the end of the field. */
  readonly end: number;
}

/** Reads the value that begins at `from`. Throws SipError 400 when it is malformed. */
export function readValue(headers: Headers, place: number, from: number, own: OwnRoutes): RouteValue {
  const { text } = headers;
  const bytes = bytesOf(text);
  for (const prefix of own.prefixes) {
    const tokenAt = markAt(bytes, from, prefix);
    const close = tokenAt === 0 ? 0 : tokenEndAt(bytes, tokenAt, headers.valueEnd(place));
    if (close === 0) continue;
    const token = text.substring(tokenAt, close);
    const hasUser = tokenAt > from + prefix.length;
    const userAt = from + schemeLength(prefix);
    const user = hasUser ? text.substring(userAt, userAt + FLOW_TOKEN_LENGTH) : undefined;
    return { token, user, uri: undefined, tokenAt, end: valueEndAt(headers, place, close) };
  }
  const end = valueEndAt(headers, place, from);
  const { uri } = parseNameAddr(text.substring(from, end));
  if (!own.isOwn(uri.host, uri.port)) return { token: undefined, user: undefined, uri, tokenAt: -1, end };
  const mark = uri.params['d'];
  const token = typeof mark === 'string' ? mark : undefined;
  return { token, user: uri.user, uri: undefined, tokenAt: -1, end };
}

/** Where the mark begins behind this prefix, which may have a flow token before its host; 0 for any other value. */
function markAt(bytes: Uint8Array, from: number, prefix: Uint8Array): number {
  if (beginsWith(bytes, from, prefix)) return from + prefix.length;
  const scheme = schemeLength(prefix);
  const userAt = from + scheme;
  const hostAt = userAt + FLOW_TOKEN_LENGTH + 1;
  if (bytes[hostAt - 1] !== AT || userEnd(bytes, userAt) !== hostAt - 1) return 0;
  for (let i = 0; i < scheme; i++) if (bytes[from + i] !== prefix[i]) return 0;
  for (let i = scheme; i < prefix.length; i++) if (bytes[hostAt + i - scheme] !== prefix[i]) return 0;
  return hostAt + prefix.length - scheme;
}

/** Of `<sip:` or `<sips:`. */
function schemeLength(prefix: Uint8Array): number {
  return prefix[4] === COLON ? 5 : 6;
}

/** Where the bracket stands that ends the value's URI; 0 when further parameters come first. */
function tokenEndAt(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== CLOSE && bytes[at] !== SEMICOLON) at++;
  return at < end && bytes[at] === CLOSE ? at : 0;
}

function firstUri(headers: Headers, place: number): Uri {
  const from = headers.valueStart(place);
  return parseNameAddr(headers.text.substring(from, valueEndAt(headers, place, from))).uri;
}

/** The end of the value that begins at `from`: a comma outside quotes and brackets, or the end of the field. */
export function valueEndAt(headers: Headers, place: number, from: number): number {
  const bytes = bytesOf(headers.text);
  const end = headers.valueEnd(place);
  let quoted = false;
  let bracketed = false;
  for (let at = from; at < end; at++) {
    const c = bytes[at];
    if (c === 92 && quoted) at++;
    else if (c === 34) quoted = !quoted;
    else if (quoted) continue;
    else if (c === 60) bracketed = true;
    else if (c === CLOSE) bracketed = false;
    else if (c === 44 && !bracketed) return at;
  }
  return end;
}

/** Where the value behind a comma begins. */
export function afterComma(text: string, comma: number): number {
  let at = comma + 1;
  while (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9) at++;
  return at;
}
