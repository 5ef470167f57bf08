/**
 * Where a REGISTER has calls sent. Who registers the address of a carrier would have our calls end there, at our
 * expense: a carrier knows us by our address, and asks for no password.
 */
import { SipError } from '../base/errors.ts';
import { readContacts } from '../location/contact-field.ts';
import { isRelayed, type RegisterSource } from '../location/nat.ts';
import { PATH } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { parseUri, type Uri } from '../sip/uri.ts';
import { isLoopback } from '../transport/reach.ts';

/** What must be known of peers. */
export interface PeerPlaces {
  /** Whether an address or a name is that of a peer which takes calls from us. */
  readonly isPeer: (host: string) => boolean;
  /** Whether a request comes from one, whose word counts for where its own proxies are. */
  readonly hasSent: (source: RegisterSource) => boolean;
  /** Whether a Path leads the way: else calls go to the Contact. */
  readonly pathCounts: boolean;
}

/**
 * Whether its sender may not have calls sent there. What comes straight from a phone leads back to the phone, whatever
 * address its Contact has; only behind a proxy, or with a Path, the address counts. RFC 3327 §6
 */
export function leadsAstray(request: SipRequest, source: RegisterSource, peers: PeerPlaces): boolean {
  const { headers } = request;
  const hasPath = headers.find(PATH) >= 0;
  if (!hasPath && !isRelayed(headers)) return false;
  const { host } = source.remote;
  if (hasPath && peers.pathCounts) {
    const first = splitList(headers.all('Path')[0] ?? '')[0];
    const target = first === undefined ? undefined : hostIn(() => parseNameAddr(first).uri);
    return target !== undefined && peers.isPeer(target) && !peers.hasSent(source);
  }
  return contactHosts(request).some((target) => {
    if (target === host) return false;
    return peers.isPeer(target) || (isLoopback(target) && !isLoopback(host));
  });
}

function contactHosts({ headers }: SipRequest): readonly string[] {
  try {
    const contacts = readContacts(headers);
    if (contacts === '*') return [];
    return contacts.flatMap(({ uriText }) => hostIn(() => parseUri(uriText)) ?? []);
  } catch (error) {
    if (error instanceof SipError) return []; // The registrar refuses it.
    throw error;
  }
}

/** RFC 3261 §19.1.1: maddr overrides the host. Undefined for what leads nowhere. */
function hostIn(read: () => Uri): string | undefined {
  try {
    const { host, params } = read();
    const { maddr } = params;
    return typeof maddr === 'string' ? maddr.replace(/^\[|\]$/g, '').toLowerCase() : host;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}
