/** Small steps over characters that several parsers of this room share. RFC 3261 §25.1. */
import { bytesOf } from '../base/bytes.ts';

const TAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const QUOTE = 34;
const BACKSLASH = 92;
const DELETE = 127;

/** Blank, tab or a part of a folded line end: what LWS is made of. */
export function isBlank(c: number): boolean {
  return c <= SP && (c === SP || c === TAB || c === CR || c === LF);
}

/** The first place in [from, to) that is not LWS, or `to`. */
export function skipBlanks(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(bytes[at]!)) at++;
  return at;
}

/** The place behind the closing quote of the quoted string that opens at `from`; -1 when it does not close. */
export function quotedEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from + 1; at < to; at++) {
    const c = bytes[at];
    if (c === QUOTE) return at + 1;
    if (c === BACKSLASH) at++;
  }
  return -1;
}

/** What a quoted string says, given what stands between its quotes. */
export function unquoted(inner: string): string {
  if (!inner.includes('\\')) return inner;
  let out = '';
  let from = 0;
  for (let at = inner.indexOf('\\'); at >= 0; at = inner.indexOf('\\', from + 1)) {
    out += inner.substring(from, at);
    from = at + 1;
  }
  return out + inner.substring(from);
}

/** The text as a quoted string. */
export function quoted(text: string): string {
  if (!text.includes('"') && !text.includes('\\')) return `"${text}"`;
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** 0 to 9. */
export function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/** A to Z in either case. */
export function isLetter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
}

/** A hexadecimal digit in either case. */
export function isHex(c: number): boolean {
  return isDigit(c) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70);
}

/** A set of characters as a table with one entry a character code. */
export function charSet(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (let i = 0; i < characters.length; i++) set[characters.charCodeAt(i)] = 1;
  return set;
}

/** The set of all other characters. */
export function allBut(characters: string): Uint8Array {
  return charSet(characters).map((isListed) => 1 - isListed);
}

/** What LWS is made of. */
export const BLANKS = ' \t\r\n';

/** Every control character and the blank. */
export const INVISIBLE = String.fromCharCode(DELETE, ...Array(SP + 1).keys());

/** Where the run of characters of this set that begins at `from` ends. */
export function runEnd(bytes: Uint8Array, from: number, to: number, set: Uint8Array): number {
  let at = from;
  while (at < to && set[bytes[at]!] === 1) at++;
  return at;
}

/** Letters and digits. */
export const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** RFC 3261 §25.1 `token`. */
export const TOKEN = charSet(`${ALPHANUMERIC}-.!%*_+\`'~`);

/** Whether a character may stand in a token. */
export function isTokenChar(c: number): boolean {
  return TOKEN[c] === 1;
}

/** Whether [from, to) is a token. */
export function isTokenBetween(text: string, from: number, to: number): boolean {
  return to > from && runEnd(bytesOf(text), from, to, TOKEN) === to;
}
