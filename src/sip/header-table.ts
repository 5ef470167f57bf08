/**
 * The header fields this product looks at: name, compact form, whether it may stand in a message once only.
 * Ids below 32 fit in the bit masks of `Headers`. RFC 3261 §7.3.3, §20.
 */

import { isTokenBetween } from './scan.ts';

/** Ids of header fields. */
export const VIA = 1;
export const FROM = 2;
export const TO = 3;
export const CALL_ID = 4;
export const CSEQ = 5;
export const CONTACT = 6;
export const CONTENT_LENGTH = 7;
export const ROUTE = 8;
export const RECORD_ROUTE = 9;
export const MAX_FORWARDS = 10;
export const EXPIRES = 11;
export const CONTENT_TYPE = 12;
export const REQUIRE = 13;
export const PROXY_REQUIRE = 14;
export const SUPPORTED = 15;
export const AUTHORIZATION = 16;
export const PROXY_AUTHORIZATION = 17;
export const PATH = 18;
export const MIN_EXPIRES = 19;
export const EVENT = 20;
export const MAX_BREADTH = 21;
export const DATE = 22;
export const P_ASSERTED_IDENTITY = 23;
export const WWW_AUTHENTICATE = 24;
export const PROXY_AUTHENTICATE = 25;
export const RETRY_AFTER = 26;
export const USER_AGENT = 27;
export const TIMESTAMP = 28;
export const ALLOW = 29;
/** A header field without a row of its own. */
export const OTHER = 0;

const COLON = 58;

interface Row {
  readonly id: number;
  readonly name: string;
  readonly compact?: string;
  /** May stand once only. RFC 3261 §7.3.1. */
  readonly single?: true;
}

const rows: readonly Row[] = [
  { id: VIA, name: 'Via', compact: 'v' },
  { id: FROM, name: 'From', compact: 'f', single: true },
  { id: TO, name: 'To', compact: 't', single: true },
  { id: CALL_ID, name: 'Call-ID', compact: 'i', single: true },
  { id: CSEQ, name: 'CSeq', single: true },
  { id: CONTACT, name: 'Contact', compact: 'm' },
  { id: CONTENT_LENGTH, name: 'Content-Length', compact: 'l', single: true },
  { id: ROUTE, name: 'Route' },
  { id: RECORD_ROUTE, name: 'Record-Route' },
  { id: MAX_FORWARDS, name: 'Max-Forwards', single: true },
  { id: EXPIRES, name: 'Expires', single: true },
  { id: CONTENT_TYPE, name: 'Content-Type', compact: 'c', single: true },
  { id: REQUIRE, name: 'Require' },
  { id: PROXY_REQUIRE, name: 'Proxy-Require' },
  { id: SUPPORTED, name: 'Supported', compact: 'k' },
  { id: AUTHORIZATION, name: 'Authorization' },
  { id: PROXY_AUTHORIZATION, name: 'Proxy-Authorization' },
  { id: PATH, name: 'Path' },
  { id: MIN_EXPIRES, name: 'Min-Expires', single: true },
  { id: EVENT, name: 'Event', compact: 'o', single: true },
  { id: MAX_BREADTH, name: 'Max-Breadth', single: true },
  { id: DATE, name: 'Date', single: true },
  { id: P_ASSERTED_IDENTITY, name: 'P-Asserted-Identity' },
  { id: WWW_AUTHENTICATE, name: 'WWW-Authenticate' },
  { id: PROXY_AUTHENTICATE, name: 'Proxy-Authenticate' },
  { id: RETRY_AFTER, name: 'Retry-After', single: true },
  { id: USER_AGENT, name: 'User-Agent', single: true },
  { id: ALLOW, name: 'Allow' },
  { id: TIMESTAMP, name: 'Timestamp', single: true },
];

/** Compact forms of fields that have no row: they still name the same field. */
const otherCompact = new Map([
  ['s', 'subject'],
  ['e', 'content-encoding'],
  ['r', 'refer-to'],
  ['b', 'referred-by'],
  ['x', 'session-expires'],
  ['u', 'allow-events'],
  ['a', 'accept-contact'],
  ['j', 'reject-contact'],
  ['d', 'request-disposition'],
  ['y', 'identity'],
]);

/** One bit for each field that may stand once only. */
export const SINGLE_MASK = rows.reduce((mask, row) => (row.single ? mask | (1 << row.id) : mask), 0);
/** What every request and response must carry. RFC 3261 §8.1.1; Max-Forwards is inserted when missing, §16.6. */
export const MANDATORY_MASK = (1 << VIA) | (1 << FROM) | (1 << TO) | (1 << CALL_ID) | (1 << CSEQ);

const names: string[] = [];
/** By lower-case name, long and compact. */
const ids = new Map<string, number>();
for (const { id, name, compact } of rows) {
  names[id] = name;
  ids.set(name.toLowerCase(), id);
  if (compact !== undefined) ids.set(compact, id);
}

/** Every name as the bytes of its lower-case letters, one behind the other. */
const letters = Uint8Array.from(Buffer.from([...ids.keys()].join('')));

/** Where the letters of a name stand. */
export interface Spelling {
  readonly id: number;
  readonly from: number;
  readonly length: number;
}

/** By the first two letters, compact forms by their only one: few places hold more than one. */
const spellings: (Spelling[] | undefined)[] = Array.from({ length: 1024 }, () => undefined);
let from = 0;
for (const [{ length }, id] of ids) {
  const place = spellingPlace(letters[from]!, length === 1 ? 0 : letters[from + 1]!);
  (spellings[place] ??= []).push({ id, from, length });
  from += length;
}

function spellingPlace(first: number, second: number): number {
  return ((first & 31) << 5) | (second & 31);
}

/** Of each character its lower-case letter. */
const LOWER_CASE = Uint8Array.from({ length: 256 }, (_, c) => (c >= 65 && c <= 90 ? c | 32 : c));

/** `Via` for VIA. */
export function headerName(id: number): string {
  return names[id] ?? '';
}

/** The id of a name, letter case aside; OTHER if it has no row. */
function headerId(name: string): number {
  return ids.get(name.toLowerCase()) ?? OTHER;
}

/** The long name that stands at this place with its colon, as in nearly every line. */
export function usualNameAt(bytes: Uint8Array, at: number): Spelling | undefined {
  const found = spellingAt(bytes, at, bytes[at + 1]!);
  return found !== undefined && bytes[at + found.length] === COLON ? found : undefined;
}

/** The id of the name that stands at [at, at + length), letter case aside; OTHER if it has no row. */
export function headerIdAt(bytes: Uint8Array, at: number, length: number): number {
  const found = spellingAt(bytes, at, length === 1 ? 0 : bytes[at + 1]!);
  return found?.length === length ? found.id : OTHER;
}

/** No name begins with another one of its place. */
function spellingAt(bytes: Uint8Array, at: number, second: number): Spelling | undefined {
  const here = spellings[spellingPlace(bytes[at]!, second)];
  if (here === undefined) return undefined;
  for (let k = 0; k < here.length; k++) if (beginsSo(bytes, at, here[k]!)) return here[k];
  return undefined;
}

function beginsSo(bytes: Uint8Array, at: number, { from, length }: Spelling): boolean {
  let i = 0;
  while (i < length && LOWER_CASE[bytes[at + i]!] === letters[from + i]) i++;
  return i === length;
}

/** What there is to know of a name that a script or a service writes. */
export interface FieldName {
  /** OTHER if it has no row. */
  readonly id: number;
  /** As it is compared: see `fullName`. */
  readonly full: string;
  readonly isToken: boolean;
}

/** Scripts write the same few names again and again; one that makes up its own pays for each. */
const KNOWN_NAMES_MAX = 512;
const knownNames = new Map<string, FieldName>();

/** Found once for each spelling. */
export function fieldName(name: string): FieldName {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const field = { id: headerId(name), full: fullName(name), isToken: isTokenBetween(name, 0, name.length) };
  if (knownNames.size < KNOWN_NAMES_MAX) knownNames.set(name, field);
  return field;
}

/** A name as it is compared: lower case, long form. */
export function fullName(name: string): string {
  const lower = name.toLowerCase();
  const id = headerId(lower);
  return id === OTHER ? (otherCompact.get(lower) ?? lower) : headerName(id).toLowerCase();
}
