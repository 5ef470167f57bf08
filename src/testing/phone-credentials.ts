/**
 * A phone's answer to a Digest challenge. Written apart from the product's own digest on purpose: a mistake
 * in one is then not hidden by the same mistake in the other. RFC 7616 §3.4.
 */
import { createHash } from 'node:crypto';

/** Who answers the challenge, and for which request. */
export interface Proof {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly cnonce: string;
  /** How often this nonce has been used, this time included; 1 unless given. */
  readonly count?: number;
}

/** The value of Authorization for a value of WWW-Authenticate; undefined when we cannot compute it. */
export function credentialsFor(challenge: string, proof: Proof): string | undefined {
  const said = parametersOf(challenge);
  const { realm, nonce } = said;
  const algorithm = said.algorithm ?? 'MD5';
  const name = hashNames[algorithm.toUpperCase()];
  if (realm === undefined || nonce === undefined || name === undefined) return undefined;
  const hash = (text: string): string => createHash(name).update(text, 'latin1').digest('hex');
  const secret = hash(`${proof.user}:${realm}:${proof.password}`);
  const asked = hash(`${proof.method}:${proof.uri}`);
  const withQop = said.qop?.split(',').some((qop) => qop.trim() === 'auth') === true;
  const count = (proof.count ?? 1).toString(16).padStart(8, '0');
  const middle = withQop ? `${nonce}:${count}:${proof.cnonce}:auth` : nonce;
  const fields = [
    `username="${proof.user}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${proof.uri}"`,
    `response="${hash(`${secret}:${middle}:${asked}`)}"`,
    `algorithm=${algorithm}`,
  ];
  if (withQop) fields.push('qop=auth', `nc=${count}`, `cnonce="${proof.cnonce}"`);
  if (said.opaque !== undefined) fields.push(`opaque="${said.opaque}"`);
  return `Digest ${fields.join(', ')}`;
}

const hashNames: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
};

function parametersOf(challenge: string): Partial<Record<string, string>> {
  const found: Partial<Record<string, string>> = {};
  for (const [, name, quoted, bare] of challenge.matchAll(
    /(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
  )) {
    if (name !== undefined) found[name.toLowerCase()] = quoted ?? bare ?? '';
  }
  return found;
}
