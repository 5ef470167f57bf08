/** From, To, Contact, Route and their like: `"Bob" <sip:bob@example.com>;tag=1`. RFC 3261 §20.10, §25.1 */
import { SipError } from '../base/errors.ts';
import { isTokenChar } from './headers.ts';
import { isBlank, quoted, quotedEnd, skipBlanks, unquoted } from './scan.ts';
import { emptyParams, NO_PARAMS, type Params, parseUri, printUri, schemeEndAt, type Uri } from './uri.ts';

export interface NameAddr {
  /** The display name, unescaped. */
  readonly name?: string;
  readonly uri: Uri;
  readonly params: Params;
}

const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const LESS = 60;
const EQUALS = 61;
const GREATER = 62;
const BACKSLASH = 92;

/** Where the parts of a value stand: name in [from, nameEnd), URI in [uriFrom, uriTo), parameters from `params`. */
interface Span {
  readonly nameEnd: number;
  readonly uriFrom: number;
  readonly uriTo: number;
  readonly params: number;
}

/** Throws SipError 400, or 416 for a URI of another scheme. */
export function parseNameAddr(value: string): NameAddr {
  const span = spanOf(value, 0, value.length);
  if (span === undefined) throw new SipError('BAD_HEADER', 400, `expected an address, got ${shown(value)}`);
  const uri = parseUri(value.substring(span.uriFrom, span.uriTo));
  const params = parseParams(value, span.params);
  const name = displayName(value.substring(0, span.nameEnd).trim());
  return name === undefined ? { uri, params } : { name, uri, params };
}

export function parseNameAddrList(value: string): readonly NameAddr[] {
  return splitList(value).map((part) => parseNameAddr(part));
}

/** A display name that is no token is quoted. */
export function printNameAddr(address: NameAddr): string {
  const name = address.name === undefined ? '' : `${quoted(address.name)} `;
  let out = `${name}<${printUri(address.uri)}>`;
  for (const [key, value] of Object.entries(address.params)) out += value === true ? `;${key}` : `;${key}=${value}`;
  return out;
}

/** The values of a comma-separated field: commas in quotes and between < and > divide nothing. RFC 3261 §7.3.1 */
export function splitList(value: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  let bracketed = false;
  for (let at = 0; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === QUOTE) {
      const end = quotedEnd(value, at, value.length);
      if (end < 0) break;
      at = end - 1;
    } else if (c === LESS) bracketed = true;
    else if (c === GREATER) bracketed = false;
    else if (c === COMMA && !bracketed) {
      parts.push(value.substring(from, at).trim());
      from = at + 1;
    }
  }
  parts.push(value.substring(from).trim());
  return parts.filter((part) => part !== '');
}

/** Whether [from, to) has the form of one address; nothing is copied. The URI itself is not parsed. */
export function isWellFormedAddress(text: string, from: number, to: number): boolean {
  const span = spanOf(text, from, to);
  if (span === undefined) return false;
  if (schemeEndAt(text, span.uriFrom, span.uriTo) < 0) return false;
  for (let at = span.uriFrom; at < span.uriTo; at++) {
    const c = text.charCodeAt(at);
    if (c <= 32 || c === 127 || c === QUOTE || c === LESS || c === GREATER) return false;
  }
  return paramsEnd(text, span.params, to) === to;
}

/** Where the address that begins at `from` ends: at a comma outside quotes and brackets, or at `to`. */
export function addressEnd(text: string, from: number, to: number): number {
  let bracketed = false;
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === QUOTE) {
      const end = quotedEnd(text, at, to);
      if (end < 0) return to;
      at = end - 1;
    } else if (c === LESS) bracketed = true;
    else if (c === GREATER) bracketed = false;
    else if (c === COMMA && !bracketed) return at;
  }
  return to;
}

function spanOf(text: string, from: number, to: number): Span | undefined {
  let at = skipBlanks(text, from, to);
  const start = at;
  if (text.charCodeAt(at) === QUOTE && at < to) {
    const end = quotedEnd(text, at, to);
    if (end < 0) return undefined;
    at = skipBlanks(text, end, to);
    return text.charCodeAt(at) === LESS && at < to ? bracketedSpan(text, at, to) : undefined;
  }
  // Tokens and blanks may stand before the bracket; without one, the URI begins here and has no parameters (§20.10).
  while (at < to && (isTokenChar(text.charCodeAt(at)) || isBlank(text.charCodeAt(at)) || isUtf8(text.charCodeAt(at)))) at++;
  if (at < to && text.charCodeAt(at) === LESS) return bracketedSpan(text, at, to);
  let uriTo = start;
  while (uriTo < to && text.charCodeAt(uriTo) !== SEMICOLON && !isBlank(text.charCodeAt(uriTo))) {
    if (text.charCodeAt(uriTo) === LESS || text.charCodeAt(uriTo) === 63) return undefined; // `?` needs brackets.
    uriTo++;
  }
  const params = skipBlanks(text, uriTo, to);
  if (uriTo === start || (params < to && text.charCodeAt(params) !== SEMICOLON)) return undefined;
  return { nameEnd: start, uriFrom: start, uriTo, params };
}

function bracketedSpan(text: string, open: number, to: number): Span | undefined {
  let close = open + 1;
  while (close < to && text.charCodeAt(close) !== GREATER) close++;
  if (close >= to || close === open + 1) return undefined;
  return { nameEnd: open, uriFrom: open + 1, uriTo: close, params: skipBlanks(text, close + 1, to) };
}

/** Peers send names in UTF-8 without quotes: nobody else's parser trips over them. */
function isUtf8(c: number): boolean {
  return c >= 128;
}

function displayName(text: string): string | undefined {
  if (text === '') return undefined;
  return text.charCodeAt(0) === QUOTE ? unquoted(text.substring(1, text.length - 1)) : text;
}

function parseParams(text: string, from: number): Params {
  if (from >= text.length) return NO_PARAMS;
  const params = emptyParams();
  let at = from;
  while (at < text.length) {
    if (text.charCodeAt(at) !== SEMICOLON) throw new SipError('BAD_HEADER', 400, `expected ; in ${shown(text)}`);
    const nameFrom = skipBlanks(text, at + 1, text.length);
    at = nameFrom;
    while (at < text.length && isTokenChar(text.charCodeAt(at))) at++;
    const name = text.substring(nameFrom, at).toLowerCase();
    at = skipBlanks(text, at, text.length);
    if (text.charCodeAt(at) !== EQUALS) {
      if (name !== '') params[name] = true;
      else if (at < text.length && text.charCodeAt(at) !== SEMICOLON) {
        throw new SipError('BAD_HEADER', 400, `expected a parameter in ${shown(text)}`);
      }
      continue;
    }
    const valueFrom = skipBlanks(text, at + 1, text.length);
    at = valueEnd(text, valueFrom, text.length);
    params[name] = text.substring(valueFrom, at);
    at = skipBlanks(text, at, text.length);
  }
  return params;
}

/** Where well-formed parameters that begin at `from` end. */
function paramsEnd(text: string, from: number, to: number): number {
  let at = skipBlanks(text, from, to);
  while (at < to && text.charCodeAt(at) === SEMICOLON) {
    at = skipBlanks(text, at + 1, to);
    while (at < to && isTokenChar(text.charCodeAt(at))) at++;
    at = skipBlanks(text, at, to);
    if (at < to && text.charCodeAt(at) === EQUALS) {
      at = skipBlanks(text, valueEnd(text, skipBlanks(text, at + 1, to), to), to);
    }
  }
  return at;
}

function valueEnd(text: string, from: number, to: number): number {
  if (text.charCodeAt(from) === QUOTE && from < to) {
    const end = quotedEnd(text, from, to);
    return end < 0 ? to : end;
  }
  let at = from;
  while (at < to && text.charCodeAt(at) !== SEMICOLON && text.charCodeAt(at) !== COMMA && !isBlank(text.charCodeAt(at))) {
    if (text.charCodeAt(at) === BACKSLASH) at++;
    at++;
  }
  return Math.min(at, to);
}

function shown(text: string): string {
  return JSON.stringify(text.substring(0, 80));
}
