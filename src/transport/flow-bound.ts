/**
 * Who is reached by the path he came by and by no other: behind a NAT a phone writes an address into Via and Contact
 * that nobody outside can reach. RFC 3581, RFC 5626
 */
import { type Endpoint, isIpAddress } from '../base/endpoint.ts';
import { addressWords, isWithin, type Network, parseNetwork } from '../base/network.ts';
import { SipError } from '../base/errors.ts';
import { CONTACT, VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { topVia } from '../sip/via.ts';
import type { Flow } from './flow.ts';

/** Where a message came from. */
export type Came = Pick<Flow, 'transport' | 'remote'>;

/**
 * Whether requests within the dialog that this request begins must go back by its flow: its sender says so by `ob`
 * (RFC 5626 §5.3), his Via names another address, or his Contact a private one that is not his. Of who stands behind
 * another proxy, that proxy knows.
 */
export function needsFlow(headers: Headers, came: Came): boolean {
  if (isPlainlyAt(headers, came.remote.host)) return isPortTranslated(headers, came) && !isRelayed(headers);
  if (headers.find(CONTACT) < 0 || isRelayed(headers)) return false;
  return contactNeedsFlow(headers, came.remote) || isViaTranslated(headers, came);
}

/** The same of a Contact alone. One that cannot be read is nobody's business here. */
export function contactNeedsFlow(headers: Headers, remote: Endpoint): boolean {
  const uri = contactUri(headers);
  if (uri === undefined || uri.scheme === 'tel') return false;
  return uri.params['ob'] !== undefined || (uri.host !== remote.host.toLowerCase() && isPrivate(uri.host));
}

/** Whether another proxy handed the request on: then its source is that proxy, and tells nothing about the phone. */
export function isRelayed(headers: Headers): boolean {
  const place = headers.find(VIA);
  if (place < 0 || (headers.twice & (1 << VIA)) !== 0) return place >= 0;
  const comma = headers.text.indexOf(',', headers.valueStart(place));
  return comma >= 0 && comma < headers.valueEnd(place);
}

/**
 * Whether the Via says another place than the packet came from. A name says nothing. Over a datagram a port that was
 * changed alone means a NAT only when `rport` says that the client listens where it sends from (RFC 3581 §3); on a
 * connection the port of the client's side never is the one in its Via.
 */
export function isViaTranslated(headers: Headers, came: Came): boolean {
  const via = topVia(headers);
  if (via === undefined) return false;
  const { text } = headers;
  if (!isHostAt(text, via.sentByStart, via.hostEnd, came.remote)) {
    return isIpAddress(withoutBrackets(text.substring(via.sentByStart, via.hostEnd)));
  }
  return isPortTranslated(headers, came);
}

/** Whether a host stands in a text, an IPv6 one in its brackets. */
export function isHostAt(text: string, start: number, end: number, { host }: Endpoint): boolean {
  if (end - start === host.length) return text.startsWith(host, start);
  return (
    end - start === host.length + 2 && text.substring(start + 1, end - 1).toLowerCase() === host.toLowerCase()
  );
}

/** `[2001:db8::1]` → `2001:db8::1` */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.substring(1, host.length - 1) : host;
}

function isPortTranslated(headers: Headers, { transport, remote }: Came): boolean {
  if (transport !== 'udp') return false;
  const via = topVia(headers);
  if (via === undefined || (via.port || DEFAULT_PORT) === remote.port) return false;
  return headers.text.substring(via.sentByEnd, via.valueEnd).toLowerCase().includes('rport');
}

/**
 * The usual case, told without parsing: the Contact ends in `@192.0.2.7:5060>` or `@192.0.2.7:5060;transport=tcp>`, and
 * that is where it came from.
 */
function isPlainlyAt(headers: Headers, host: string): boolean {
  const place = headers.find(CONTACT);
  if (place < 0) return false;
  const { text } = headers;
  const end = headers.valueEnd(place);
  let at = text.indexOf('@', headers.valueStart(place)) + 1;
  if (at === 0 || at >= end || !text.startsWith(host, at)) return false;
  at += host.length;
  if (text.charCodeAt(at) === COLON) for (at++; isDigit(text.charCodeAt(at)); at++);
  if (text.startsWith(TRANSPORT, at)) for (at += TRANSPORT.length; isLetter(text.charCodeAt(at)); at++);
  return text.charCodeAt(at) === CLOSE;
}

function contactUri(headers: Headers): Uri | undefined {
  const value = headers.raw(CONTACT);
  if (value === undefined || value === '*') return undefined;
  try {
    return parseNameAddr(splitList(value)[0] ?? value).uri;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}

/** Addresses that mean another host in every network. RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.4 */
const PRIVATE: readonly Network[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1',
].flatMap((text) => parseNetwork(text) ?? []);

/** Whether an address means another host in every network. */
export function isPrivate(host: string): boolean {
  const words = addressWords(host);
  return words !== undefined && isWithin(PRIVATE, words);
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

function isLetter(c: number): boolean {
  return (c | 32) >= 97 && (c | 32) <= 122;
}

const DEFAULT_PORT = 5060;
const TRANSPORT = ';transport=';
const COLON = 58;
const CLOSE = 62;
