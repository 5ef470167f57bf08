/** Makes keys and tokens, good ones and bad ones: a JWT issuer for tests. RFC 7515, RFC 7517 */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Who signs. */
export interface TokenIssuer {
  /** The JWK set with what others need to verify its tokens. */
  readonly keys: string;
  /** A token with these claims, by the key of this algorithm; `header` beside or instead of `alg` and `kid`. */
  token(algorithm: TokenAlgorithm, claims: object, header?: object): string;
  /** The public key of an algorithm as an operator has it in a file. */
  publicPem(algorithm: 'ES256' | 'RS256'): string;
}

/** What it can sign with; `none` does not sign. */
export type TokenAlgorithm = 'HS256' | 'ES256' | 'RS256' | 'none';

/** Keys that are as good as any. */
export function tokenIssuer(): TokenIssuer {
  const secret = Buffer.alloc(32, 'a secret of tests ');
  const pairs = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  const publicOf = (algorithm: 'ES256' | 'RS256'): object => ({
    ...pairs[algorithm].publicKey.export({ format: 'jwk' }),
    kid: algorithm,
    use: 'sig',
  });
  const shared = { kty: 'oct', kid: 'HS256', k: secret.toString('base64url') };
  return {
    keys: JSON.stringify({ keys: [shared, publicOf('ES256'), publicOf('RS256')] }),
    token: (algorithm, claims, header = {}) => {
      const head = { alg: algorithm, kid: algorithm, ...header };
      const key = algorithm === 'ES256' || algorithm === 'RS256' ? pairs[algorithm].privateKey : secret;
      return signed(algorithm, head, claims, key);
    },
    publicPem: (algorithm) => pairs[algorithm].publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** A token signed with any key: a forger has his own. */
export function signed(
  algorithm: TokenAlgorithm,
  header: object,
  claims: unknown,
  key: KeyObject | Uint8Array,
): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${signature(algorithm, text, key).toString('base64url')}`;
}

function signature(algorithm: TokenAlgorithm, text: string, key: KeyObject | Uint8Array): Buffer {
  if (algorithm === 'none') return Buffer.alloc(0);
  if (algorithm === 'HS256') return createHmac('sha256', key).update(text).digest();
  const signer = key as KeyObject; // Only HS256 is signed with octets.
  return sign(
    'sha256',
    Buffer.from(text),
    algorithm === 'ES256' ? { key: signer, dsaEncoding: 'ieee-p1363' } : signer,
  );
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
