/**
 * Names of a peer that reach it by the connection it opened. RFC 5923, RFC 7118 §5
 *
 * Over TCP there are none: nobody proves there whose port he names. Over TLS a peer is believed that proved the name
 * by its certificate, and one that names the address it comes from.
 */
import type { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import type { Flow, TransportName } from './flow.ts';

const NOWHERE = '.invalid';
const ALIAS = /;\s*alias\s*(?:[;=,]|$)/i;
const TLS_PORT = 5061;
const LETTER_D = 100;

/** What a connection is kept under, and looked for. */
export function connectionKey(transport: TransportName, host: string, port: number): string {
  return isNowhere(host) ? `nowhere ${host.toLowerCase()}` : `${transport} ${host} ${port}`;
}

/** Whether a host was made up by a browser, which has no name: only its own WebSocket reaches it. RFC 7118 §5 */
export function isNowhere(host: string): boolean {
  const mayBe = (host.charCodeAt(host.length - 1) | 32) === LETTER_D; // Every message asks; hardly any host is one.
  return mayBe && host.length > NOWHERE.length && host.toLowerCase().endsWith(NOWHERE);
}

/**
 * The key under which the sender of this request may be reached, by what its topmost Via says. Departs from
 * RFC 5923 in that a peer without a certificate may name a port of the address it comes from: a phone has none,
 * and cannot be connected to.
 */
export function aliasKey(request: string, flow: Flow): string | undefined {
  const message = parseMessage(request);
  const via = message.kind === 'request' ? topVia(message.headers) : undefined;
  if (message.kind !== 'request' || via === undefined) return undefined;
  const { text } = message.headers;
  const host = text
    .substring(via.sentByStart, via.hostEnd)
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
  if (flow.transport !== 'tls') return isNowhere(host) ? connectionKey(flow.transport, host, 0) : undefined;
  const asks = ALIAS.test(text.substring(via.sentByEnd, via.valueEnd));
  const proved = asks && (flow.peerNames ?? []).includes(host);
  return proved || isAddressOf(host, flow.remote)
    ? connectionKey('tls', flow.remote.host, via.port === 0 ? TLS_PORT : via.port)
    : undefined;
}

function isAddressOf(host: string, remote: Endpoint): boolean {
  return host === remote.host.toLowerCase();
}
