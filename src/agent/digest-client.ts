/**
 * The client's side of digest authentication. RFC 3261 §22, RFC 7616, RFC 8760.
 * One object for one user: it remembers the challenge of each realm, so that the next request need not be asked.
 */
import { hash } from 'node:crypto';
import type { Random } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import { asBytes } from '../sip/headers.ts';
import { quoted } from '../sip/scan.ts';
import type { SipResponse } from '../sip/message.ts';
import { type DigestChallenge, nextNonce, parseChallenges } from './digest-challenge.ts';

/** Who we are to somebody else's server. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Realms of one user that are remembered; further ones are asked anew each time. */
export const REALMS_MAX = 8;
const CNONCE_BITS = 96;

const HASH_NAMES: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
};

/** What is proved: the request. */
export interface ProvedRequest {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
}

interface Realm {
  readonly challenge: DigestChallenge;
  readonly proxy: boolean;
  readonly algorithm: string;
  readonly session: boolean;
  /** How often its nonce was used. */
  count: number;
}

/** Answers challenges. */
export class DigestClient {
  /** As it goes on the wire, one character a byte. RFC 7616 §4 */
  private readonly credentials: Credentials;
  private readonly random: Random;
  private readonly realms = new Map<string, Realm>();

  constructor(credentials: Credentials, random: Random) {
    this.credentials = { user: inUtf8(credentials.user), password: inUtf8(credentials.password) };
    this.random = random;
  }

  /**
   * Takes the challenges of a 401 or 407. False when the request need not be tried again: nothing in it that we can
   * answer, or `tried` and the server does not say that merely the nonce was too old.
   */
  learn(response: SipResponse, tried: ReadonlySet<string>): readonly string[] {
    const proxy = response.status === 407;
    const values = response.headers.all(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate');
    const learned: string[] = [];
    for (const challenge of values.flatMap(parseChallenges)) {
      const key = `${proxy ? 'proxy' : 'server'} ${challenge.realm}`;
      // RFC 8760 §2.4: of several challenges of one realm the first that we know counts.
      if (learned.includes(key)) continue;
      if (tried.has(key) && !challenge.stale) continue;
      const realm = usable(challenge, proxy);
      if (realm === undefined) continue;
      if (!this.realms.has(key) && this.realms.size === REALMS_MAX) this.realms.clear();
      this.realms.set(key, realm);
      learned.push(key);
    }
    return learned;
  }

  /**
   * Takes the nonce that an answer wants next, which spares us a challenge. The field names no realm: where we know
   * several nobody can tell whose it is. RFC 7616 §3.5, RFC 7615 §4
   */
  heed(response: SipResponse): void {
    this.renew(false, response.headers.get('Authentication-Info'));
    this.renew(true, response.headers.get('Proxy-Authentication-Info'));
  }

  private renew(proxy: boolean, info: string | undefined): void {
    const nonce = info === undefined ? undefined : nextNonce(info);
    if (nonce === undefined) return;
    const [known, ...others] = [...this.realms].filter(([, realm]) => realm.proxy === proxy);
    if (known === undefined || others.length > 0) return;
    const [key, realm] = known;
    this.realms.set(key, { ...realm, challenge: { ...realm.challenge, nonce }, count: 0 });
  }

  /** The fields that prove who we are to every realm we know. */
  prove(request: ProvedRequest): readonly HeaderLine[] {
    return [...this.realms.values()].map((realm) => [
      realm.proxy ? 'Proxy-Authorization' : 'Authorization',
      this.answer(realm, request),
    ]);
  }

  private answer(realm: Realm, request: ProvedRequest): string {
    const { challenge, algorithm, session } = realm;
    const { user, password } = this.credentials;
    const of = (text: string): string => hash(HASH_NAMES[algorithm] ?? 'md5', Buffer.from(text, 'latin1'));
    const cnonce = this.random.token(CNONCE_BITS);
    const qop = challenge.qop;
    const base = of(`${user}:${challenge.realm}:${password}`);
    const ha1 = session ? of(`${base}:${challenge.nonce}:${cnonce}`) : base;
    const integrity = qop === 'auth-int' ? `:${of(asBytes(request.body))}` : '';
    const ha2 = of(`${request.method}:${request.uri}${integrity}`);
    realm.count++;
    const nc = realm.count.toString(16).padStart(8, '0');
    const counted = qop === undefined ? '' : `${nc}:${cnonce}:${qop}:`;
    const name = session ? `${algorithm}-sess` : algorithm;
    let value =
      `Digest username=${quoted(user)}, realm=${quoted(challenge.realm)}, nonce=${quoted(challenge.nonce)}, ` +
      `uri=${quoted(request.uri)}, response="${of(`${ha1}:${challenge.nonce}:${counted}${ha2}`)}", algorithm=${name}`;
    if (challenge.opaque !== undefined) value += `, opaque=${quoted(challenge.opaque)}`;
    if (qop !== undefined || session) value += `, cnonce="${cnonce}"`;
    return qop === undefined ? value : `${value}, qop=${qop}, nc=${nc}`;
  }
}

function inUtf8(text: string): string {
  return Buffer.from(text, 'utf8').latin1Slice();
}

/** Undefined for an algorithm or a quality of protection that we do not know. */
function usable(challenge: DigestChallenge, proxy: boolean): Realm | undefined {
  const session = challenge.algorithm.endsWith('-SESS');
  const algorithm = session ? challenge.algorithm.slice(0, -5) : challenge.algorithm;
  if (HASH_NAMES[algorithm] === undefined || challenge.qop === 'unknown') return undefined;
  return { challenge, proxy, algorithm, session, count: 0 };
}
