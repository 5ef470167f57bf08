/**
 * Digest authentication of requests: who proves to be a subscriber, who is challenged. RFC 3261 §22, RFC
 * 7616, RFC 8760. Whoever fails learns nothing from it: an unknown user costs the same work and gets the same
 * answer as a wrong password.
 */
import { hash } from 'node:crypto';
import { SipError } from '../base/errors.ts';
import type { Random } from '../base/world.ts';
import { AUTHORIZATION, PROXY_AUTHORIZATION } from '../sip/header-table.ts';
import { isHex } from '../sip/scan.ts';
import { parseCredentials, printChallenge } from '../sip/credentials.ts';
import type { Credentials } from '../sip/credentials.ts';
import { digestHa2, responseOf } from '../sip/digest.ts';
import type { DigestAlgorithm } from '../sip/digest.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseUri, sameUri, type Uri } from '../sip/uri.ts';
import type { Subscriber } from '../subscriber/subscribers.ts';
import { sameText } from './nonce.ts';
import type { Nonces, NonceState } from './nonce.ts';

/** Who asks: `www` a registrar (401), `proxy` a proxy (407). RFC 3261 §22.2, §22.3 */
export type ChallengeKind = 'www' | 'proxy';

/** What to answer instead of serving the request. */
export interface Refusal {
  readonly status: 400 | 401 | 407;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Somebody who hears us tried a password that is wrong: who bans, counts these. */
  readonly wrongPassword?: true;
}

/** Whose request it is, or what to answer. */
export type Verdict = { readonly ok: Subscriber } | Refusal;

/** Credentials as they should be, for this request, and made with a nonce of ours. */
export interface Presented {
  readonly given: Credentials;
  readonly algorithm: DigestAlgorithm;
  readonly realm: string;
  readonly kind: ChallengeKind;
  readonly source: string;
  readonly state: 'fresh' | 'stale';
}

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
  /** Whether the body may be proven too: `auth-int` is offered beside `auth`. */
  readonly integrity?: boolean;
  /** Whether `uri` may name our host alone in answers to any request; else to a REGISTER alone. */
  readonly hostOnlyUri?: boolean;
}

/** The stronger one first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['SHA-256', 'MD5'];
/** Credentials of other realms may stand in a request too; more lines than this are not looked at. */
export const CREDENTIALS_MAX = 8;

const ANSWER_HEADER = { www: AUTHORIZATION, proxy: PROXY_AUTHORIZATION } as const;
const CHALLENGE_HEADER = { www: 'WWW-Authenticate', proxy: 'Proxy-Authenticate' } as const;
const NONCE_COUNT_DIGITS = 8;
const DUMMY_SECRET_BITS = 128;
const BAD: Refusal = { status: 400, headers: [] };

/** Checks credentials and makes challenges. */
export class DigestAuth {
  private readonly options: DigestAuthOptions;
  private readonly algorithms: readonly DigestAlgorithm[];
  /** What an unknown user's answer is compared with. */
  private readonly dummy: { readonly ha1: string; readonly ha1Sha256: string };
  /** The hash over method and URI that was made last. */
  private hashed = { uri: '', method: '', algorithm: '', ha2: '' };
  /** The URI of credentials that was parsed last. */
  private parsed: { readonly text: string; readonly uri: Uri } | undefined = undefined;

  constructor(options: DigestAuthOptions) {
    this.options = options;
    this.algorithms = options.algorithms ?? DIGEST_ALGORITHMS;
    const secret = options.random.token(DUMMY_SECRET_BITS);
    this.dummy = { ha1: hash('md5', secret), ha1Sha256: hash('sha256', secret) };
  }

  /** The subscriber whose password this request was made with, or the answer to it. `source`: where it came from. */
  check(request: SipRequest, kind: ChallengeKind, source = ''): Verdict {
    const presented = this.present(request, kind, source);
    if ('status' in presented) return presented;
    const subscriber = this.provenSubscriber(request, presented);
    return this.conclude(presented, presented.state, subscriber);
  }

  /** The credentials that are worth a look at the password, or the answer to a request that has none. */
  present(request: SipRequest, kind: ChallengeKind, source: string): Presented | Refusal {
    const realm = this.options.realmFor(request, kind);
    const given = credentialsFor(request, kind, realm);
    if (given === undefined) return this.challenge(kind, realm, source, false);
    if (given === 'malformed' || !this.isWellFormed(given) || !this.isUriOf(given, request)) return BAD;
    const algorithm = this.algorithms.find((offered) => offered === given.algorithm);
    const state = this.options.nonces.judge(given.nonce, source);
    if (algorithm === undefined || state === 'forged') return this.challenge(kind, realm, source, false);
    return { given, algorithm, realm, kind, source, state };
  }

  /**
   * What follows once it is known who has proved the password; undefined: nobody. Whoever had to wait for that judges
   * the nonce anew, for another may have its place by then.
   */
  conclude<T>(presented: Presented, state: NonceState, proved: T | undefined): { readonly ok: T } | Refusal {
    const { given, realm, kind, source } = presented;
    if (proved === undefined) {
      const refusal = this.challenge(kind, realm, source, false);
      return state === 'fresh' ? { ...refusal, wrongPassword: true } : refusal;
    }
    if (state !== 'fresh') return this.challenge(kind, realm, source, true);
    const used = this.options.nonces.useFresh(given.nonce, Number.parseInt(given.nc ?? '', 16));
    return used === 'fresh' ? { ok: proved } : this.challenge(kind, realm, source, false);
  }

  /** `stale`: the password was right and the nonce too old, so that the phone need not ask its user. */
  private challenge(kind: ChallengeKind, realm: string, source: string, stale: boolean): Refusal {
    const nonce = this.options.nonces.make(source);
    const qop = this.options.integrity === true ? 'auth,auth-int' : 'auth';
    const headers = this.algorithms.map((algorithm) => {
      return [CHALLENGE_HEADER[kind], printChallenge({ realm, nonce, algorithm, qop, stale })] as const;
    });
    return { status: kind === 'www' ? 401 : 407, headers };
  }

  private provenSubscriber(
    request: SipRequest,
    { given, algorithm, realm }: Presented,
  ): Subscriber | undefined {
    const subscriber = this.options.subscribers.find(given.username, realm);
    const field = algorithm === 'MD5' ? 'ha1' : 'ha1Sha256';
    // Without an account, or without its hash of this kind, the dummy is compared: it never matches.
    const ha1 = subscriber?.[field] || this.dummy[field];
    const ha2 =
      given.qop === 'auth-int'
        ? digestHa2(algorithm, request.method, { ...given, body: request.body })
        : this.ha2Of(request.method, given, algorithm);
    const expected = responseOf(algorithm, ha1, ha2, given);
    return sameText(expected, given.response.toLowerCase()) ? subscriber : undefined;
  }

  /** Phones of one domain register with one URI: what was hashed last is kept. */
  private ha2Of(method: string, given: Credentials, algorithm: DigestAlgorithm): string {
    const { hashed } = this;
    if (hashed.uri !== given.uri || hashed.method !== method || hashed.algorithm !== algorithm)
      this.hashed = { uri: given.uri, method, algorithm, ha2: digestHa2(algorithm, method, given) };
    return this.hashed.ha2;
  }

  /** Phones that name the registrar by its address all write the same. */
  private uriOf({ uri: text }: Credentials): Uri {
    if (this.parsed?.text !== text) this.parsed = { text, uri: parseUri(text) };
    return this.parsed.uri;
  }

  /** We always ask for a `qop`: without it there is no nonce count, and no shield against replay. RFC 7616 §3.4 */
  private isWellFormed({ qop, nc, cnonce }: Credentials): boolean {
    if (qop === 'auth-int' ? this.options.integrity !== true : qop?.toLowerCase() !== 'auth') return false;
    return cnonce !== undefined && cnonce !== '' && nc !== undefined && isNonceCount(nc);
  }

  /**
   * Credentials made for another Request-URI are not for this request. RFC 7616 §3.4.6
   * It is the one that was received that counts (RFC 3261 §22.4), before we took our maddr off it. Where a strict
   * router wrote over it on the way it is the one that we put back.
   * Departs from it for clients that name the registrar by its address or domain alone when they register: there the
   * Request-URI says no more either. `hostOnlyUri` allows it for every method; the nonce count keeps such an answer
   * from being used twice, and a URI that leads elsewhere, or to another user, is still refused.
   */
  private isUriOf(given: Credentials, request: SipRequest): boolean {
    const { uriText, uriReceived } = request;
    if (given.uri === uriText || given.uri === uriReceived) return true;
    try {
      const uri = this.uriOf(given);
      if (sameUri(uri, request.uri)) return true;
      if (uriReceived !== undefined && sameUri(uri, parseUri(uriReceived))) return true;
      if (uri.user !== undefined || !this.options.isOurs(uri.host)) return false;
      if (this.options.hostOnlyUri === true) return true;
      return request.method === 'REGISTER' && request.uri.user === undefined;
    } catch (error) {
      if (error instanceof SipError) return false;
      throw error;
    }
  }
}

/** The credentials for this realm; what stands there for other realms is for other servers. RFC 3261 §22.3 */
function credentialsFor(
  request: SipRequest,
  kind: ChallengeKind,
  realm: string,
): Credentials | 'malformed' | undefined {
  const { headers } = request;
  const id = ANSWER_HEADER[kind];
  let isMalformed = false;
  let looked = 0;
  for (let at = headers.find(id); at >= 0 && looked < CREDENTIALS_MAX; at = headers.findFrom(id, at + 4)) {
    looked++;
    try {
      const given = parseCredentials(headers.value(at));
      if (given?.realm === realm) return given;
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      isMalformed = true;
    }
  }
  return isMalformed ? 'malformed' : undefined;
}

function isNonceCount(nc: string): boolean {
  if (nc.length !== NONCE_COUNT_DIGITS) return false;
  for (let at = 0; at < nc.length; at++) if (!isHex(nc.charCodeAt(at))) return false;
  return true;
}
