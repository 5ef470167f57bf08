/** The top Via: who is answered, and where. RFC 3261 §18.2.1, §20.42; RFC 3581. */
import { isIp4 } from '../base/endpoint.ts';
import { VIA } from './header-table.ts';
import type { Headers } from './headers.ts';

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
  /** 0 when sent-by names none. */
  readonly port: number;
  /** Both 0 without a branch parameter. */
  readonly branchStart: number;
  readonly branchEnd: number;
  /** Behind the word `rport` when it stands without a value, else 0. */
  readonly rportEnd: number;
  /** The end of this value: a comma or the end of the field. */
  readonly valueEnd: number;
}

/** A span while it is read. */
type OpenSpan = { -readonly [key in keyof ViaSpan]: ViaSpan[key] };

const TAB = 9;
const CR = 13;
const LF = 10;
const SP = 32;
const COMMA = 44;
const SLASH = 47;
const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;
const OPEN = 91;
const CLOSE = 93;
const QUOTE = 34;

/** Undefined when the topmost Via is missing or malformed. */
export function topVia(headers: Headers): ViaSpan | undefined {
  if (headers.viaSeen !== undefined) return headers.viaSeen;
  const place = headers.find(VIA);
  if (place < 0) return undefined;
  return (headers.viaSeen = scanVia(headers.text, place, headers.valueStart(place), headers.valueEnd(place)));
}

/** Reads one Via value that begins at `from`. */
export function scanVia(text: string, place: number, from: number, end: number): ViaSpan | undefined {
  let at = from;
  for (let slashes = 0; slashes < 2; at++) {
    if (at >= end) return undefined;
    if (text.charCodeAt(at) === SLASH) slashes++;
  }
  const transportStart = skipBlank(text, at, end);
  at = transportStart;
  while (at < end && !isBlank(text.charCodeAt(at))) at++;
  const transport = transportName(text, transportStart, at);
  const sentByStart = skipBlank(text, at, end);
  if (sentByStart === at || sentByStart >= end) return undefined;
  const hostEnd = hostEndAt(text, sentByStart, end);
  if (hostEnd === sentByStart) return undefined;
  const span: OpenSpan = {
    place,
    transport,
    sentByStart,
    hostEnd,
    sentByEnd: hostEnd,
    port: 0,
    branchStart: 0,
    branchEnd: 0,
    rportEnd: 0,
    valueEnd: 0,
  };
  return scanPort(text, span, end) && scanParams(text, span, end) ? span : undefined;
}

/** False when there is a colon without a port. */
function scanPort(text: string, span: OpenSpan, end: number): boolean {
  let at = skipBlank(text, span.hostEnd, end);
  if (at >= end || text.charCodeAt(at) !== COLON) return true;
  at = skipBlank(text, at + 1, end);
  let port = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9) || port > 65_535) break;
    port = port * 10 + digit;
  }
  span.port = port;
  span.sentByEnd = at;
  return port > 0 && port <= 65_535;
}

/** False when something else than a parameter or a comma follows. */
function scanParams(text: string, span: OpenSpan, end: number): boolean {
  let at = span.sentByEnd;
  for (;;) {
    at = skipBlank(text, at, end);
    if (at >= end || text.charCodeAt(at) === COMMA) break;
    if (text.charCodeAt(at) !== SEMICOLON) return false;
    const nameStart = skipBlank(text, at + 1, end);
    at = nameStart;
    while (at < end && !endsName(text.charCodeAt(at))) at++;
    const nameLength = at - nameStart;
    at = skipBlank(text, at, end);
    const hasValue = at < end && text.charCodeAt(at) === EQUALS;
    const valueStart = hasValue ? skipBlank(text, at + 1, end) : 0;
    if (hasValue) at = paramValueEnd(text, valueStart, end);
    if (nameLength === 6 && hasValue && isWord(text, nameStart, 'branch')) {
      span.branchStart = valueStart;
      span.branchEnd = at;
    } else if (nameLength === 5 && !hasValue && isWord(text, nameStart, 'rport'))
      span.rportEnd = nameStart + 5;
  }
  span.valueEnd = at;
  return true;
}

/** The cookie that says: this branch is unique in space and time. RFC 3261 §8.1.1.7. */
export function hasMagicCookie(text: string, via: ViaSpan): boolean {
  return via.branchEnd - via.branchStart > 7 && text.startsWith('z9hG4bK', via.branchStart);
}

/**
 * Adds `received` and fills in `rport`, so that the answer finds its way back through a NAT.
 * RFC 3261 §18.2.1; with `rport` present `received` is always added, RFC 3581 §4.
 */
export function stampReceived(headers: Headers, via: ViaSpan, host: string, port: number): void {
  const { text } = headers;
  const sameHost = via.hostEnd - via.sentByStart === host.length && text.startsWith(host, via.sentByStart);
  if (via.rportEnd === 0) {
    if (!sameHost) headers.spliceValue(via.place, via.valueEnd, via.valueEnd, `;received=${host}`);
    return;
  }
  const behind = text.substring(via.rportEnd, via.valueEnd);
  headers.spliceValue(via.place, via.rportEnd, via.valueEnd, `=${port}${behind};received=${host}`);
}

/**
 * Where a response over UDP goes: `received` and `rport` of the topmost Via when present, else its sent-by.
 * RFC 3261 §18.2.2, RFC 3581 §4. Undefined when that is a name and no address.
 */
export function responseAddress(headers: Headers): { host: string; port: number } | undefined {
  const via = topVia(headers);
  if (via === undefined) return undefined;
  const { text } = headers;
  const value = text.substring(via.sentByEnd, via.valueEnd);
  const port = Number(/;\s*rport\s*=\s*(\d{1,5})/i.exec(value)?.[1] ?? (via.port || 5060));
  const received = /;\s*received\s*=\s*\[?([0-9a-fA-F.:]+)\]?/i.exec(value)?.[1];
  const host = received ?? text.substring(via.sentByStart, via.hostEnd).replace(/^\[|\]$/g, '');
  return isIp4(host) || host.includes(':') ? { host, port } : undefined;
}

function skipBlank(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  return at;
}

function isBlank(c: number): boolean {
  return c === SP || c === TAB || c === CR || c === LF;
}

function hostEndAt(text: string, from: number, end: number): number {
  if (text.charCodeAt(from) === OPEN) {
    const close = text.indexOf(']', from);
    return close > from && close < end ? close + 1 : from;
  }
  let at = from;
  for (; at < end; at++) {
    const c = text.charCodeAt(at);
    if (c === COLON || c === SEMICOLON || c === COMMA || isBlank(c) || c === CLOSE) break;
  }
  return at;
}

function endsName(c: number): boolean {
  return c === EQUALS || c === SEMICOLON || c === COMMA || isBlank(c);
}

function paramValueEnd(text: string, from: number, end: number): number {
  let at = from;
  if (text.charCodeAt(at) === QUOTE) {
    for (at++; at < end && text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === 92) at++;
    return Math.min(at + 1, end);
  }
  for (; at < end; at++) {
    const c = text.charCodeAt(at);
    if (c === SEMICOLON || c === COMMA || isBlank(c)) break;
  }
  return at;
}

function isWord(text: string, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++)
    if ((text.charCodeAt(at + i) | 32) !== word.charCodeAt(i)) return false;
  return true;
}

function transportName(text: string, from: number, to: number): string {
  if (to - from === 3) {
    if (text.startsWith('UDP', from)) return 'UDP';
    if (text.startsWith('TCP', from)) return 'TCP';
  }
  return text.substring(from, to).toUpperCase();
}
