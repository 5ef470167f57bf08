/** The names in a certificate that count for SIP. RFC 5922 §7.1 */
import type { X509Certificate } from 'node:crypto';

/** `DNS:a.example, URI:sip:example.com, DNS:"quoted, when it holds what separates"` */
const ALTERNATIVE = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;
const SIP_DOMAIN = /^sip:([a-z0-9.-]+)$/i;
const COMMON_NAME = /^CN=(.*)$/m;

/**
 * The SIP domains of its URIs; without any its DNS names; without other names at all its common name. In lower case.
 * Wildcards are kept as they stand, `*.example.com`, and equal no domain.
 */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const { subjectAltName, subject } = certificate;
  if (subjectAltName === undefined) return commonName(subject);
  const uris: string[] = [];
  const hosts: string[] = [];
  for (const [, kind, value = ''] of subjectAltName.matchAll(ALTERNATIVE)) {
    const domain = kind === 'URI' ? SIP_DOMAIN.exec(value)?.[1] : undefined;
    if (domain !== undefined) uris.push(domain.toLowerCase());
    else if (kind === 'DNS' && !value.startsWith('"')) hosts.push(value.toLowerCase());
  }
  return uris.length > 0 ? uris : hosts;
}

function commonName(subject: string | undefined): readonly string[] {
  const name = COMMON_NAME.exec(subject ?? '')?.[1];
  return name === undefined ? [] : [name.toLowerCase()];
}
