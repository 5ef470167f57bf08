/** Which characters may stand in which part of a URI. RFC 3261 §25.1, RFC 3966 §3. */
import { UNRESERVED } from './escapes.ts';
import { charSet, isHex } from './scan.ts';

const HASH = 35;
const STAR = 42;

/** `#` must be escaped, but phones dial `#31#…` unescaped. */
export const USER = charSet(`${UNRESERVED}&=+$,;?/#`);
export const PARAM_NAME = charSet(`${UNRESERVED}[]/:&+$`);
/** With `=`, for peers that put unescaped base64 into a Route. */
export const PARAM_VALUE = charSet(`${UNRESERVED}[]/:&+$=`);
export const HEADERS = charSet(`${UNRESERVED}[]/?:+$&=`);
/** Between the digits of a tel URI. */
export const SEPARATORS = charSet('-.()');

/** A digit of a tel URI. */
export function isTelDigit(c: number): boolean {
  return isHex(c) || c === STAR || c === HASH;
}
