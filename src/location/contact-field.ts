/** The Contact header fields of a REGISTER, read by hand: it is the path of every refresh. RFC 3261 §20.10. */
import { SipError } from '../base/errors.ts';
import { CONTACT } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';

/** One Contact value. */
export interface ContactValue {
  readonly uriText: string;
  /** Seconds of its own `expires`; undefined when it has none. */
  readonly expires: number | undefined;
  /** 0 to 1. */
  readonly q: number;
  /** `+sip.instance` without its quotes, which stands in `params` too. RFC 5626 §4.1 */
  readonly instance: string | undefined;
  /** RFC 5626 §4.2; undefined unless it is from 1 to 2^31 - 1. */
  readonly regId: number | undefined;
  /** Every parameter but `expires`, `q` and `reg-id` as it came, each with its semicolon. */
  readonly params: string;
}

/** More Contact values than this in one request are refused. */
export const CONTACTS_A_REQUEST_MAX = 100;

/** What an `expires` that is no number stands for. RFC 3261 §20.10, §20.19. */
export const MALFORMED_EXPIRES = 3600;

const FLOW_NUMBER_MAX = 0x7fffffff;

/** Longer times are cut to this: delta-seconds end here. RFC 3261 §20.19. */
const EXPIRES_MAX = 0xffffffff;

/** `*` when the one value is the star, else every value in order. Throws SipError 400. */
export function readContacts(headers: Headers): readonly ContactValue[] | '*' {
  const contacts: ContactValue[] = [];
  let stars = 0;
  for (let place = headers.find(CONTACT); place >= 0; place = headers.findFrom(CONTACT, place + 4)) {
    const value = headers.value(place);
    if (value === '*') stars++;
    else readLine(value, contacts);
  }
  if (stars === 0) return contacts;
  if (stars > 1 || contacts.length > 0) throw malformed('Contact * beside another Contact');
  return '*';
}

/** The URI of a From or To value, without `<>`. Throws SipError 400. */
export function uriOfAddress(value: string): string {
  const open = addressStart(value, 0);
  const end = uriEnd(value, open);
  const behind = skipBlank(value, isBracket(value, open) ? end + 1 : end);
  if (behind < value.length && value.charCodeAt(behind) !== SEMICOLON)
    throw malformed('text behind an address');
  return uriBetween(value, open, end);
}

function readLine(value: string, into: ContactValue[]): void {
  let at = skipBlank(value, 0);
  for (;;) {
    if (into.length === CONTACTS_A_REQUEST_MAX) {
      throw new SipError('TOO_MANY_CONTACTS', 403, `more than ${CONTACTS_A_REQUEST_MAX} contacts`);
    }
    at = readValue(value, at, into);
    if (at >= value.length) return;
    if (value.charCodeAt(at) !== COMMA) throw malformed('Contact with text behind its parameters');
    at = skipBlank(value, at + 1);
  }
}

/** Reads one value from `from` on, and answers where it ends: at a comma or the end of the field. */
function readValue(value: string, from: number, into: ContactValue[]): number {
  const open = addressStart(value, from);
  const end = uriEnd(value, open);
  const uriText = uriBetween(value, open, end);
  const at = skipBlank(value, isBracket(value, open) ? end + 1 : end);
  if (value.charCodeAt(at) === SEMICOLON) return readParams(value, at, uriText, into);
  into.push({ uriText, expires: undefined, q: 1, params: '', instance: undefined, regId: undefined });
  return at;
}

function isBracket(value: string, at: number): boolean {
  return value.charCodeAt(at) === LESS;
}

function uriEnd(value: string, open: number): number {
  const end = isBracket(value, open) ? value.indexOf('>', open) : bareUriEnd(value, open);
  if (end < 0) throw malformed('an address without its closing bracket');
  return end;
}

function uriBetween(value: string, open: number, end: number): string {
  const bracketed = isBracket(value, open);
  const uriText = value.substring(bracketed ? open + 1 : open, end);
  if (uriText === '') throw malformed('an address without a URI');
  // RFC 3261 §20: a URI with a question mark must stand in brackets, else its headers are nobody's.
  if (!bracketed && uriText.includes('?')) throw malformed('a URI with header fields outside of <>');
  return uriText;
}

function readParams(value: string, from: number, uriText: string, into: ContactValue[]): number {
  let expires: number | undefined;
  let q = 1;
  let params = '';
  let instance: string | undefined;
  let regId: number | undefined;
  let at = from;
  while (value.charCodeAt(at) === SEMICOLON) {
    const name = skipBlank(value, at + 1);
    const nameEnd = wordEnd(value, name);
    let valueStart = skipBlank(value, nameEnd);
    let valueEnd = nameEnd;
    if (value.charCodeAt(valueStart) === EQUALS) {
      valueStart = skipBlank(value, valueStart + 1);
      valueEnd =
        value.charCodeAt(valueStart) === QUOTE ? quotedEnd(value, valueStart) : wordEnd(value, valueStart);
    }
    if (isWord(value, name, nameEnd, 'expires')) expires = seconds(value, valueStart, valueEnd);
    else if (isWord(value, name, nameEnd, 'q')) q = qvalue(value, valueStart, valueEnd);
    else if (isWord(value, name, nameEnd, 'reg-id')) regId = flowNumber(value, valueStart, valueEnd);
    else if (valueEnd > name) {
      if (isWord(value, name, nameEnd, '+sip.instance')) instance = unquoted(value, valueStart, valueEnd);
      params += `;${value.substring(name, valueEnd)}`;
    }
    at = skipBlank(value, valueEnd);
  }
  into.push({ uriText, expires, q, params, instance, regId });
  return at;
}

/** Delta-seconds; what is no number stands for an hour, what is too long for the longest. RFC 3261 §20.19. */
export function seconds(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return MALFORMED_EXPIRES;
    value = Math.min(value * 10 + digit, EXPIRES_MAX);
  }
  return from < to ? value : MALFORMED_EXPIRES;
}

function flowNumber(text: string, from: number, to: number): number | undefined {
  const digits = text.substring(from, to);
  const value = to - from <= 10 ? Number(digits) : 0;
  return Number.isInteger(value) && value > 0 && value <= FLOW_NUMBER_MAX ? value : undefined;
}

/** Only a quoted string can be one. RFC 5626 §10 */
function unquoted(text: string, from: number, to: number): string | undefined {
  return text.charCodeAt(from) === QUOTE && to - from > 2 ? text.substring(from + 1, to - 1) : undefined;
}

/** `0.5`, `1`, `1.000`: at most three decimals, at most 1. RFC 3261 §25.1. */
function qvalue(text: string, from: number, to: number): number {
  const whole = text.charCodeAt(from) - 48;
  let thousandths = whole * 1000;
  let valid = (whole === 0 || whole === 1) && to > from && to - from <= 5;
  if (to > from + 1) valid &&= text.charCodeAt(from + 1) === DOT;
  for (let at = from + 2, weight = 100; at < to; at++, weight /= 10) {
    const digit = text.charCodeAt(at) - 48;
    valid &&= digit >= 0 && digit <= 9;
    thousandths += digit * weight;
  }
  if (!valid || thousandths > 1000) throw malformed('Contact with a q that is not 0 to 1');
  return thousandths / 1000;
}

/** Where the `<` stands, or the URI itself when there is none. Skips the display name. */
function addressStart(value: string, from: number): number {
  for (let at = from; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === LESS) return at;
    if (c === QUOTE) at = quotedEnd(value, at) - 1;
    else if (c === COMMA || c === SEMICOLON) break;
  }
  return from;
}

/** Without brackets every semicolon begins a parameter of the header field, not of the URI. RFC 3261 §20.10. */
function bareUriEnd(value: string, from: number): number {
  let at = from;
  for (; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === COMMA || c === SEMICOLON || isBlank(c)) break;
  }
  return at;
}

function wordEnd(value: string, from: number): number {
  let at = from;
  for (; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === COMMA || c === SEMICOLON || c === EQUALS || c === QUOTE || isBlank(c)) break;
  }
  return at;
}

function quotedEnd(value: string, from: number): number {
  for (let at = from + 1; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === BACKSLASH) at++;
    else if (c === QUOTE) return at + 1;
  }
  throw malformed('a quoted string without its end');
}

function isWord(text: string, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++)
    if ((text.charCodeAt(from + i) | 32) !== word.charCodeAt(i)) return false;
  return true;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}

function malformed(why: string): SipError {
  return new SipError('BAD_HEADER', 400, why);
}

const QUOTE = 34;
const COMMA = 44;
const DOT = 46;
const SEMICOLON = 59;
const LESS = 60;
const EQUALS = 61;
const BACKSLASH = 92;
