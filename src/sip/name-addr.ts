/** From, To, Contact, Route and their like: name-addr and addr-spec with parameters. RFC 3261 §20.10, §25.1. */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import {
  allBut,
  BLANKS,
  INVISIBLE,
  isBlank,
  isTokenChar,
  quoted,
  quotedEnd,
  runEnd,
  skipBlanks,
  TOKEN,
  unquoted,
} from './scan.ts';
import {
  emptyParams,
  NO_PARAMS,
  type Params,
  parseUriBetween,
  printUri,
  schemeEndAt,
  type Uri,
} from './uri.ts';
import { usualNames } from './usual-words.ts';

/** One value of such a field. Parameter values stand here without their quotes. */
export interface NameAddr {
  readonly name?: string | undefined;
  readonly uri: Uri;
  readonly params: Params;
}

const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const LESS = 60;
const EQUALS = 61;
const GREATER = 62;

/** A URI is ASCII; what else stands in it is for `parseUri` to judge. */
const IN_BRACKETS = allBut(`${INVISIBLE}"<>\\`).fill(0, 128);
const IN_ADDR_SPEC = allBut(`${INVISIBLE}"<>\\;,?`).fill(0, 128);
const IN_VALUE = allBut(`${INVISIBLE}"<>;,`);
const IN_TAG = allBut(`${BLANKS};,`);

/** Positions that the last call of `addressEndAt` found; read at once by its caller. */
const found = { nameStart: 0, nameEnd: 0, uriStart: 0, uriEnd: 0, tagStart: 0 };

/** Throws SipError 400, or 416 for a scheme we do not know. */
export function parseNameAddr(value: string): NameAddr {
  const end = addressEndAt(bytesOf(value), 0, value.length);
  if (end !== value.length) throw malformed(value);
  return nameAddrAt(value, end);
}

/** Every value of one field. Throws SipError 400 or 416. */
export function parseNameAddrList(value: string): readonly NameAddr[] {
  const addresses: NameAddr[] = [];
  const bytes = bytesOf(value);
  for (let at = 0; at <= value.length; at++) {
    at = addressEndAt(bytes, at, value.length);
    if (at < 0) throw malformed(value);
    addresses.push(nameAddrAt(value, at));
  }
  return addresses;
}

/** The value that `addressEndAt` has just walked through. */
function nameAddrAt(value: string, end: number): NameAddr {
  const { nameStart, nameEnd, uriStart, uriEnd } = found;
  const uri = parseUriBetween(value, uriStart, uriEnd);
  const paramsStart = value.charCodeAt(uriEnd) === GREATER ? uriEnd + 1 : uriEnd;
  return { name: displayName(value, nameStart, nameEnd), uri, params: parseParams(value, paramsStart, end) };
}

function displayName(value: string, from: number, to: number): string | undefined {
  if (from === to) return undefined;
  if (value.charCodeAt(from) === QUOTE) return unquoted(value.substring(from + 1, to - 1));
  return value.substring(from, to);
}

/** The parameters of a well-formed value. */
function parseParams(value: string, from: number, end: number): Params {
  const bytes = bytesOf(value);
  let at = skipBlanks(bytes, from, end);
  if (at >= end) return NO_PARAMS;
  const params = emptyParams();
  while (at < end) {
    const nameStart = skipBlanks(bytes, at + 1, end);
    const nameEnd = runEnd(bytes, nameStart, end, TOKEN);
    const name =
      usualNames.between(bytes, nameStart, nameEnd) ?? value.substring(nameStart, nameEnd).toLowerCase();
    if (name in params) throw new SipError('BAD_HEADER', 400, `the parameter ${name} stands twice`);
    at = skipBlanks(bytes, nameEnd, end);
    params[name] = true;
    if (bytes[at] !== EQUALS) continue;
    const valueStart = skipBlanks(bytes, at + 1, end);
    at = paramValueEndAt(bytes, valueStart, end);
    const isQuoted = bytes[valueStart] === QUOTE;
    params[name] = isQuoted
      ? unquoted(value.substring(valueStart + 1, at - 1))
      : value.substring(valueStart, at);
    at = skipBlanks(bytes, at, end);
  }
  return params;
}

function malformed(value: string): SipError {
  return new SipError(
    'BAD_HEADER',
    400,
    `expected an address such as "Bob" <sip:bob@example.com>, got ${shown(value)}`,
  );
}

const SHOWN_MAX = 80;

function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.substring(0, SHOWN_MAX)}…` : value);
}

/** As text, the URI always in `<…>`: so no parameter can change sides. */
export function printNameAddr(address: NameAddr): string {
  let out = address.name === undefined ? '' : `${quoted(address.name)} `;
  out += `<${printUri(address.uri)}>`;
  for (const name in address.params) {
    const value = address.params[name];
    out += typeof value === 'string' ? `;${name}=${printedValue(name, value)}` : `;${name}`;
  }
  return out;
}

/** Feature parameters are always quoted (RFC 3840 §9), others when they are neither token nor host. */
function printedValue(name: string, value: string): string {
  if (name.startsWith('+') || value === '') return quoted(value);
  for (let at = 0; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (!isTokenChar(c) && c !== 58 && c !== 91 && c !== 93) return quoted(value);
  }
  return value;
}

/** The values of a field that lists several: split at commas outside quotes and `<…>`, blanks taken off. */
export function splitList(value: string): string[] {
  const values: string[] = [];
  const bytes = bytesOf(value);
  let from = 0;
  let inBrackets = false;
  for (let at = 0; at < value.length; at++) {
    const c = bytes[at];
    if (c === QUOTE && !inBrackets) {
      const end = quotedEnd(bytes, at, value.length);
      at = end < 0 ? value.length : end - 1;
    } else if (c === LESS) inBrackets = true;
    else if (c === GREATER) inBrackets = false;
    else if (c === COMMA && !inBrackets) {
      values.push(value.substring(from, at).trim());
      from = at + 1;
    }
  }
  values.push(value.substring(from).trim());
  return values.filter((part) => part !== '');
}

/**
 * The `tag` of the one address that is all of [from, to), '' when it has none; undefined when it is malformed. Looks at
 * the form only: any scheme will do.
 */
export function tagOfAddress(text: string, from: number, to: number): string | undefined {
  const bytes = bytesOf(text);
  if (addressEndAt(bytes, from, to) !== to) return undefined;
  const { tagStart } = found;
  return tagStart === 0 ? '' : text.substring(tagStart, runEnd(bytes, tagStart, to, IN_TAG));
}

/** Whether [from, to) holds one or more addresses with commas between, of any scheme. */
export function isWellFormedAddressList(text: string, from: number, to: number): boolean {
  const bytes = bytesOf(text);
  for (let at = from; ; at++) {
    at = addressEndAt(bytes, at, to);
    if (at === to) return true;
    if (at < 0) return false;
  }
}

/**
 * Walks over one address: answers where it ends, at a comma or at `to`, or -1 when it is malformed.
 *
 *   "Bob Smith" <sip:bob@example.com;lr> ;tag=43 , …
 *   │          │ │                      │       │
 *   nameStart  │ uriStart               uriEnd  end
 *              nameEnd
 */
function addressEndAt(bytes: Uint8Array, from: number, to: number): number {
  let at = skipBlanks(bytes, from, to);
  found.nameStart = at;
  found.nameEnd = at;
  found.tagStart = 0;
  if (at >= to) return -1;
  if (bytes[at] === QUOTE) {
    at = quotedEnd(bytes, at, to);
    if (at < 0) return -1;
    found.nameEnd = at;
    at = skipBlanks(bytes, at, to);
    if (at >= to || bytes[at] !== LESS) return -1;
  } else if (bytes[at] !== LESS) {
    const open = displayNameEndAt(bytes, at, to);
    if (open < 0) return addrSpecEndAt(bytes, at, to);
    at = open;
  }
  const close = bracketEndAt(bytes, at, to);
  return close < 0 ? -1 : paramsEndAt(bytes, close, to);
}

/** Where the `<` behind a display name of tokens stands; -1 when something else stands there. */
function displayNameEndAt(bytes: Uint8Array, from: number, to: number): number {
  let nameEnd = from;
  for (let at = from; at < to; at++) {
    const c = bytes[at]!;
    if (c === LESS) {
      found.nameEnd = nameEnd;
      return at;
    }
    if (isBlank(c)) continue;
    // UTF-8 outside quotes is no token, but phones send it and it cannot be mistaken for anything else.
    if (!isTokenChar(c) && c < 128) return -1;
    nameEnd = at + 1;
  }
  return -1;
}

/** Behind the `>` of the URI that opens at `from`; -1 when it is empty, has no scheme or holds a blank. */
function bracketEndAt(bytes: Uint8Array, from: number, to: number): number {
  const start = from + 1;
  const colon = schemeEndAt(bytes, start, to);
  if (colon < 0) return -1;
  const end = runEnd(bytes, colon + 1, to, IN_BRACKETS);
  if (end >= to || bytes[end] !== GREATER || end === colon + 1) return -1;
  found.uriStart = start;
  found.uriEnd = end;
  return end + 1;
}

/**
 * The same for a URI without brackets. What follows its semicolon are parameters of the field,
 * and a question mark must not stand in it (§20.10).
 */
function addrSpecEndAt(bytes: Uint8Array, from: number, to: number): number {
  const colon = schemeEndAt(bytes, from, to);
  if (colon < 0) return -1;
  const end = runEnd(bytes, colon + 1, to, IN_ADDR_SPEC);
  if (end === colon + 1 || !endsValue(bytes, end, to)) return -1;
  found.uriStart = from;
  found.uriEnd = end;
  return paramsEndAt(bytes, end, to);
}

/** Walks over `;name=value;name` as far as a comma or `to`; -1 when malformed. */
function paramsEndAt(bytes: Uint8Array, from: number, to: number): number {
  let at = skipBlanks(bytes, from, to);
  while (at < to && bytes[at] !== COMMA) {
    if (bytes[at] !== SEMICOLON) return -1;
    const nameStart = skipBlanks(bytes, at + 1, to);
    const nameEnd = runEnd(bytes, nameStart, to, TOKEN);
    if (nameEnd === nameStart) return -1;
    at = skipBlanks(bytes, nameEnd, to);
    if (at >= to || bytes[at] !== EQUALS) continue;
    const valueStart = skipBlanks(bytes, at + 1, to);
    at = paramValueEndAt(bytes, valueStart, to);
    if (at < 0) return -1;
    at = skipBlanks(bytes, at, to);
    if (found.tagStart === 0 && nameEnd - nameStart === 3 && isTag(bytes, nameStart))
      found.tagStart = valueStart;
  }
  return at;
}

function isTag(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! | 32) === 116 && (bytes[at + 1]! | 32) === 97 && (bytes[at + 2]! | 32) === 103;
}

/** Behind a quoted string, or behind a run of anything that cannot be mistaken for what follows it; -1 when empty. */
export function paramValueEndAt(bytes: Uint8Array, from: number, to: number): number {
  if (from < to && bytes[from] === QUOTE) return quotedEnd(bytes, from, to);
  const end = runEnd(bytes, from, to, IN_VALUE);
  return end > from && endsValue(bytes, end, to) ? end : -1;
}

/** Whether a value may end here: at a semicolon, a comma, a blank or the end of the field. */
function endsValue(bytes: Uint8Array, at: number, to: number): boolean {
  if (at >= to) return true;
  const c = bytes[at]!;
  return c === SEMICOLON || c === COMMA || isBlank(c);
}
