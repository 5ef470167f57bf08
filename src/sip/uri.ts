/** SIP, SIPS and tel URIs: parse, print, compare. RFC 3261 §19.1, RFC 3966. */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import { canonicalEscapes, UNRESERVED } from './escapes.ts';
import { hostEndAt, portEndAt } from './host.ts';
import { charSet, isDigit, isHex, isLetter } from './scan.ts';
import { HEADERS, isTelDigit, PARAM_NAME, PARAM_VALUE, SEPARATORS, USER } from './uri-characters.ts';
import { UsualWords, usualNames, usualParamTexts, usualValues } from './usual-words.ts';

export { escapeUser, unescapeUser } from './escapes.ts';

/** Parameters by lower-case name; `true` when one stands without a value. Without a prototype: any name is safe. */
export type Params = Readonly<Record<string, string | true>>;

/** A value, never changed in place: `{ ...contact.uri, user: '4930…' }`. */
export interface Uri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** Escaped as it came; the number of a tel URI. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Lower case; an IPv6 address without its brackets, a name without the dot of the root; empty in a tel URI. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
  /** What stands behind the `?`, as it came. */
  readonly headers?: string | undefined;
}

/** A record that any name from the wire may be put into. */
export function emptyParams(): Record<string, string | true> {
  return Object.create(null) as Record<string, string | true>;
}

/** What everything without parameters shares. */
export const NO_PARAMS: Params = Object.freeze(emptyParams());

const PERCENT = 37;
const PLUS = 43;
const DOT = 46;
const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;
const QUESTION = 63;
const SIGN = 64;
const OPEN = 91;

const URI = charSet(`${UNRESERVED};/?:@&=+$,[]`);

/** Throws SipError: 416 for a scheme we do not know, 400 when the URI is malformed. */
export function parseUri(text: string): Uri {
  return parseUriBetween(text, 0, text.length);
}

/** The same for the URI that stands at [from, to). */
export function parseUriBetween(text: string, from: number, to: number): Uri {
  const bytes = bytesOf(text);
  read.text = text;
  read.from = from;
  read.to = to;
  const colon = schemeEndAt(bytes, from, to);
  if (colon < 0) throw malformed('no scheme');
  const start = colon + 1;
  if (isScheme(bytes, from, colon, SIP)) return parseSipUri('sip', text, start, to);
  if (isScheme(bytes, from, colon, SIPS)) return parseSipUri('sips', text, start, to);
  if (isScheme(bytes, from, colon, TEL)) return parseTelUri(text, start, to);
  throw new SipError('UNSUPPORTED_SCHEME', 416, `expected a sip, sips or tel URI, got ${shownUri()}`);
}

/** The URI that is being read: what an error shows. */
const read = { text: '', from: 0, to: 0 };

const SIP = Buffer.from('sip');
const SIPS = Buffer.from('sips');
const TEL = Buffer.from('tel');

function isScheme(bytes: Uint8Array, from: number, colon: number, letters: Uint8Array): boolean {
  if (colon - from !== letters.length) return false;
  for (let i = 0; i < letters.length; i++) if ((bytes[from + i]! | 32) !== letters[i]) return false;
  return true;
}

/** Where the colon behind a scheme stands, or -1. RFC 3261 §25.1 `scheme`. */
export function schemeEndAt(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const c = bytes[at]!;
    if (isLetter(c)) continue;
    if (at === from || !(isDigit(c) || c === PLUS || c === 45 || c === 46)) break;
  }
  return at > from && at < to && bytes[at] === COLON ? at : -1;
}

/**
 * Whether this is a URI of a scheme that is none of ours, such as `mailto:`: something to write down, not to send to.
 * RFC 3261 §25.1 `absoluteURI`.
 */
export function isOtherUri(text: string): boolean {
  if (text.startsWith('sip:') || text.startsWith('sips:')) return false;
  const colon = schemeEndAt(bytesOf(text), 0, text.length);
  if (colon < 0 || OURS.includes(text.substring(0, colon).toLowerCase())) return false;
  return colon + 1 < text.length && runEndAt(bytesOf(text), colon + 1, text.length, URI) === text.length;
}

const OURS = ['sip', 'sips', 'tel'];

function parseSipUri(scheme: 'sip' | 'sips', text: string, from: number, to: number): Uri {
  const bytes = bytesOf(text);
  const sign = signAt(bytes, from, to);
  let user: string | undefined;
  let password: string | undefined;
  if (sign >= 0) {
    const userEnd = userEndAt(bytes, from, sign);
    user = text.substring(from, userEnd);
    if (userEnd < sign) password = text.substring(userEnd + 1, sign);
  }
  const hostStart = sign < 0 ? from : sign + 1;
  const hostEnd = hostEndAt(text, hostStart, to);
  if (hostEnd < 0) throw malformed('no valid host');
  const bracket = bytes[hostStart] === OPEN ? 1 : 0;
  // A name may end with the dot of the root (RFC 3261 §25.1 `hostname`): it is the same domain.
  const root = hostEnd > hostStart + 1 && bytes[hostEnd - 1] === DOT ? 1 : 0;
  const host = text.substring(hostStart + bracket, hostEnd - bracket - root).toLowerCase();
  let at = hostEnd;
  let port: number | undefined;
  if (at < to && bytes[at] === COLON) {
    const portStart = at + 1;
    at = portEndAt(text, portStart, to);
    if (at < 0) throw malformed('a bad port');
    port = portNumber(bytes, portStart, at);
  }
  if (at === to) return { scheme, user, password, host, port, params: NO_PARAMS, headers: undefined };
  const question = questionAt(bytes, at, to);
  const params = at < question ? parseParams(text, at, question) : NO_PARAMS;
  const headers = question === to ? undefined : parseHeaders(text, question + 1, to);
  return { scheme, user, password, host, port, params, headers };
}

/** The first `@` in [from, to), or -1. */
function signAt(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (bytes[at] === SIGN) return at;
  return -1;
}

/** The first `?` in [from, to), or `to`. */
function questionAt(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== QUESTION) at++;
  return at;
}

/** Where the user part ends: at the colon before the password or at the `@`. */
function userEndAt(bytes: Uint8Array, from: number, sign: number): number {
  let colon = -1;
  for (let at = from; at < sign; at++) {
    const c = bytes[at]!;
    if (USER[c] === 1) continue;
    if (c === COLON && colon < 0) colon = at;
    else if (c === PERCENT && isEscapeBetween(bytes, at, sign)) at += 2;
    else throw malformed('a bad character before the @');
  }
  const end = colon < 0 ? sign : colon;
  if (end === from) throw malformed('an empty user part');
  return end;
}

function portNumber(bytes: Uint8Array, from: number, to: number): number {
  let port = 0;
  for (let at = from; at < to; at++) port = port * 10 + bytes[at]! - 48;
  return port;
}

function parseParams(text: string, from: number, to: number): Params {
  return usualParams.between(bytesOf(text), from, to) ?? readParams(text, from, to);
}

/** `;name=value;name`, each name once (§19.1.1). */
function readParams(text: string, from: number, to: number): Params {
  const bytes = bytesOf(text);
  const params = emptyParams();
  let at = from;
  while (at < to) {
    if (bytes[at] !== SEMICOLON) throw malformed('a bad character in or before the parameters');
    const nameStart = at + 1;
    at = runEndAt(bytes, nameStart, to, PARAM_NAME);
    if (at === nameStart) throw malformed('a parameter without a name');
    const name = usualNames.between(bytes, nameStart, at) ?? paramName(text, nameStart, at);
    let value: string | true = true;
    if (at < to && bytes[at] === EQUALS) {
      const valueStart = at + 1;
      at = runEndAt(bytes, valueStart, to, PARAM_VALUE);
      if (at === valueStart) throw malformed(`the parameter ${name} without its value`);
      value = usualValues.between(bytes, valueStart, at) ?? canonicalEscapes(text.substring(valueStart, at));
    }
    // §19.1.1 forbids repeating a parameter; baresip writes `;lr;lr`, which says nothing that could be misread.
    if (name in params && params[name] !== value) throw malformed(`the parameter ${name} twice`);
    params[name] = value;
  }
  return params;
}

/** All that most URIs have of parameters: whoever brings them shares one record, for to fill one is dear. */
const sharedParams: readonly (readonly [string, Params])[] = usualParamTexts.map((text) => [
  text,
  Object.freeze(readParams(text, 0, text.length)),
]);
const usualParams = new UsualWords<Params>(sharedParams);
const shared = new Set<Params>([NO_PARAMS, ...sharedParams.map(([, params]) => params)]);

/** Whether it is a record that many URIs share: nobody can have changed it. */
export function isShared(params: Params): boolean {
  return shared.has(params);
}

function paramName(text: string, from: number, to: number): string {
  return canonicalEscapes(text.substring(from, to)).toLowerCase();
}

function parseHeaders(text: string, from: number, to: number): string {
  const end = runEndAt(bytesOf(text), from, to, HEADERS);
  if (end < to || end === from) throw malformed('a bad character behind the ?');
  return text.substring(from, to);
}

/** The end of a run of allowed characters and escapes. */
function runEndAt(bytes: Uint8Array, from: number, to: number, allowed: Uint8Array): number {
  let at = from;
  for (; at < to; at++) {
    const c = bytes[at]!;
    if (allowed[c] === 1) continue;
    if (c !== PERCENT || !isEscapeBetween(bytes, at, to)) break;
    at += 2;
  }
  return at;
}

/** RFC 3966 §3. A local number without `phone-context` is taken, since PBX phones dial so. */
function parseTelUri(text: string, from: number, to: number): Uri {
  const bytes = bytesOf(text);
  let at = from;
  let digits = 0;
  for (; at < to; at++) {
    const c = bytes[at]!;
    if (isTelDigit(c)) digits++;
    else if (SEPARATORS[c] !== 1 && !(c === PLUS && at === from)) break;
  }
  if (digits === 0) throw malformed('no digits');
  const params = at < to ? parseParams(text, at, to) : NO_PARAMS;
  const user = text.substring(from, at);
  return { scheme: 'tel', user, password: undefined, host: '', port: undefined, params, headers: undefined };
}

/** Whether an escape stands at this `%`, all of it before `to`. */
function isEscapeBetween(bytes: Uint8Array, at: number, to: number): boolean {
  return at + 2 < to && isHex(bytes[at + 1]!) && isHex(bytes[at + 2]!);
}

function malformed(what: string): SipError {
  return new SipError('BAD_HEADER', 400, `a URI with ${what}: ${shownUri()}`);
}

const SHOWN_MAX = 80;

/** Ends up in the reason phrase of a 400, so it holds latin1 only. */
function shownUri(): string {
  const text = read.text.substring(read.from, read.to);
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.substring(0, SHOWN_MAX)}...` : text);
}

/** The URI as text; parses to an equal one. */
export function printUri(uri: Uri): string {
  let out = `${uri.scheme}:`;
  if (uri.user !== undefined) out += uri.user;
  if (uri.scheme !== 'tel') {
    if (uri.password !== undefined) out += `:${uri.password}`;
    if (uri.user !== undefined) out += '@';
    out += uri.host.includes(':') ? `[${uri.host}]` : uri.host;
    if (uri.port !== undefined) out += `:${uri.port}`;
  }
  for (const name in uri.params)
    out += uri.params[name] === true ? `;${name}` : `;${name}=${uri.params[name]}`;
  return uri.headers === undefined ? out : `${out}?${uri.headers}`;
}

/** Whether both name the same thing. RFC 3261 §19.1.4, RFC 3966 §4. */
export function sameUri(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme) return false;
  if (a.scheme === 'tel') return telNumber(a) === telNumber(b) && haveSameParams(a.params, b.params, true);
  return (
    a.host === b.host &&
    a.port === b.port &&
    canonicalEscapes(a.user ?? '') === canonicalEscapes(b.user ?? '') &&
    canonicalEscapes(a.password ?? '') === canonicalEscapes(b.password ?? '') &&
    haveSameParams(a.params, b.params, false) &&
    canonicalHeaders(a.headers) === canonicalHeaders(b.headers)
  );
}

/** These never match a URI without them; any other that stands on one side only is ignored. */
const DECISIVE = ['user', 'ttl', 'method', 'maddr', 'transport'];

function haveSameParams(a: Params, b: Params, all: boolean): boolean {
  for (const name in a) {
    if (name in b ? !isSameValue(a[name], b[name]) : all || DECISIVE.includes(name)) return false;
  }
  for (const name in b) if (!(name in a) && (all || DECISIVE.includes(name))) return false;
  return true;
}

function isSameValue(a: string | true | undefined, b: string | true | undefined): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return a === b;
  return canonicalEscapes(a).toLowerCase() === canonicalEscapes(b).toLowerCase();
}

/** Header names in any letter case and in any order. */
function canonicalHeaders(headers: string | undefined): string {
  if (headers === undefined) return '';
  const fields = canonicalEscapes(headers)
    .split('&')
    .map((field) => {
      const equals = field.indexOf('=');
      return equals < 0
        ? field.toLowerCase()
        : field.substring(0, equals).toLowerCase() + field.substring(equals);
    });
  return fields.sort().join('&');
}

/**
 * The address-of-record as the location table knows it: `user@host`, one spelling for all that are equal.
 * No port and no parameters; for a tel URI its digits, with the `+`. RFC 3261 §10.3 step 5.
 */
export function aorOf(uri: Uri): string {
  if (uri.scheme === 'tel') return telNumber(uri);
  const host = uri.host.toLowerCase();
  return uri.user === undefined ? host : `${canonicalEscapes(uri.user)}@${host}`;
}

function telNumber(uri: Uri): string {
  const text = uri.user ?? '';
  let number = '';
  for (let at = 0; at < text.length; at++) if (SEPARATORS[text.charCodeAt(at)] !== 1) number += text[at];
  return number.toLowerCase();
}
