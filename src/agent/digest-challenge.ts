/** What a server asks for, and what it says of the next time, as a client reads it. RFC 7616 §3.3, §3.5 */
import { bytesOf } from '../base/bytes.ts';
import { isTokenChar, quotedEnd, skipBlanks, unquoted } from '../sip/scan.ts';

/** One challenge. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  /** Upper case; MD5 when the server does not say. */
  readonly algorithm: string;
  /** `auth` when it is offered; undefined for a server of RFC 2069. */
  readonly qop: 'auth' | 'auth-int' | 'unknown' | undefined;
  readonly opaque: string | undefined;
  readonly stale: boolean;
}

/** Challenges in one field that are looked at. */
export const CHALLENGES_MAX = 16;
const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;

/** The digest challenges of one field, which may hold several; what cannot be read ends the list. */
export function parseChallenges(value: string): readonly DigestChallenge[] {
  const challenges: DigestChallenge[] = [];
  for (const { scheme, given } of partsOf(value)) {
    const challenge = scheme === 'digest' ? challengeOf(given) : undefined;
    if (challenge !== undefined && challenges.length < CHALLENGES_MAX) challenges.push(challenge);
  }
  return challenges;
}

/** The nonce that the server wants from now on, from Authentication-Info, which names no scheme. RFC 7616 §3.5 */
export function nextNonce(value: string): string | undefined {
  return partsOf(value)
    .find(({ scheme }) => scheme === '')
    ?.given.get('nextnonce');
}

/** What stands behind one scheme. */
interface Part {
  /** Lower case; '' before the first one. */
  readonly scheme: string;
  /** By their names in lower case. */
  readonly given: ReadonlyMap<string, string>;
}

function partsOf(value: string): readonly Part[] {
  const parts: Part[] = [];
  let scheme = '';
  let given = new Map<string, string>();
  const close = (): void => {
    parts.push({ scheme, given });
    given = new Map();
  };
  let at = 0;
  while (at < value.length) {
    at = skipSeparators(value, at);
    const nameEnd = tokenEnd(value, at);
    if (nameEnd === at) break;
    const name = value.substring(at, nameEnd).toLowerCase();
    at = skipBlanks(bytesOf(value), nameEnd, value.length);
    if (value.charCodeAt(at) !== EQUALS) {
      close(); // A word without a value begins the next challenge.
      scheme = name;
      continue;
    }
    at = skipBlanks(bytesOf(value), at + 1, value.length);
    const to =
      value.charCodeAt(at) === QUOTE ? quotedEnd(bytesOf(value), at, value.length) : tokenEnd(value, at);
    if (to < 0) break;
    const isQuoted = value.charCodeAt(at) === QUOTE;
    given.set(name, isQuoted ? unquoted(value.substring(at + 1, to - 1)) : value.substring(at, to));
    at = to;
  }
  close();
  return parts;
}

function challengeOf(given: ReadonlyMap<string, string>): DigestChallenge | undefined {
  const realm = given.get('realm');
  const nonce = given.get('nonce');
  if (realm === undefined || nonce === undefined) return undefined;
  return {
    realm,
    nonce,
    algorithm: (given.get('algorithm') ?? 'MD5').toUpperCase(),
    qop: qopOf(given.get('qop')),
    opaque: given.get('opaque'),
    stale: given.get('stale')?.toLowerCase() === 'true',
  };
}

function qopOf(offered: string | undefined): DigestChallenge['qop'] {
  if (offered === undefined) return undefined;
  const options = offered.split(',').map((option) => option.trim().toLowerCase());
  if (options.includes('auth')) return 'auth';
  return options.includes('auth-int') ? 'auth-int' : 'unknown';
}

function tokenEnd(value: string, from: number): number {
  let at = from;
  while (at < value.length && isTokenChar(value.charCodeAt(at))) at++;
  return at;
}

function skipSeparators(value: string, from: number): number {
  let at = skipBlanks(bytesOf(value), from, value.length);
  while (value.charCodeAt(at) === COMMA) at = skipBlanks(bytesOf(value), at + 1, value.length);
  return at;
}
