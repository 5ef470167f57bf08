/** %-escapes of URIs. RFC 3261 §19.1.2, §19.1.4. */
import { ALPHANUMERIC, charSet, isHex } from './scan.ts';

const PERCENT = 37;
const HASH = 35;

/** RFC 3261 §25.1 `unreserved`. */
export const UNRESERVED = `${ALPHANUMERIC}-_.!~*'()`;
const unreserved = charSet(UNRESERVED);
/** What `escapeUser` leaves alone: `unreserved` and `user-unreserved`. */
const plainInUser = charSet(`${UNRESERVED}&=+$,;?/`);

/** Whether an escape stands at this `%`. */
export function isEscapeAt(text: string, at: number): boolean {
  return isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2));
}

function escapedCode(text: string, at: number): number {
  return Number.parseInt(text.substring(at + 1, at + 3), 16);
}

/** The user part as its owner knows it: every escape undone. A `%` that begins no escape stays. */
export function unescapeUser(user: string): string {
  let out = '';
  let from = 0;
  for (let at = user.indexOf('%'); at >= 0; at = user.indexOf('%', at + 1)) {
    if (!isEscapeAt(user, at)) continue;
    out += user.substring(from, at) + String.fromCharCode(escapedCode(user, at));
    from = at + 3;
    at += 2;
  }
  return from === 0 ? user : out + user.substring(from);
}

/** A name as a user part; characters beyond latin1 are written as UTF-8. */
export function escapeUser(name: string): string {
  let out = '';
  for (let at = 0; at < name.length; at++) {
    const c = name.charCodeAt(at);
    if (c > 255) return escapeUser(Buffer.from(name, 'utf8').toString('latin1'));
    out += plainInUser[c] === 1 ? name[at] : escapeOf(c);
  }
  return out;
}

function escapeOf(c: number): string {
  return `%${c.toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * One spelling for all that §19.1.4 calls equal: needless escapes undone, the hex digits of the others upper case.
 * The `#` we tolerate in a user part is escaped, so that it cannot make a second name for one user.
 */
export function canonicalEscapes(text: string): string {
  if (!text.includes('%') && !text.includes('#')) return text;
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === HASH) out += '%23';
    else if (c === PERCENT && isEscapeAt(text, at)) {
      const code = escapedCode(text, at);
      out += unreserved[code] === 1 ? String.fromCharCode(code) : escapeOf(code);
      at += 2;
    } else out += text[at];
  }
  return out;
}
