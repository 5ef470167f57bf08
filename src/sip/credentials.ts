/** Challenges and answers of digest authentication. RFC 3261 §20.7, §20.44; RFC 7616 §3.3, §3.4 */
import { SipError } from '../base/errors.ts';
import type { DigestAlgorithm } from './digest.ts';
import { isTokenChar } from './headers.ts';
import { quoted, quotedEnd, skipBlanks, unquoted } from './scan.ts';

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
  readonly qop: 'auth';
  /** The answer was right, its nonce too old. */
  readonly stale: boolean;
}

/** Parameters of one field; more are refused. */
const PARAMETERS_MAX = 32;
const DIGEST = 'digest';
const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;

/** Undefined for another scheme than Digest; throws SipError 400 when the syntax is broken. */
export function parseCredentials(value: string): Credentials | undefined {
  const space = value.indexOf(' ');
  if (space !== DIGEST.length || value.substring(0, space).toLowerCase() !== DIGEST) return undefined;
  const given = parseParameters(value, space);
  const required = (name: string): string => {
    const found = given.get(name);
    if (found === undefined) throw new SipError('BAD_HEADER', 400, `digest credentials without ${name}`);
    return found;
  };
  return {
    username: required('username'),
    realm: required('realm'),
    nonce: required('nonce'),
    uri: required('uri'),
    response: required('response'),
    algorithm: (given.get('algorithm') ?? 'MD5').toUpperCase(),
    cnonce: given.get('cnonce'),
    nc: given.get('nc'),
    qop: given.get('qop'),
    opaque: given.get('opaque'),
  };
}

/** The value of WWW-Authenticate or Proxy-Authenticate. */
export function printChallenge(challenge: Challenge): string {
  const { realm, nonce, algorithm, qop, stale } = challenge;
  const value = `Digest realm=${quoted(realm)}, nonce="${nonce}", qop="${qop}", algorithm=${algorithm}`;
  return stale ? `${value}, stale=true` : value;
}

/** Names are compared without letter case; one that stands twice is refused, or two readers would differ. */
function parseParameters(value: string, from: number): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  const end = value.length;
  let at = skipBlanks(value, from, end);
  while (at < end) {
    const nameFrom = at;
    while (at < end && isTokenChar(value.charCodeAt(at))) at++;
    const name = value.substring(nameFrom, at).toLowerCase();
    at = skipBlanks(value, at, end);
    if (name === '' || value.charCodeAt(at) !== EQUALS) throw malformed('expected name=value');
    at = skipBlanks(value, at + 1, end);
    const to = valueEnd(value, at);
    if (given.has(name) || given.size === PARAMETERS_MAX) throw malformed(`${name} once too often`);
    const quotedValue = value.charCodeAt(at) === QUOTE;
    given.set(name, quotedValue ? unquoted(value.substring(at + 1, to - 1)) : value.substring(at, to));
    at = skipBlanks(value, to, end);
    if (at < end && value.charCodeAt(at) !== COMMA) throw malformed('expected a comma');
    at = skipBlanks(value, at + 1, end);
  }
  return given;
}

function valueEnd(value: string, from: number): number {
  if (value.charCodeAt(from) === QUOTE) {
    const end = quotedEnd(value, from, value.length);
    if (end < 0) throw malformed('a quoted string does not end');
    return end;
  }
  let at = from;
  while (at < value.length && isTokenChar(value.charCodeAt(at))) at++;
  if (at === from) throw malformed('a value is empty');
  return at;
}

function malformed(why: string): SipError {
  return new SipError('BAD_HEADER', 400, `malformed digest credentials: ${why}`);
}
