/** Challenges and answers of digest authentication. RFC 3261 §20.7, §20.44; RFC 7616 §3.3, §3.4 */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import type { DigestAlgorithm } from './digest.ts';
import { isBlank, isTokenChar, quoted, quotedEnd, skipBlanks, unquoted } from './scan.ts';

/** What a client proves itself with, as it came. */
export interface Credentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  /** Upper case; MD5 when the client does not say. */
  readonly algorithm: string;
  readonly cnonce: string | undefined;
  readonly nc: string | undefined;
  readonly qop: string | undefined;
  readonly opaque: string | undefined;
}

/** What a server asks for. */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** `auth-int` covers the body too. RFC 7616 §3.3 */
  readonly qop: 'auth' | 'auth,auth-int';
  /** The answer was right, its nonce too old. */
  readonly stale: boolean;
}

/** Parameters of one field; more are refused. */
const PARAMETERS_MAX = 32;
const DIGEST = 'digest';
const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;

/** What an answer may carry; the place here is the place of its value in `parseParameters`. RFC 7616 §3.4 */
const NAMES = [
  'username',
  'realm',
  'nonce',
  'uri',
  'response',
  'algorithm',
  'cnonce',
  'nc',
  'qop',
  'opaque',
] as const;
const USERNAME = 0;
const REALM = 1;
const NONCE = 2;
const URI = 3;
const RESPONSE = 4;
const ALGORITHM = 5;
const CNONCE = 6;
const NC = 7;
const QOP = 8;
const OPAQUE = 9;

/** No more than two names have one length. */
const SLOTS_BY_LENGTH: number[][] = [];
for (const [slot, name] of NAMES.entries()) (SLOTS_BY_LENGTH[name.length] ??= []).push(slot);

type Slots = (string | undefined)[];

/** Undefined for another scheme than Digest; throws SipError 400 when the syntax is broken. */
export function parseCredentials(value: string): Credentials | undefined {
  const bytes = bytesOf(value);
  if (!isNamed(bytes, 0, DIGEST) || !isBlank(bytes[DIGEST.length]!)) return undefined;
  const given = parseParameters(value, DIGEST.length);
  const algorithm = given[ALGORITHM];
  return {
    username: required(given, USERNAME),
    realm: required(given, REALM),
    nonce: required(given, NONCE),
    uri: required(given, URI),
    response: required(given, RESPONSE),
    algorithm: algorithm === undefined || algorithm === 'MD5' ? 'MD5' : algorithm.toUpperCase(),
    cnonce: given[CNONCE],
    nc: given[NC],
    qop: given[QOP],
    opaque: given[OPAQUE],
  };
}

function required(given: Slots, slot: number): string {
  const found = given[slot];
  if (found === undefined) throw new SipError('BAD_HEADER', 400, `digest credentials without ${NAMES[slot]}`);
  return found;
}

/** The value of WWW-Authenticate or Proxy-Authenticate. */
export function printChallenge(challenge: Challenge): string {
  const { realm, nonce, algorithm, qop, stale } = challenge;
  const value = `Digest realm=${quoted(realm)}, nonce="${nonce}", qop="${qop}", algorithm=${algorithm}`;
  return stale ? `${value}, stale=true` : value;
}

/** Names are compared without letter case; one that stands twice is refused, or two readers would differ. */
function parseParameters(value: string, from: number): Slots {
  const bytes = bytesOf(value);
  const given: Slots = [];
  let others: Set<string> | undefined;
  let count = 0;
  const end = value.length;
  let at = skipBlanks(bytes, from, end);
  while (at < end) {
    const nameFrom = at;
    while (at < end && isTokenChar(bytes[at]!)) at++;
    const nameTo = at;
    at = skipBlanks(bytes, at, end);
    if (nameTo === nameFrom || bytes[at] !== EQUALS) throw malformed('expected name=value');
    if (++count > PARAMETERS_MAX) throw malformed('too many parameters');
    at = skipBlanks(bytes, at + 1, end);
    const to = valueEnd(bytes, at, end);
    const slot = slotOf(bytes, nameFrom, nameTo);
    if (slot < 0) others = withOther(others, value.substring(nameFrom, nameTo).toLowerCase());
    else if (given[slot] !== undefined) throw malformed(`${NAMES[slot]} once too often`);
    else given[slot] = valueAt(value, at, to);
    at = skipBlanks(bytes, to, end);
    if (at < end && bytes[at] !== COMMA) throw malformed('expected a comma');
    at = skipBlanks(bytes, at + 1, end);
  }
  return given;
}

/** The slot of the name that stands there; -1 for one that we do not read. */
function slotOf(bytes: Uint8Array, from: number, to: number): number {
  const slots = SLOTS_BY_LENGTH[to - from];
  if (slots === undefined) return -1;
  for (let i = 0; i < slots.length; i++) if (isNamed(bytes, from, NAMES[slots[i]!]!)) return slots[i]!;
  return -1;
}

function isNamed(bytes: Uint8Array, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((bytes[from + i]! | 32) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function withOther(others: Set<string> | undefined, name: string): Set<string> {
  if (others?.has(name) === true) throw malformed(`${name} once too often`);
  return (others ?? new Set()).add(name);
}

function valueAt(value: string, from: number, to: number): string {
  return value.charCodeAt(from) === QUOTE
    ? unquoted(value.substring(from + 1, to - 1))
    : value.substring(from, to);
}

function valueEnd(bytes: Uint8Array, from: number, to: number): number {
  if (bytes[from] === QUOTE) {
    const end = quotedEnd(bytes, from, to);
    if (end < 0) throw malformed('a quoted string does not end');
    return end;
  }
  let at = from;
  while (at < to && isTokenChar(bytes[at]!)) at++;
  if (at === from) throw malformed('a value is empty');
  return at;
}

function malformed(why: string): SipError {
  return new SipError('BAD_HEADER', 400, `malformed digest credentials: ${why}`);
}
