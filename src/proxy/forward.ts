/** The steps from a received request to a branch's request: one pass over the text. RFC 3261 §16.6. */
import { SipError } from '../base/errors.ts';
import { bytesOf } from '../base/bytes.ts';
import { CALL_ID, MAX_FORWARDS, ROUTE } from '../sip/header-table.ts';
import { HEADER_LINES_MAX } from '../sip/header-index.ts';
import { type Headers } from '../sip/headers.ts';
import { MAX_FORWARDS_MOST } from '../sip/max-forwards.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { RouteView } from './loose-route.ts';
import { isStrict, strictCopy } from './strict-route.ts';

/** What a request may have that is sent on: Via, two of Record-Route, Route and Max-Forwards go in here. */
const LINES_MAX = HEADER_LINES_MAX - 5;

/** What changes between the request that came and the one that goes out. */
export interface ForwardParts {
  readonly uriText: string;
  /** Our Via line, whole. */
  readonly via: string;
  /** Record-Route lines, or ''. */
  readonly recordRoute: string;
  /** Route values to put on top: a Path. */
  readonly path: string | undefined;
  readonly route: RouteView;
}

/** The text that goes out; what is not named here leaves as it came. Throws SipError when a script added too much. */
export function forwardText(request: SipRequest, parts: ForwardParts): string {
  if (request.headers.index.length > LINES_MAX * 4)
    throw new SipError('BAD_HEADER', 500, `more than ${LINES_MAX} header lines to send on`);
  if (!isStrict(parts.route)) return spliced(request, parts);
  const copy = strictCopy(request, parts.route, parts.uriText);
  return spliced(copy, { ...parts, uriText: copy.uriText, route: NOTHING_CUT });
}

/** The same for a client transaction, which ends at once when its request cannot be written. */
export function textFor(client: ClientTransaction, request: SipRequest, parts: ForwardParts): string {
  try {
    return forwardText(request, parts);
  } catch (error) {
    client.end();
    throw error;
  }
}

const NOTHING_CUT: RouteView = {
  text: '',
  cutFrom: 0,
  cutTo: 0,
  token: undefined,
  next: undefined,
  user: undefined,
};

function spliced(request: SipRequest, parts: ForwardParts): string {
  const { headers } = request;
  const { text, startsAt } = headers;
  let out = `${request.method} ${parts.uriText} SIP/2.0\r\n${parts.via}${parts.recordRoute}`;
  if (parts.path !== undefined) out += `Route: ${parts.path}\r\n`;
  const { cutFrom, cutTo } = parts.route;
  const place = headers.find(MAX_FORWARDS);
  if (place < 0) {
    out += `Max-Forwards: ${MAX_FORWARDS_MOST}\r\n`;
    return cutTo === 0
      ? out + text.substring(startsAt)
      : out + text.substring(startsAt, cutFrom) + text.substring(cutTo);
  }
  const from = headers.valueStart(place);
  const to = headers.valueEnd(place);
  const hops = Math.min(numberIn(text, from, to) - 1, MAX_FORWARDS_MOST);
  if (cutTo === 0) return out + text.substring(startsAt, from) + hops + text.substring(to);
  return cutFrom < from
    ? out + text.substring(startsAt, cutFrom) + text.substring(cutTo, from) + hops + text.substring(to)
    : out + text.substring(startsAt, from) + hops + text.substring(to, cutFrom) + text.substring(cutTo);
}

/** How often a request may still be sent on; undefined when it does not say. */
export function maxForwards(headers: Headers): number | undefined {
  const place = headers.find(MAX_FORWARDS);
  return place < 0 ? undefined : numberIn(headers.text, headers.valueStart(place), headers.valueEnd(place));
}

/** Its digits have been checked. */
function numberIn(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 10 + text.charCodeAt(at) - 48;
  return value;
}

/**
 * The loop mark of a request: the same request coming back has the same, a spiral another. §16.3 step 4, §16.6
 * step 8; RFC 5393 §4.2. Nine digits, so that branches have one length. `order` stands for the Call-ID.
 */
export function loopHash(request: SipRequest, order: number): number {
  const { headers } = request;
  const bytes = bytesOf(headers.text);
  let hash = hashBytes(order, bytes, 0, headers.startsAt - AFTER_URI);
  hash = hashText(hash, request.fromTag);
  hash = hashText(hash, request.toTag);
  const route = headers.find(ROUTE);
  if (route >= 0) hash = hashBytes(hash, bytes, headers.valueStart(route), headers.valueEnd(route));
  hash = Math.imul(hash ^ request.cseq, 0x01000193);
  return (hash >>> 3) + 100_000_000;
}

/** One number a call: its messages keep their order on the wire. */
export function callOrder({ headers }: SipRequest | SipResponse): number {
  const place = headers.find(CALL_ID);
  if (place < 0) return FNV_BASIS;
  return hashBytes(FNV_BASIS, bytesOf(headers.text), headers.valueStart(place), headers.valueEnd(place));
}

/** As a signed number, like all that is made of it. */
const FNV_BASIS = 0x811c9dc5 | 0;

/** Our Via line for what has no transaction. */
export function viaOf(flow: Flow, branch: string): string {
  const name = flow.transport === 'udp' ? 'UDP' : flow.transport.toUpperCase();
  return `Via: SIP/2.0/${name} ${flow.sentBy};branch=${branch}\r\n`;
}

/** What stands between the Request-URI and the first header field. */
const AFTER_URI = ' SIP/2.0\r\n'.length;

function hashText(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function hashBytes(seed: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = seed;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
