/**
 * Who is behind a NAT. Such a phone writes an address into its Contact that nobody outside can reach; what reaches
 * it is the way its REGISTER came.
 */
import { isIpAddress } from '../base/endpoint.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Flow } from '../transport/flow.ts';
import { isHostAt, withoutBrackets } from '../transport/flow-bound.ts';

export { isRelayed, isViaTranslated } from '../transport/flow-bound.ts';

/** Where a request came from: its flow, or as much as is known of it. */
export type RegisterSource = Pick<Flow, 'transport' | 'remote'> &
  Partial<Pick<Flow, 'sentBy' | 'open' | 'watch'>>;

/** `udp:192.0.2.7:5062`: what `Contact.received` says for this source. */
export function receivedOf(source: RegisterSource): string {
  return `${source.transport}:${source.remote.key}`;
}

/**
 * Whether nobody can reach this contact URI directly. Who came by TLS or WebSocket is reached by that connection
 * alone: a phone has no certificate that we could check, and a browser does not listen. Another port on the host that
 * sent the request is no NAT: a program may register a neighbour on its own host. Over a datagram a name is believed;
 * on a connection whatever is not the source is reached by the connection, such as the `.invalid` of RFC 7118 §5.
 */
export function isContactTranslated(uriText: string, source: RegisterSource): boolean {
  if (source.transport !== 'udp' && source.transport !== 'tcp') return true;
  const start = hostStart(uriText);
  const end = hostEnd(uriText, start);
  // RFC 3261 §19.1.1: a maddr overrides the host, so nothing that the host says counts.
  if (end < uriText.length && namesAnother(uriText.substring(end))) return true;
  if (isHostAt(uriText, start, end, source.remote)) return false;
  return source.transport !== 'udp' || isIpAddress(withoutBrackets(uriText.substring(start, end)));
}

/** However it is spelled: escapes in the name of a parameter mean the same. RFC 3261 §19.1.4 */
function namesAnother(behindHost: string): boolean {
  return canonicalEscapes(behindHost).toLowerCase().includes(MADDR);
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

const MADDR = ';maddr=';
const COLON = 58;
const SEMICOLON = 59;
const QUESTION = 63;
const OPEN = 91;
