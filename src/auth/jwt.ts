/**
 * Tokens that prove whose a request is: signed JWTs. RFC 7519, RFC 7515 §7.1, RFC 8725
 *
 *   base64url(header) . base64url(claims) . base64url(signature)
 *
 * The header chooses among our keys and nothing else: `none`, and keys that it brings or points to, are not looked at.
 */
import { createHmac, timingSafeEqual, verify } from 'node:crypto';
import { SipError } from '../base/errors.ts';
import { aorOf, parseUri } from '../sip/uri.ts';
import type { JwtKey } from './jwt-keys.ts';

/** What a token must say to be believed. */
export interface JwtRules {
  /** Who may have made it: one of these is its `iss`. */
  readonly issuers: readonly string[];
  /** For whom it must be: one of these is in its `aud`. */
  readonly audiences: readonly string[];
  /** The claim that names the user: `alice@example.com`, `sip:alice@example.com`; `alice` where there is a domain. */
  readonly userClaim: string;
  /** The domain of users that are named without one; '' for none. */
  readonly domain: string;
  /** How far clocks may differ. */
  readonly leewaySeconds: number;
}

/** Whose it is and until when, in seconds since 1970; or why it is not believed. */
export type JwtVerdict =
  | { readonly user: string; readonly domain: string; readonly until: number }
  | { readonly wrong: string; /** Nobody who may sign did. */ readonly forged: boolean };

/** Longer ones are not looked at. */
export const TOKEN_LENGTH_MAX = 8192;
/** Tokens whose signatures need not be verified again. */
export const TOKENS_REMEMBERED = 4096;

const ES256_OCTETS = 64;

type Json = Readonly<Record<string, unknown>>;
type Believed = Extract<JwtVerdict, { user: string }>;

/** Verifies tokens with one set of keys. */
export class JwtVerifier {
  private readonly keys: readonly JwtKey[];
  private readonly rules: JwtRules;
  /** A phone sends the same token with every request. */
  private readonly known = new Map<string, { readonly believed: Believed; readonly from: number }>();

  constructor(keys: readonly JwtKey[], rules: JwtRules) {
    this.keys = keys;
    this.rules = rules;
  }

  /** Tokens whose signatures are known to be good. */
  get remembered(): number {
    return this.known.size;
  }

  /** `now`: seconds since 1970. */
  verify(token: string, now: number): JwtVerdict {
    const { leewaySeconds } = this.rules;
    const known = this.known.get(token);
    if (known !== undefined) {
      if (known.from <= now + leewaySeconds && now < known.believed.until + leewaySeconds)
        return known.believed;
      this.known.delete(token);
    }
    const claims = this.claimsOf(token);
    if (claims === undefined) return { wrong: 'it is not signed by who may sign', forged: true };
    const verdict = judge(claims, this.rules, now);
    if ('user' in verdict) this.remember(token, verdict, claims);
    return verdict;
  }

  /** What it claims, if one of our keys has signed it. */
  private claimsOf(token: string): Json | undefined {
    if (token.length > TOKEN_LENGTH_MAX) return undefined;
    const first = token.indexOf('.');
    const second = token.indexOf('.', first + 1);
    if (first < 0 || second < 0) return undefined;
    const header = jsonOf(token.substring(0, first));
    const signature = octetsOf(token.substring(second + 1));
    // RFC 7515 §4.1.11: whoever does not know an extension that is critical must refuse.
    if (header === undefined || signature === undefined || 'crit' in header) return undefined;
    const signed = Buffer.from(token.substring(0, second), 'latin1');
    const isSigned = this.keys.some((key) => isKeyOf(key, header) && isSignature(key, signed, signature));
    return isSigned ? jsonOf(token.substring(first + 1, second)) : undefined;
  }

  private remember(token: string, believed: Believed, { nbf, iat }: Json): void {
    const [oldest] = this.known.keys();
    if (this.known.size >= TOKENS_REMEMBERED && oldest !== undefined) this.known.delete(oldest);
    const from = Math.max(typeof nbf === 'number' ? nbf : 0, typeof iat === 'number' ? iat : 0);
    this.known.set(token, { believed, from });
  }
}

/** The algorithm is that of the key; the header may only say the same. RFC 8725 §3.1 */
function isKeyOf({ id, algorithm }: JwtKey, { alg, kid }: Json): boolean {
  return alg === algorithm && (kid === undefined || kid === id);
}

function isSignature({ algorithm, key }: JwtKey, signed: Buffer, signature: Buffer): boolean {
  if (algorithm === 'HS256') {
    const expected = createHmac('sha256', key).update(signed).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  if (algorithm === 'RS256') return verify('sha256', signed, key, signature);
  // RFC 7518 §3.4: two numbers of 32 octets.
  const isPair = signature.length === ES256_OCTETS;
  return isPair && verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** RFC 7519 §4.1. An `exp` must be there: a token without an end could never be taken back. */
function judge(claims: Json, rules: JwtRules, now: number): JwtVerdict {
  const { iss, aud, exp, nbf, iat } = claims;
  const { issuers, audiences, leewaySeconds } = rules;
  if (typeof iss !== 'string' || !issuers.includes(iss)) return wrong('iss is nobody we believe');
  const meant: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((ours) => meant.includes(ours))) return wrong('aud is not us');
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return wrong('exp is missing');
  if (now >= exp + leewaySeconds) return wrong('it has expired');
  if (!isPast(nbf, now + leewaySeconds)) return wrong('nbf has not come');
  if (!isPast(iat, now + leewaySeconds)) return wrong('iat has not come');
  const user = userOf(claims[rules.userClaim], rules.domain);
  return user === undefined ? wrong(`${rules.userClaim} is no user`) : { ...user, until: exp };
}

function isPast(moment: unknown, now: number): boolean {
  return moment === undefined || (typeof moment === 'number' && moment <= now);
}

function wrong(what: string): JwtVerdict {
  return { wrong: what, forged: false };
}

/** The address-of-record that the claim names, in two parts. */
function userOf(claim: unknown, domain: string): { user: string; domain: string } | undefined {
  if (typeof claim !== 'string') return undefined;
  const bare = claim.startsWith('sip:') ? claim.substring(4) : claim;
  const full = bare.includes('@') || domain === '' ? bare : `${bare}@${domain}`;
  try {
    const uri = parseUri(`sip:${full}`);
    if (uri.user === undefined || uri.user === '' || uri.host === '') return undefined;
    const aor = aorOf(uri);
    const at = aor.lastIndexOf('@');
    return { user: aor.substring(0, at), domain: aor.substring(at + 1) };
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}

function jsonOf(part: string): Json | undefined {
  const octets = octetsOf(part);
  if (octets === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(octets.toString('utf8'));
    // An object, as is seen here; its members are looked at one by one.
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined; // What is no JSON claims nothing.
  }
}

/** Undefined unless it is written in the one way that RFC 7515 §2 allows. */
function octetsOf(part: string): Buffer | undefined {
  const octets = Buffer.from(part, 'base64url');
  return octets.toString('base64url') === part ? octets : undefined;
}
