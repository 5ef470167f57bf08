/** From, To, Contact, Route and their like: name-addr and addr-spec with parameters. RFC 3261 §20.10, §25.1. */
import { SipError } from '../base/errors.ts';
import { isTokenChar } from './headers.ts';
import { isBlank, quoted, quotedEnd, skipBlanks, unquoted } from './scan.ts';
import { emptyParams, NO_PARAMS, type Params, parseUri, printUri, schemeEndAt, type Uri } from './uri.ts';

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
const QUESTION = 63;
const BACKSLASH = 92;
const DELETE = 127;

/** Positions that the last call of `addressEndAt` found; read at once by its caller. */
const found = { nameStart: 0, nameEnd: 0, uriStart: 0, uriEnd: 0 };

/** Throws SipError 400, or 416 for a scheme we do not know. */
export function parseNameAddr(value: string): NameAddr {
  const end = addressEndAt(value, 0, value.length);
  if (end !== value.length) throw malformed(value);
  return nameAddrAt(value, end);
}

/** Every value of one field. Throws SipError 400 or 416. */
export function parseNameAddrList(value: string): readonly NameAddr[] {
  const addresses: NameAddr[] = [];
  for (let at = 0; at <= value.length; at++) {
    at = addressEndAt(value, at, value.length);
    if (at < 0) throw malformed(value);
    addresses.push(nameAddrAt(value, at));
  }
  return addresses;
}

/** The value that `addressEndAt` has just walked through. */
function nameAddrAt(value: string, end: number): NameAddr {
  const { nameStart, nameEnd, uriStart, uriEnd } = found;
  const uri = parseUri(value.substring(uriStart, uriEnd));
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
  let at = skipBlanks(value, from, end);
  if (at >= end) return NO_PARAMS;
  const params = emptyParams();
  while (at < end) {
    const nameStart = skipBlanks(value, at + 1, end);
    const nameEnd = tokenEndAt(value, nameStart, end);
    const name = value.substring(nameStart, nameEnd).toLowerCase();
    if (name in params) throw new SipError('BAD_HEADER', 400, `the parameter ${name} stands twice`);
    at = skipBlanks(value, nameEnd, end);
    params[name] = true;
    if (value.charCodeAt(at) !== EQUALS) continue;
    const valueStart = skipBlanks(value, at + 1, end);
    at = paramValueEndAt(value, valueStart, end);
    const isQuoted = value.charCodeAt(valueStart) === QUOTE;
    params[name] = isQuoted
      ? unquoted(value.substring(valueStart + 1, at - 1))
      : value.substring(valueStart, at);
    at = skipBlanks(value, at, end);
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
  let from = 0;
  let inBrackets = false;
  for (let at = 0; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === QUOTE && !inBrackets) {
      const end = quotedEnd(value, at, value.length);
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

/** Whether [from, to) holds exactly one address. Looks at the form only: any scheme will do. */
export function isWellFormedAddress(text: string, from: number, to: number): boolean {
  return addressEndAt(text, from, to) === to;
}

/** Whether [from, to) holds one or more addresses with commas between. */
export function isWellFormedAddressList(text: string, from: number, to: number): boolean {
  for (let at = from; ; at++) {
    at = addressEndAt(text, at, to);
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
function addressEndAt(text: string, from: number, to: number): number {
  let at = skipBlanks(text, from, to);
  found.nameStart = at;
  found.nameEnd = at;
  if (at >= to) return -1;
  if (text.charCodeAt(at) === QUOTE) {
    at = quotedEnd(text, at, to);
    if (at < 0) return -1;
    found.nameEnd = at;
    at = skipBlanks(text, at, to);
    if (at >= to || text.charCodeAt(at) !== LESS) return -1;
  } else if (text.charCodeAt(at) !== LESS) {
    const open = displayNameEndAt(text, at, to);
    if (open < 0) return addrSpecEndAt(text, at, to);
    at = open;
  }
  const close = bracketEndAt(text, at, to);
  return close < 0 ? -1 : paramsEndAt(text, close, to);
}

/** Where the `<` behind a display name of tokens stands; -1 when something else stands there. */
function displayNameEndAt(text: string, from: number, to: number): number {
  let nameEnd = from;
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
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
function bracketEndAt(text: string, from: number, to: number): number {
  const start = from + 1;
  const colon = schemeEndAt(text, start, to);
  if (colon < 0) return -1;
  let at = colon + 1;
  for (; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === GREATER) break;
    if (!isUriChar(c)) return -1;
  }
  if (at >= to || at === colon + 1) return -1;
  found.uriStart = start;
  found.uriEnd = at;
  return at + 1;
}

/**
 * The same for a URI without brackets. What follows its semicolon are parameters of the field,
 * and a question mark must not stand in it (§20.10).
 */
function addrSpecEndAt(text: string, from: number, to: number): number {
  const colon = schemeEndAt(text, from, to);
  if (colon < 0) return -1;
  let at = colon + 1;
  for (; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === SEMICOLON || c === COMMA || isBlank(c)) break;
    if (c === QUESTION || c === GREATER || !isUriChar(c)) return -1;
  }
  if (at === colon + 1) return -1;
  found.uriStart = from;
  found.uriEnd = at;
  return paramsEndAt(text, at, to);
}

function isUriChar(c: number): boolean {
  return c > 32 && c < DELETE && c !== QUOTE && c !== LESS && c !== BACKSLASH;
}

/** Walks over `;name=value;name` as far as a comma or `to`; -1 when malformed. Via has the same form. */
export function paramsEndAt(text: string, from: number, to: number): number {
  let at = skipBlanks(text, from, to);
  while (at < to && text.charCodeAt(at) !== COMMA) {
    if (text.charCodeAt(at) !== SEMICOLON) return -1;
    const nameStart = skipBlanks(text, at + 1, to);
    const nameEnd = tokenEndAt(text, nameStart, to);
    if (nameEnd === nameStart) return -1;
    at = skipBlanks(text, nameEnd, to);
    if (at >= to || text.charCodeAt(at) !== EQUALS) continue;
    at = paramValueEndAt(text, skipBlanks(text, at + 1, to), to);
    if (at < 0) return -1;
    at = skipBlanks(text, at, to);
  }
  return at;
}

function tokenEndAt(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isTokenChar(text.charCodeAt(at))) at++;
  return at;
}

/** Behind a quoted string, or behind a run of anything that cannot be mistaken for what follows it; -1 when empty. */
function paramValueEndAt(text: string, from: number, to: number): number {
  if (from < to && text.charCodeAt(from) === QUOTE) return quotedEnd(text, from, to);
  let at = from;
  for (; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === SEMICOLON || c === COMMA || isBlank(c)) break;
    if (c < 32 || c === DELETE || c === QUOTE || c === LESS || c === GREATER) return -1;
  }
  return at > from ? at : -1;
}
