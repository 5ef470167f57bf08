/** The hashes of digest authentication, old and SHA-256. RFC 2617 §3.2.2, RFC 7616 §3.4, RFC 8760 */
import { hash } from 'node:crypto';

/** The hashes we offer. */
export type DigestAlgorithm = 'SHA-256' | 'MD5';

/** What the client put into its answer. */
export interface DigestParts {
  readonly nonce: string;
  readonly uri: string;
  readonly nc?: string | undefined;
  readonly cnonce?: string | undefined;
  /** Undefined for a client of RFC 2069. */
  readonly qop?: string | undefined;
  /** What `auth-int` covers; latin1, one character a byte. */
  readonly body?: string | undefined;
}

const HASH_NAMES = { 'SHA-256': 'sha256', MD5: 'md5' } as const;

/** Hex of the hash over user, realm and password: all that a server need keep of a password. */
export function digestHa1(algorithm: DigestAlgorithm, user: string, realm: string, password: string): string {
  return hash(HASH_NAMES[algorithm], `${user}:${realm}:${password}`);
}

/** The `response` that proves knowledge of `ha1` for this request. */
export function digestResponse(
  algorithm: DigestAlgorithm,
  ha1: string,
  method: string,
  parts: DigestParts,
): string {
  return responseOf(algorithm, ha1, digestHa2(algorithm, method, parts), parts);
}

/** What it proves of the request itself: the same for all that ask for the same. */
export function digestHa2(
  algorithm: DigestAlgorithm,
  method: string,
  { uri, qop, body = '' }: DigestParts,
): string {
  const name = HASH_NAMES[algorithm];
  const covered = qop === 'auth-int' ? `:${hash(name, Buffer.from(body, 'latin1'))}` : '';
  return hash(name, `${method}:${uri}${covered}`);
}

/** The `response`, once both of its parts are known. */
export function responseOf(
  algorithm: DigestAlgorithm,
  ha1: string,
  ha2: string,
  { nonce, nc = '', cnonce = '', qop }: DigestParts,
): string {
  const name = HASH_NAMES[algorithm];
  if (qop === undefined) return hash(name, `${ha1}:${nonce}:${ha2}`);
  return hash(name, `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}
