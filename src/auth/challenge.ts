/**
 * Digest authentication of requests: who proves to be a subscriber, who is challenged. RFC 3261 §22, RFC
 * 7616, RFC 8760. Whoever fails learns nothing from it: an unknown user costs the same work and gets the same
 * answer as a wrong password.
 */
import { hash } from 'node:crypto';
import { SipError } from '../base/errors.ts';
import type { Random } from '../base/world.ts';
import { parseCredentials, printChallenge } from '../sip/credentials.ts';
import type { Credentials } from '../sip/credentials.ts';
import { digestResponse } from '../sip/digest.ts';
import type { DigestAlgorithm } from '../sip/digest.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseUri, sameUri } from '../sip/uri.ts';
import type { Subscriber } from '../subscriber/subscribers.ts';
import { sameText } from './nonce.ts';
import type { Nonces } from './nonce.ts';

/** Who asks: `www` a registrar (401), `proxy` a proxy (407). RFC 3261 §22.2, §22.3 */
export type ChallengeKind = 'www' | 'proxy';

/** What to answer instead of serving the request. */
export interface Refusal {
  readonly status: 400 | 401 | 407;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Whose request it is, or what to answer. */
export type Verdict = { readonly ok: Subscriber } | Refusal;

/** What authentication needs. */
export interface DigestAuthOptions {
  readonly subscribers: { find(user: string, domain: string): Subscriber | undefined };
  readonly nonces: Nonces;
  readonly random: Random;
  /** The domain whose accounts may prove this request: the realm of the challenge. */
  readonly realmFor: (request: SipRequest, kind: ChallengeKind) => string;
  /** Whether a host is a domain or an address of ours. */
  readonly isOurs: (host: string) => boolean;
  /** Offered in this order, the preferred one first. RFC 8760 §2.3 */
  readonly algorithms?: readonly DigestAlgorithm[];
}

/** The stronger one first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['SHA-256', 'MD5'];
/** Credentials of other realms may stand in a request too; more lines than this are not looked at. */
export const CREDENTIALS_MAX = 8;

const ANSWER_HEADER = { www: 'Authorization', proxy: 'Proxy-Authorization' } as const;
const CHALLENGE_HEADER = { www: 'WWW-Authenticate', proxy: 'Proxy-Authenticate' } as const;
const NONCE_COUNT = /^[0-9a-f]{8}$/i;
const DUMMY_SECRET_BITS = 128;
const BAD: Refusal = { status: 400, headers: [] };

/** Checks credentials and makes challenges. */
export class DigestAuth {
  private readonly options: DigestAuthOptions;
  private readonly algorithms: readonly DigestAlgorithm[];
  /** What an unknown user's answer is compared with. */
  private readonly dummy: { readonly ha1: string; readonly ha1Sha256: string };

  constructor(options: DigestAuthOptions) {
    this.options = options;
    this.algorithms = options.algorithms ?? DIGEST_ALGORITHMS;
    const secret = options.random.token(DUMMY_SECRET_BITS);
    this.dummy = { ha1: hash('md5', secret), ha1Sha256: hash('sha256', secret) };
  }

  /** The subscriber whose password this request was made with, or the answer to it. */
  check(request: SipRequest, kind: ChallengeKind): Verdict {
    const realm = this.options.realmFor(request, kind);
    const given = credentialsFor(request, kind, realm);
    if (given === undefined) return this.challenge(kind, realm, false);
    if (given === 'malformed' || !isWellFormed(given) || !isUriOf(given, request, this.options.isOurs))
      return BAD;
    const algorithm = this.algorithms.find((offered) => offered === given.algorithm);
    if (algorithm === undefined || this.options.nonces.judge(given.nonce) === 'forged') {
      return this.challenge(kind, realm, false);
    }
    const subscriber = this.provenSubscriber(request, given, algorithm, realm);
    if (subscriber === undefined) return this.challenge(kind, realm, false);
    const state = this.options.nonces.use(given.nonce, Number.parseInt(given.nc ?? '', 16));
    return state === 'fresh' ? { ok: subscriber } : this.challenge(kind, realm, state === 'stale');
  }

  /** `stale`: the password was right and the nonce too old, so that the phone need not ask its user. */
  private challenge(kind: ChallengeKind, realm: string, stale: boolean): Refusal {
    const nonce = this.options.nonces.make();
    const headers = this.algorithms.map((algorithm) => {
      return [
        CHALLENGE_HEADER[kind],
        printChallenge({ realm, nonce, algorithm, qop: 'auth', stale }),
      ] as const;
    });
    return { status: kind === 'www' ? 401 : 407, headers };
  }

  private provenSubscriber(
    request: SipRequest,
    given: Credentials,
    algorithm: DigestAlgorithm,
    realm: string,
  ): Subscriber | undefined {
    const subscriber = this.options.subscribers.find(given.username, realm);
    const field = algorithm === 'MD5' ? 'ha1' : 'ha1Sha256';
    // Without an account, or without its hash of this kind, the dummy is compared: it never matches.
    const ha1 = subscriber?.[field] || this.dummy[field];
    const expected = digestResponse(algorithm, ha1, request.method, given);
    return sameText(expected, given.response.toLowerCase()) ? subscriber : undefined;
  }
}

/** The credentials for this realm; what stands there for other realms is for other servers. RFC 3261 §22.3 */
function credentialsFor(
  request: SipRequest,
  kind: ChallengeKind,
  realm: string,
): Credentials | 'malformed' | undefined {
  let isMalformed = false;
  for (const value of request.headers.all(ANSWER_HEADER[kind]).slice(0, CREDENTIALS_MAX)) {
    try {
      const given = parseCredentials(value);
      if (given?.realm === realm) return given;
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      isMalformed = true;
    }
  }
  return isMalformed ? 'malformed' : undefined;
}

/**
 * We always ask for `auth`: without it there is no nonce count, and no shield against replay. RFC 7616 §3.4
 */
function isWellFormed({ qop, nc, cnonce }: Credentials): boolean {
  if (qop?.toLowerCase() !== 'auth' || cnonce === undefined || cnonce === '') return false;
  return nc !== undefined && NONCE_COUNT.test(nc);
}

/**
 * Credentials made for another Request-URI are not for this request. RFC 7616 §3.4.6
 * Departs from it for clients that name the server alone, by its address or domain, as SIPp does: the nonce
 * count keeps such an answer from being used twice, and a URI that leads elsewhere, or to another user, is
 * still refused.
 */
function isUriOf(given: Credentials, request: SipRequest, isOurs: (host: string) => boolean): boolean {
  if (given.uri === request.uriText) return true;
  try {
    const uri = parseUri(given.uri);
    return (uri.user === undefined && isOurs(uri.host)) || sameUri(uri, request.uri);
  } catch (error) {
    if (error instanceof SipError) return false;
    throw error;
  }
}
