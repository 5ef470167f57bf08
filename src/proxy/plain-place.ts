/**
 * The form that most addresses have, `<sip:user@192.0.2.1:5060>` or `<sip:user@192.0.2.1:5060;transport=tcp>`: what
 * stands up to the port is what `placeOf` would write of it, but for the transport, so that nothing need be parsed.
 */
import { bytesOf } from '../base/bytes.ts';
import { CONTACT } from '../sip/header-table.ts';
import { type Headers } from '../sip/headers.ts';
import { isTokenChar } from '../sip/scan.ts';
import { UsualWords } from '../sip/usual-words.ts';

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
const SEMICOLON = 59;
const AT = 64;

/** The one parameter that a plain address may have, and what `placeOf` makes of it. */
const transports = new UsualWords(
  ['udp', 'tcp', 'tls', 'ws', 'wss']
    .flatMap((name) => [name, name.toUpperCase()])
    .map((name) => [`;transport=${name}`, `;${name.toLowerCase()}`]),
);
const LONGEST = ';transport=wss'.length;

/** What `placeOf` writes of the transport behind `plainEnd`; undefined when anything else stands before `close`. */
export function plainTransport(bytes: Uint8Array, end: number, close: number): string | undefined {
  if (bytes[end] === close) return ';udp';
  let to = end;
  while (bytes[to] !== close) if (++to > end + LONGEST) return undefined;
  return transports.between(bytes, end, to);
}

/** Where `user@192.0.2.1:5060` ends that begins here; 0 for any other form, and when more follows. */
export function plainEnd(bytes: Uint8Array, from: number, close: number): number {
  let colon = 0;
  let at = userEnd(bytes, from) + 1;
  if (at === 0) return 0;
  for (; bytes[at] !== close && bytes[at] !== SEMICOLON; at++) {
    const c = bytes[at]!;
    if (c === COLON && colon === 0 && bytes[at - 1] !== DOT && bytes[at + 1] !== ZERO) colon = at;
    else if (!(c >= ZERO && c <= NINE) && (c !== DOT || colon > 0)) return 0;
  }
  if (colon === 0 || at === colon + 1) return 0;
  return bytes[at] === close || plainTransport(bytes, at, close) !== undefined ? at : 0;
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

/** Where the `@` stands behind a user part; -1 when another character comes that such a user part may not hold. */
export function userEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let c = bytes[at]!; c !== AT; c = bytes[++at]!) if (!isTokenChar(c) || c === PERCENT) return -1;
  return at;
}
