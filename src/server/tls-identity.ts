/** The certificates of the settings, read and checked: before the start, and again when told to reload. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import type { Certificate, Logger, TlsIdentity } from '../base/world.ts';
import type { Settings } from './settings.ts';

/** Who would wait for a certificate to run out is told so long before, in days. */
export const RENEW_DAYS = 14;
const DAY_MS = 86_400_000;

/** Throws CERTIFICATE_INVALID, which names the file. `now`: milliseconds since 1970. */
export function readTlsIdentity(settings: Settings['tls'], log: Logger, now: number): TlsIdentity {
  const { certificates, clients, authorities } = settings;
  return {
    certificates: certificates.map(({ certificate, key }) => readCertificate(certificate, key, log, now)),
    clients,
    authorities: authorities === '' ? undefined : readAuthorities(authorities),
  };
}

function readCertificate(file: string, keyFile: string, log: Logger, now: number): Certificate {
  const chain = readPem(file);
  const key = readPem(keyFile);
  const own = understood(file, () => new X509Certificate(chain));
  const fits = own.checkPrivateKey(understood(keyFile, () => createPrivateKey(key)));
  if (!fits) throw invalid(`${keyFile} is not the key of ${file}`);
  const daysLeft = Math.floor((Date.parse(own.validTo) - now) / DAY_MS);
  if (daysLeft < RENEW_DAYS) log.warn('a certificate runs out', { file, daysLeft, until: own.validTo });
  return { chain, key };
}

function readAuthorities(file: string): string {
  const pem = readPem(file);
  understood(file, () => new X509Certificate(pem));
  return pem;
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(`cannot read ${file}: ${reasonOf(cause)}`, cause);
  }
}

function understood<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(`${file} holds no certificate or key in PEM: ${reasonOf(cause)}`, cause);
  }
}

function invalid(what: string, cause?: unknown): TandemError {
  return new TandemError('CERTIFICATE_INVALID', what, { cause, hint: 'see [tls] in tandem.toml' });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
