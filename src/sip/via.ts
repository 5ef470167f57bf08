/** The top Via: who is answered, and where. RFC 3261 §18.2.1, §20.42; RFC 3581. */
import { bytesOf } from '../base/bytes.ts';
import { isIpAddress } from '../base/endpoint.ts';
import { VIA } from './header-table.ts';
import type { Headers } from './headers.ts';
import { hostEndAt, portEndAt } from './host.ts';
import { paramValueEndAt } from './name-addr.ts';
import { allBut, BLANKS, isBlank, isDigit, runEnd, skipBlanks, TOKEN } from './scan.ts';

/**
 * Positions in the text of the topmost Via value.
 *
 *   Via: SIP/2.0/UDP  pc33.example.com:5066 ;branch=z9hG4bK776 ;rport , SIP/2.0/UDP …
 *                     │               │    │         │        │   │  │
 *                     sentByStart  hostEnd sentByEnd branchStart │ rportEnd
 *                                                      branchEnd ┘  valueEnd
 */
export interface ViaSpan {
  readonly place: number;
  /** Upper case: `UDP`. */
  readonly transport: string;
  readonly sentByStart: number;
  readonly hostEnd: number;
  readonly sentByEnd: number;
  /** 0 when sent-by names none, or one that cannot be. */
  readonly port: number;
  /** Both 0 without a branch parameter. */
  readonly branchStart: number;
  readonly branchEnd: number;
  /** Behind the word `rport` when it stands without a value, else 0. */
  readonly rportEnd: number;
  /** Whether it tells where its request came from, or has `rport` twice: what only who receives it may write. */
  readonly isStamped: boolean;
  /** The end of this value: a comma or the end of the field. */
  readonly valueEnd: number;
  readonly isWellFormed: boolean;
}

/** A span while it is read. */
type OpenSpan = { -readonly [key in keyof ViaSpan]: ViaSpan[key] };

/** Where a Via value tells where its request came from. */
interface Stamps {
  /** The last value of `received`, and the first of `rport`; empty without one. */
  received: string;
  rport: string;
  /** Pairs of positions: what to take out so that nothing is told, and `rport` stands once, without a value. */
  readonly cuts: number[];
}

const COMMA = 44;
const SLASH = 47;
const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;
const OPEN = 91;
const QUOTE = 34;
const BRANCH = Uint8Array.from(Buffer.from('branch'));
const RPORT = Uint8Array.from(Buffer.from('rport'));
const RECEIVED = Uint8Array.from(Buffer.from('received'));
const PORT_MAX = 65_535;

/** What ends a transport, a host, a name and a value even in a malformed Via. */
const IN_TRANSPORT = allBut(BLANKS);
const IN_HOST = allBut(`${BLANKS}:;,]`);
const IN_NAME = allBut(`${BLANKS}=;,`);
const IN_VALUE = allBut(`${BLANKS};,`);

/** Undefined when the topmost Via is missing or cannot be read. */
export function topVia(headers: Headers): ViaSpan | undefined {
  if (headers.viaSeen !== undefined) return headers.viaSeen;
  const place = headers.find(VIA);
  if (place < 0) return undefined;
  return (headers.viaSeen = scanVia(headers.text, place, headers.valueStart(place), headers.valueEnd(place)));
}

/** Whether every value of the Via field at this place is well formed. RFC 3261 §20.42, §25.1. */
export function isWellFormedVia(headers: Headers, place: number): boolean {
  const { text } = headers;
  const end = headers.valueEnd(place);
  const isTop = place === headers.find(VIA);
  let via = isTop ? topVia(headers) : scanVia(text, place, headers.valueStart(place), end);
  while (via?.isWellFormed === true && via.valueEnd < end) via = scanVia(text, place, via.valueEnd + 1, end);
  return via?.isWellFormed === true;
}

/** Reads one Via value that begins at `from`; what is malformed as far as it can be told who sent it. */
export function scanVia(text: string, place: number, from: number, end: number): ViaSpan | undefined {
  const bytes = bytesOf(text);
  const span: OpenSpan = {
    place,
    transport: '',
    sentByStart: 0,
    hostEnd: 0,
    sentByEnd: 0,
    port: 0,
    branchStart: 0,
    branchEnd: 0,
    rportEnd: 0,
    isStamped: false,
    valueEnd: 0,
    isWellFormed: true,
  };
  const isRead =
    scanTransport(text, bytes, span, from, end) &&
    scanHost(text, bytes, span, end) &&
    scanPort(bytes, span, end) &&
    scanParams(bytes, span, end);
  return isRead ? span : undefined;
}

/** False when no sent-by follows. */
function scanTransport(text: string, bytes: Uint8Array, span: OpenSpan, from: number, end: number): boolean {
  let at = from;
  for (let slashes = 0; slashes < 2; slashes++) {
    at = skipBlanks(bytes, runEnd(bytes, skipBlanks(bytes, at, end), end, TOKEN), end);
    if (at < end && bytes[at] !== SLASH) {
      span.isWellFormed = false;
      while (at < end && bytes[at] !== SLASH) at++;
    }
    if (at >= end) return false;
    at++;
  }
  const start = skipBlanks(bytes, at, end);
  at = runEnd(bytes, start, end, TOKEN);
  if (at === start || (at < end && !isBlank(bytes[at]!))) {
    span.isWellFormed = false;
    at = runEnd(bytes, at, end, IN_TRANSPORT);
  }
  span.transport = transportName(text, start, at);
  span.sentByStart = skipBlanks(bytes, at, end);
  return span.sentByStart > at && span.sentByStart < end;
}

/** False when the sent-by is empty. */
function scanHost(text: string, bytes: Uint8Array, span: OpenSpan, end: number): boolean {
  let hostEnd = hostEndAt(text, span.sentByStart, end);
  if (hostEnd < 0 || (hostEnd < end && IN_HOST[bytes[hostEnd]!] === 1)) {
    span.isWellFormed = false;
    hostEnd = oddHostEnd(text, bytes, span.sentByStart, end);
  }
  span.hostEnd = hostEnd;
  span.sentByEnd = hostEnd;
  return hostEnd > span.sentByStart;
}

function oddHostEnd(text: string, bytes: Uint8Array, from: number, end: number): number {
  if (bytes[from] !== OPEN) return runEnd(bytes, from, end, IN_HOST);
  const close = text.indexOf(']', from);
  return close > from && close < end ? close + 1 : from;
}

/** False when there is a colon without a number. */
function scanPort(bytes: Uint8Array, span: OpenSpan, end: number): boolean {
  let at = skipBlanks(bytes, span.hostEnd, end);
  if (at >= end || bytes[at] !== COLON) return true;
  at = skipBlanks(bytes, at + 1, end);
  const start = at;
  let port = 0;
  for (; at < end && isDigit(bytes[at]!); at++) port = Math.min(port * 10 + bytes[at]! - 48, PORT_MAX + 1);
  span.sentByEnd = at;
  if (port > 0 && port <= PORT_MAX) span.port = port;
  else span.isWellFormed = false;
  return at > start;
}

/** False when something else than a parameter or a comma follows. `stamps`: takes what `isStamped` is about. */
function scanParams(bytes: Uint8Array, span: OpenSpan, end: number, stamps?: Stamps, text = ''): boolean {
  let at = span.sentByEnd;
  let rports = 0;
  for (;;) {
    at = skipBlanks(bytes, at, end);
    if (at >= end || bytes[at] === COMMA) break;
    if (bytes[at] !== SEMICOLON) return false;
    const from = at;
    const nameStart = skipBlanks(bytes, at + 1, end);
    at = runEnd(bytes, nameStart, end, TOKEN);
    if (at === nameStart || (at < end && IN_NAME[bytes[at]!] === 1)) {
      span.isWellFormed = false;
      at = runEnd(bytes, at, end, IN_NAME);
    }
    const nameEnd = at;
    const nameLength = at - nameStart;
    at = skipBlanks(bytes, at, end);
    const hasValue = at < end && bytes[at] === EQUALS;
    const valueStart = hasValue ? skipBlanks(bytes, at + 1, end) : 0;
    if (hasValue) at = scanParamValue(bytes, span, valueStart, end);
    if (nameLength === 6 && hasValue && isWord(bytes, nameStart, BRANCH)) {
      span.branchStart = valueStart;
      span.branchEnd = at;
    } else if (nameLength === 5 && isWord(bytes, nameStart, RPORT)) {
      const isFirst = rports++ === 0;
      if (isFirst && !hasValue) span.rportEnd = nameEnd;
      else span.isStamped = true;
      if (stamps !== undefined && isFirst && hasValue) stamps.rport = text.substring(valueStart, at);
      if (!isFirst || hasValue) stamps?.cuts.push(isFirst ? nameEnd : from, hasValue ? at : nameEnd);
    } else if (nameLength === 8 && isWord(bytes, nameStart, RECEIVED)) {
      span.isStamped = true;
      if (stamps !== undefined && hasValue) stamps.received = text.substring(valueStart, at);
      stamps?.cuts.push(from, hasValue ? at : nameEnd);
    }
  }
  span.valueEnd = at;
  return true;
}

/** Where a value ends; a quoted string that does not close goes on to the end. */
function scanParamValue(bytes: Uint8Array, span: OpenSpan, from: number, end: number): number {
  const close = paramValueEndAt(bytes, from, end);
  if (close >= 0) return close;
  span.isWellFormed = false;
  return bytes[from] === QUOTE ? end : runEnd(bytes, from, end, IN_VALUE);
}

/** The cookie that says: this branch is unique in space and time. RFC 3261 §8.1.1.7. */
export function hasMagicCookie(text: string, via: ViaSpan): boolean {
  return via.branchEnd - via.branchStart > 7 && text.startsWith('z9hG4bK', via.branchStart);
}

/**
 * Adds `received` and fills in `rport`, so that the answer finds its way back through a NAT; the span is that of the
 * new text then. RFC 3261 §18.2.1; with `rport` present `received` is always added, RFC 3581 §4. What the sender says
 * of this himself is taken out: by it he would have the answer sent to somebody else.
 */
export function stampReceived(headers: Headers, via: ViaSpan, host: string, port: number): void {
  if (!via.isStamped) stampPlain(headers, via, host, port);
  else {
    takeStampsOut(headers, via);
    const plain = topVia(headers);
    if (plain !== undefined) stampPlain(headers, plain, host, port);
  }
}

function stampPlain(headers: Headers, via: ViaSpan, host: string, port: number): void {
  const { text } = headers;
  const span: OpenSpan = via;
  const received = `;received=${host}`;
  if (via.rportEnd === 0) {
    const sameHost = via.hostEnd - via.sentByStart === host.length && text.startsWith(host, via.sentByStart);
    if (sameHost) return;
    headers.spliceValue(via.place, via.valueEnd, via.valueEnd, received);
  } else {
    const rport = `=${port}`;
    const behind = text.substring(via.rportEnd, via.valueEnd);
    headers.spliceValue(via.place, via.rportEnd, via.valueEnd, rport + behind + received);
    if (via.branchStart > via.rportEnd) {
      span.branchStart += rport.length;
      span.branchEnd += rport.length;
    }
    span.rportEnd = 0;
    span.valueEnd += rport.length;
  }
  span.valueEnd += received.length;
  span.isStamped = true;
  // What is malformed may be read another way with more text behind it.
  if (via.isWellFormed) headers.viaSeen = span;
}

/** In one go, however often they stand there. */
function takeStampsOut(headers: Headers, via: ViaSpan): void {
  const { text } = headers;
  const { cuts } = stampsIn(text, via);
  let kept = '';
  let from = via.sentByEnd;
  for (let i = 0; i < cuts.length; i += 2) {
    kept += text.substring(from, cuts[i]);
    from = cuts[i + 1]!;
  }
  kept += text.substring(from, via.valueEnd);
  headers.spliceValue(via.place, via.sentByEnd, via.valueEnd, kept);
}

function stampsIn(text: string, via: ViaSpan): Stamps {
  const stamps: Stamps = { received: '', rport: '', cuts: [] };
  scanParams(bytesOf(text), { ...via }, via.valueEnd, stamps, text);
  return stamps;
}

/**
 * Where a response over UDP goes: `received` and `rport` of the topmost Via when present, else its sent-by.
 * RFC 3261 §18.2.2, RFC 3581 §4. Undefined when that is a name and no address.
 */
export function responseAddress(headers: Headers): { host: string; port: number } | undefined {
  const via = topVia(headers);
  if (via === undefined) return undefined;
  const { text } = headers;
  const { received, rport } = stampsIn(text, via);
  const isPort = portEndAt(rport, 0, rport.length) === rport.length;
  const port = isPort ? Number(rport) : via.port || 5060;
  const source = withoutBrackets(received);
  const host = isIpAddress(source) ? source : withoutBrackets(text.substring(via.sentByStart, via.hostEnd));
  return isIpAddress(host) ? { host, port } : undefined;
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function isWord(bytes: Uint8Array, at: number, letters: Uint8Array): boolean {
  for (let i = 0; i < letters.length; i++) if ((bytes[at + i]! | 32) !== letters[i]) return false;
  return true;
}

function transportName(text: string, from: number, to: number): string {
  if (to - from === 3) {
    if (text.startsWith('UDP', from)) return 'UDP';
    if (text.startsWith('TCP', from)) return 'TCP';
  }
  return text.substring(from, to).toUpperCase();
}

/**
 * Whether the topmost Via carried `rport`; `stampReceived` has given it its value by now. Grammar allows what few
 * write: `; rport = 5060`, `;RPORT=5060`.
 */
export function hasRport(text: string, via: ViaSpan): boolean {
  if (via.rportEnd > 0) return true;
  for (let at = text.indexOf(';', via.sentByEnd); at >= 0 && at < via.valueEnd; at = text.indexOf(';', at)) {
    at++;
    while (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9) at++;
    if ((text.charCodeAt(at) | 32) === 114 && text.substring(at, at + 5).toLowerCase() === 'rport')
      return true;
  }
  return false;
}
