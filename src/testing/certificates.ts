/** Certificates for tests: an authority that nobody else believes, and whom it signs for. RFC 5280 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIp4 } from '../base/endpoint.ts';
import type { Certificate } from '../base/world.ts';

/** What a certificate says of its holder. */
export interface CertificateNames {
  readonly dns?: readonly string[];
  /** Such as SIP domains: `sip:example.com`. RFC 5922 §7.1 */
  readonly uris?: readonly string[];
  /** IPv4 addresses. */
  readonly ips?: readonly string[];
  /** Its common name; without any other name, the only one. */
  readonly commonName?: string;
}

/** Signs certificates. */
export interface Authority {
  /** What those who believe it are given, PEM. */
  readonly pem: string;
  issue(names: CertificateNames): Certificate;
}

const DAY_MS = 86_400_000;

/** An authority of its own. */
export function makeAuthority(commonName = 'Tandem tests'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = signed(keys.publicKey, { commonName }, keys.privateKey, commonName, true);
  return {
    pem: certificate,
    issue: (names) => {
      const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const chain = signed(holder.publicKey, names, keys.privateKey, commonName, false);
      return { chain, key: holder.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}

function signed(
  holder: KeyObject,
  names: CertificateNames,
  signer: KeyObject,
  issuer: string,
  isAuthority: boolean,
): string {
  const now = Date.now();
  const content = sequence(
    tagged(0xa0, integer(Buffer.from([2]))), // Version 3 counts from 0.
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguished(issuer),
    sequence(time(now - DAY_MS), time(now + DAY_MS)),
    distinguished(names.commonName ?? 'holder'),
    holder.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(names, isAuthority))),
  );
  const signature = sign('sha256', content, signer);
  return pem(sequence(content, ECDSA_WITH_SHA256, tagged(3, Buffer.concat([Buffer.from([0]), signature]))));
}

function extensions(names: CertificateNames, isAuthority: boolean): Buffer[] {
  const alternatives = [
    ...(names.dns ?? []).map((name) => tagged(0x82, Buffer.from(name))),
    ...(names.uris ?? []).map((uri) => tagged(0x86, Buffer.from(uri))),
    ...(names.ips ?? []).filter(isIp4).map((ip) => tagged(0x87, Buffer.from(ip.split('.').map(Number)))),
  ];
  const basic = sequence(BASIC_CONSTRAINTS, tagged(4, sequence(...(isAuthority ? [TRUE] : []))));
  if (alternatives.length === 0) return [basic];
  return [basic, sequence(SUBJECT_ALT_NAME, tagged(4, sequence(...alternatives)))];
}

// ─── DER: tag, length, content ──────────────────────────────────────────────────────────────────

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'));
const COMMON_NAME = objectId('550403');
const BASIC_CONSTRAINTS = objectId('551d13');
const SUBJECT_ALT_NAME = objectId('551d11');
const TRUE = tagged(1, Buffer.from([255]));

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  // DER wants the shortest form.
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function objectId(hex: string): Buffer {
  return tagged(6, Buffer.from(hex, 'hex'));
}

function integer(bytes: Buffer): Buffer {
  return tagged(2, bytes);
}

function distinguished(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(commonName)))));
}

/** `261121072309Z` */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').substring(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
