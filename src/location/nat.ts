/**
 * Who is behind a NAT. Such a phone writes an address into its Contact that nobody outside can reach; what reaches
 * it is the way its REGISTER came.
 */
import { isIpAddress, type Endpoint } from '../base/endpoint.ts';
import { VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { topVia } from '../sip/via.ts';
import type { TransportName } from '../transport/flow.ts';

/** Where a request came from. */
export interface RegisterSource {
  readonly transport: TransportName;
  readonly remote: Endpoint;
}

/** `udp:192.0.2.7:5062`: what `Contact.received` says for this source. */
export function receivedOf(source: RegisterSource): string {
  return `${source.transport}:${source.remote.key}`;
}

/**
 * Whether the Via says another place than the packet came from. A name says nothing. Over a datagram a port that was
 * changed alone means a NAT only when `rport` says that the client listens where it sends from (RFC 3581 §3); on a
 * connection the port of the client's side never is the one in its Via.
 */
export function isViaTranslated(headers: Headers, source: RegisterSource): boolean {
  const via = topVia(headers);
  if (via === undefined) return false;
  const { text } = headers;
  const { remote } = source;
  if (!isHostAt(text, via.sentByStart, via.hostEnd, remote)) {
    return isIpAddress(withoutBrackets(text.substring(via.sentByStart, via.hostEnd)));
  }
  if (source.transport !== 'udp' || (via.port || 5060) === remote.port) return false;
  return text.substring(via.sentByEnd, via.valueEnd).toLowerCase().includes('rport');
}

/** Whether another proxy handed the request on: then its source is that proxy, and tells nothing about the phone. */
export function isRelayed(headers: Headers): boolean {
  return (headers.twice & (1 << VIA)) !== 0 || (headers.raw(VIA) ?? '').includes(',');
}

/**
 * Whether nobody can reach this contact URI directly. Another port on the host that sent the request is no NAT: a
 * program may register a neighbour on its own host. Over a datagram a name is believed; on a connection whatever is
 * not the source is reached by the connection, such as the `.invalid` of RFC 7118 §5.
 */
export function isContactTranslated(uriText: string, source: RegisterSource): boolean {
  const start = hostStart(uriText);
  const end = hostEnd(uriText, start);
  if (isHostAt(uriText, start, end, source.remote)) return false;
  return source.transport !== 'udp' || isIpAddress(withoutBrackets(uriText.substring(start, end)));
}

function isHostAt(text: string, start: number, end: number, remote: Endpoint): boolean {
  const { host } = remote;
  if (end - start === host.length) return text.startsWith(host, start);
  return (
    end - start === host.length + 2 && text.substring(start + 1, end - 1).toLowerCase() === host.toLowerCase()
  );
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.substring(1, host.length - 1) : host;
}

/** Behind the `@`, of which a URI has one at most, or behind the scheme. */
function hostStart(uriText: string): number {
  const at = uriText.indexOf('@');
  return at < 0 ? uriText.indexOf(':') + 1 : at + 1;
}

function hostEnd(uriText: string, from: number): number {
  if (uriText.charCodeAt(from) === OPEN) return uriText.indexOf(']', from) + 1;
  let at = from;
  for (; at < uriText.length; at++) {
    const c = uriText.charCodeAt(at);
    if (c === COLON || c === SEMICOLON || c === QUESTION) break;
  }
  return at;
}

const COLON = 58;
const SEMICOLON = 59;
const QUESTION = 63;
const OPEN = 91;
