/** The dialog of a call as a phone keeps it: tags, sequence numbers, the way to the peer. RFC 3261 §12. */
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { HeaderPair } from './phone-request.ts';

/** What both sides must keep for requests within the call. */
export interface Dialog {
  readonly callId: string;
  /** The values of From and To in our own requests. */
  readonly local: string;
  readonly remote: string;
  readonly remoteTag: string;
  readonly routes: readonly string[];
  /** The peer's Contact: where our requests go. */
  target: string;
  cseq: number;
}

/** The caller's: the route set in reverse. RFC 3261 §12.1.2. */
export function callersDialog(response: SipResponse): Dialog {
  const { headers } = response;
  return {
    callId: response.callId,
    local: headers.get('From') ?? '',
    remote: headers.get('To') ?? '',
    remoteTag: response.toTag,
    routes: routesOf(headers).reverse(),
    target: contactOf(headers) ?? '',
    cseq: response.cseq,
  };
}

/** The called one's: the route set as it came. RFC 3261 §12.1.1. */
export function calledDialog(request: SipRequest, localTag: string): Dialog {
  const { headers } = request;
  return {
    callId: request.callId,
    local: `${headers.get('To') ?? ''};tag=${localTag}`,
    remote: headers.get('From') ?? '',
    remoteTag: request.fromTag,
    routes: routesOf(headers),
    target: contactOf(headers) ?? '',
    cseq: 0,
  };
}

/** Where the next request of the dialog goes first: the top of the route set, or the peer itself. */
export function firstHop(dialog: Dialog): string {
  return addressIn(dialog.routes[0] ?? dialog.target);
}

/** The header fields by which a request belongs to the dialog. */
export function dialogHeaders(dialog: Dialog): HeaderPair[] {
  const routes = dialog.routes.map((route): HeaderPair => ['Route', route]);
  return [...routes, ['From', dialog.local], ['To', dialog.remote], ['Call-ID', dialog.callId]];
}

/** `sip:bob@192.0.2.2` of `"Bob" <sip:bob@192.0.2.2>;tag=1`. */
export function addressIn(value: string): string {
  return /<([^>]*)>/.exec(value)?.[1] ?? value.split(';', 1)[0]?.trim() ?? '';
}

/** The URI of the first Contact. */
export function contactOf(headers: Headers): string | undefined {
  const value = headers.get('Contact');
  return value === undefined ? undefined : addressIn(value);
}

function routesOf(headers: Headers): string[] {
  return headers.all('Record-Route').flatMap((value) => value.match(/<[^>]*>[^,]*/g) ?? []);
}
