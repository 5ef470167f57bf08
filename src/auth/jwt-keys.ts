/**
 * The keys that tokens are verified with: a JWK set (RFC 7517 §5). A key is for one algorithm, which its kind says; so
 * no token can have a public key taken for a shared secret.
 */
import { createPublicKey, createSecretKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import { TandemError } from '../base/errors.ts';

/** RFC 7518 §3.1 */
export type JwtAlgorithm = 'HS256' | 'ES256' | 'RS256';

/** One key. */
export interface JwtKey {
  readonly id: string | undefined;
  readonly algorithm: JwtAlgorithm;
  readonly key: KeyObject;
}

/** Keys of one set. */
export const KEYS_MAX = 100;
/** RFC 7518 §3.2: as long as the hash. */
export const SECRET_OCTETS_MIN = 32;
/** RFC 7518 §3.3 */
export const RSA_BITS_MIN = 2048;

const VERIFY = 'verify';

/** Throws SETTINGS_INVALID when it is no set, has a key that is too weak, or none that we can use. */
export function parseKeys(json: string): readonly JwtKey[] {
  const { keys } = asObject(parse(json));
  if (!Array.isArray(keys)) throw invalid('expected { "keys": [ … ] }');
  if (keys.length > KEYS_MAX) throw invalid(`${keys.length} keys; at most ${KEYS_MAX} expected`);
  const usable = keys.flatMap((key: unknown) => keyOf(asObject(key)) ?? []);
  if (usable.length === 0) throw invalid('no key for HS256, ES256 or RS256');
  return usable;
}

type Json = Readonly<Record<string, unknown>>;

/** Undefined for a key of another kind or use: RFC 7517 §5 has such ignored. */
function keyOf(jwk: Json): JwtKey | undefined {
  const algorithm = algorithmOf(jwk);
  const { kid, use = 'sig', key_ops: operations = [VERIFY], alg = algorithm } = jwk;
  if (algorithm === undefined || alg !== algorithm || use !== 'sig') return undefined;
  if (!Array.isArray(operations) || !operations.includes(VERIFY)) return undefined;
  if (kid !== undefined && typeof kid !== 'string') throw invalid('a kid that is no text');
  const key = algorithm === 'HS256' ? secretOf(jwk) : publicKeyOf(jwk);
  return { id: kid, algorithm, key };
}

function algorithmOf({ kty, crv }: Json): JwtAlgorithm | undefined {
  if (kty === 'oct') return 'HS256';
  if (kty === 'RSA') return 'RS256';
  return kty === 'EC' && crv === 'P-256' ? 'ES256' : undefined;
}

function secretOf({ k }: Json): KeyObject {
  const octets = Buffer.from(typeof k === 'string' ? k : '', 'base64url');
  if (octets.length < SECRET_OCTETS_MIN) {
    throw invalid(`a secret of ${octets.length} octets; at least ${SECRET_OCTETS_MIN} expected`);
  }
  return createSecretKey(octets);
}

function publicKeyOf(jwk: Json): KeyObject {
  const key = imported(jwk);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN;
  if (bits < RSA_BITS_MIN) throw invalid(`an RSA key of ${bits} bits; at least ${RSA_BITS_MIN} expected`);
  return key;
}

function imported(jwk: Json): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' }); // Node judges what it is made of.
  } catch (cause) {
    throw invalid(
      `a key that cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw invalid('it is no JSON', cause);
  }
}

function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('expected an object');
  return value as Json; // An object, as was just seen; its members are looked at one by one.
}

function invalid(why: string, cause?: unknown): TandemError {
  return new TandemError('SETTINGS_INVALID', `the keys of [jwt] keys_file: ${why}`, { cause });
}
