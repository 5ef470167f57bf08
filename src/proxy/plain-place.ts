/**
 * The form that most addresses have, `<sip:user@192.0.2.1:5060>`: what stands between is what `placeOf` would write of
 * it, but for the transport, so that nothing need be parsed.
 */
import { bytesOf } from '../base/bytes.ts';
import { CONTACT } from '../sip/header-table.ts';
import { type Headers } from '../sip/headers.ts';
import { isTokenChar } from '../sip/scan.ts';

/** How it begins in a header field, and in a Request-URI. */
export const PLAIN: Uint8Array = Uint8Array.from(Buffer.from('<sip:'));
export const PLAIN_URI: Uint8Array = Uint8Array.from(Buffer.from('sip:'));

/** What stands behind it there. */
export const CLOSE = 62;
export const SPACE = 32;

const PERCENT = 37;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const AT = 64;

/** Where `user@192.0.2.1:5060` ends that begins here; 0 for any other form, and when `close` does not follow. */
export function plainEnd(bytes: Uint8Array, from: number, close: number): number {
  let colon = 0;
  let at = userEnd(bytes, from) + 1;
  if (at === 0) return 0;
  for (; bytes[at] !== close; at++) {
    const c = bytes[at]!;
    if (c === COLON && colon === 0 && bytes[at - 1] !== DOT && bytes[at + 1] !== ZERO) colon = at;
    else if (!(c >= ZERO && c <= NINE) && (c !== DOT || colon > 0)) return 0;
  }
  return colon > 0 && at > colon + 1 ? at : 0;
}

/** Whether a Contact has that form, and names this address. */
export function isPlainContactOf(headers: Headers, host: string): boolean {
  const place = headers.find(CONTACT);
  if (place < 0) return false;
  const bytes = bytesOf(headers.text);
  const start = headers.valueStart(place);
  const from = start + PLAIN.length;
  if (!beginsWith(bytes, start, PLAIN) || plainEnd(bytes, from, CLOSE) === 0) return false;
  const at = userEnd(bytes, from) + 1;
  for (let i = 0; i < host.length; i++) if (bytes[at + i] !== host.charCodeAt(i)) return false;
  return bytes[at + host.length] === COLON;
}

/** Whether this stands here. */
export function beginsWith(bytes: Uint8Array, from: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[from + i] !== prefix[i]) return false;
  return true;
}

/** Where the `@` stands; -1 when another character comes that such a user part may not hold. */
function userEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let c = bytes[at]!; c !== AT; c = bytes[++at]!) if (!isTokenChar(c) || c === PERCENT) return -1;
  return at;
}
