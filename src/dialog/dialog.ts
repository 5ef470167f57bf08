/** A dialog of ours: who talks to whom, which way requests go, and in which order they come. RFC 3261 §12. */
import { SipError } from '../base/errors.ts';
import { step } from '../base/machine.ts';
import { CONTACT, FROM, RECORD_ROUTE, TO, VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { NO_PARAMS, parseUri, printUri, type Uri } from '../sip/uri.ts';
import { topVia } from '../sip/via.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import { dialogMachine, type DialogPart, type DialogState } from './dialog-machine.ts';

/** A header field: its name and its value. */
export type HeaderLine = readonly [name: string, value: string | number];

/** Who uses a dialog: a call, a subscription. */
export interface DialogUser {
  /** A request of the peer; those that came out of order have been refused. */
  receive(server: ServerTransaction, request: SipRequest): void;
  /** The ACK for a 2xx of ours. */
  acknowledged(request: SipRequest): void;
}

/** What a dialog is made of. */
export interface DialogParts {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** The values of From and To in our own requests, tags included. */
  readonly local: string;
  readonly remote: string;
  /** Route values in the order of our requests. */
  readonly routes: readonly string[];
  readonly remoteTarget: string;
  readonly localCSeq: number;
  /** -1 as long as the peer has sent no request. */
  readonly remoteCSeq: number;
  /** Messages of one dialog keep their order on the wire. */
  readonly order: number;
  /** The path it began by; used again when the peer cannot be reached otherwise. */
  readonly flow: Flow | undefined;
  /** The address of who named the remote target. */
  readonly asker?: string | undefined;
  /** It began by a request to a sips URI, which came by TLS. */
  readonly isSips?: boolean | undefined;
  /** Takes out of what the peer asks and answers within it what he may not say. */
  readonly clean?: CleanMessage | undefined;
}

/** Where a request within the dialog goes, and the fields by which it belongs there. */
export interface WithinDialog {
  readonly uri: string;
  readonly headers: readonly HeaderLine[];
  /** The URI that is looked up. */
  readonly next: Uri;
}

/** One end of a call or a subscription, ours. */
export class Dialog implements DialogPart {
  state: DialogState = 'early';
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly local: string;
  readonly remote: string;
  readonly order: number;
  /** See {@link DialogParts}. */
  readonly asker: string | undefined;
  /** Only by TLS: its first request was to a sips URI, and came or went by TLS. RFC 3261 §12.1.1 */
  readonly secure: boolean;
  readonly clean: CleanMessage | undefined;
  remoteTarget: string;
  flow: Flow | undefined;
  user: DialogUser | undefined = undefined;
  private routes: readonly string[];
  private localCSeq: number;
  private remoteCSeq: number;
  private readonly onLeave: (dialog: Dialog) => void;

  constructor(parts: DialogParts, onLeave: (dialog: Dialog) => void) {
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.remoteTag = parts.remoteTag;
    this.local = parts.local;
    this.remote = parts.remote;
    this.order = parts.order;
    this.asker = parts.asker;
    this.remoteTarget = parts.remoteTarget;
    this.secure = parts.isSips === true;
    this.clean = parts.clean;
    this.flow = parts.flow;
    this.routes = parts.routes;
    this.localCSeq = parts.localCSeq;
    this.remoteCSeq = parts.remoteCSeq;
    this.onLeave = onLeave;
  }

  /** The path that requests take whatever the remote target says: the peer is behind a NAT, or on a connection. */
  get way(): Flow | undefined {
    return this.routes.length === 0 && this.flow?.open === true ? this.flow : undefined;
  }

  /** One more for each request of ours but ACK and CANCEL. RFC 3261 §12.2.1.1 */
  nextCSeq(): number {
    this.localCSeq++;
    return this.localCSeq;
  }

  /** False for a request that is older than one we have seen: it is answered 500. RFC 3261 §12.2.2 */
  takesCSeq(cseq: number): boolean {
    if (cseq <= this.remoteCSeq) return false;
    this.remoteCSeq = cseq;
    return true;
  }

  /** The Contact of a target refresh request, or of the 2xx to one of ours. RFC 3261 §12.2 */
  refreshTarget(headers: Headers, flow?: Flow): void {
    const target = contactUri(headers);
    if (target !== undefined) this.remoteTarget = target;
    if (this.flow !== undefined && flow !== undefined) this.flow = flow;
  }

  /** A 2xx to our INVITE: from now on its route set holds. RFC 3261 §13.2.2.4 */
  confirmAsCaller(response: SipResponse): void {
    if (this.state === 'early') this.routes = recordRoutes(response.headers).reverse();
    this.refreshTarget(response.headers);
    this.accepted();
  }

  accepted(): void {
    step(dialogMachine, 'accepted', this);
  }

  end(): void {
    step(dialogMachine, 'ended', this);
  }

  leave(): void {
    this.user = undefined;
    this.onLeave(this);
  }

  /** RFC 3261 §12.2.1.1: a first hop without `lr` takes the place of the Request-URI. */
  within(): WithinDialog {
    const headers: HeaderLine[] = [
      ['From', this.local],
      ['To', this.remote],
      ['Call-ID', this.callId],
    ];
    const [first] = this.routes;
    if (first === undefined) return { uri: this.remoteTarget, headers, next: parseUri(this.remoteTarget) };
    const next = parseNameAddr(first).uri;
    if (next.params['lr'] !== undefined) {
      return { uri: this.remoteTarget, headers: [...asRoutes(this.routes), ...headers], next };
    }
    const rest = [...this.routes.slice(1), `<${this.remoteTarget}>`];
    return { uri: printUri({ ...next, headers: undefined }), headers: [...asRoutes(rest), ...headers], next };
  }
}

/** The callee's side, when a response of ours creates it. RFC 3261 §12.1.1. Throws SipError 400 without a Contact. */
export function calledDialog(request: SipRequest, localTag: string, flow: Flow, order: number): DialogParts {
  const { headers } = request;
  return {
    callId: request.callId,
    localTag,
    remoteTag: request.fromTag,
    local: `${headers.raw(TO) ?? ''};tag=${localTag}`,
    remote: headers.raw(FROM) ?? '',
    routes: recordRoutes(headers),
    remoteTarget: neededContact(headers),
    localCSeq: 0,
    remoteCSeq: request.cseq,
    order,
    flow: isNeighbour(headers, flow) ? flow : undefined,
    asker: flow.remote.host,
    isSips: request.isSips && isSecure(flow.transport),
  };
}

/** The caller's side, when a response with a To tag comes. RFC 3261 §12.1.2 */
export function callingDialog(
  response: SipResponse,
  requestUri: string,
  flow: Flow | undefined,
  order: number,
  asker?: string,
): DialogParts {
  const { headers } = response;
  return {
    callId: response.callId,
    localTag: response.fromTag,
    remoteTag: response.toTag,
    local: headers.raw(FROM) ?? '',
    remote: headers.raw(TO) ?? '',
    routes: recordRoutes(headers).reverse(),
    remoteTarget: contactUri(headers) ?? requestUri,
    localCSeq: response.cseq,
    remoteCSeq: -1,
    order,
    flow,
    asker,
  };
}

/** Whether the peer itself sent this, and by a path that its Contact may not lead to. */
function isNeighbour(headers: Headers, flow: Flow): boolean {
  const via = topVia(headers);
  if (via === undefined || (headers.twice & (1 << VIA)) !== 0) return false;
  // `received` was put in because the Via names another host than the message came from. RFC 3581 §4
  const sentBy = headers.text.substring(via.sentByStart, via.hostEnd);
  return flow.reliable || sentBy !== flow.remote.host;
}

/** Every Record-Route value, in the order they stand. Throws SipError 400 when one cannot be followed. */
export function recordRoutes(headers: Headers): string[] {
  if (headers.find(RECORD_ROUTE) < 0) return [];
  const values = headers.all('Record-Route').flatMap(splitList);
  for (const value of values) parseNameAddr(value);
  return values;
}

/** RFC 3261 §8.1.1.8: who begins a dialog says where it can be reached. */
function neededContact(headers: Headers): string {
  const uri = contactUri(headers);
  if (uri === undefined) throw new SipError('BAD_HEADER', 400, 'Contact missing');
  return uri;
}

/** The URI of the first Contact as text; undefined when there is none that we can follow. */
function contactUri(headers: Headers): string | undefined {
  const value = headers.raw(CONTACT);
  if (value === undefined || value === '*') return undefined;
  try {
    const { uri } = parseNameAddr(splitList(value)[0] ?? value);
    // RFC 3261 §19.1.1: a Contact's header fields and method are not for the Request-URI.
    return printUri({ ...uri, headers: undefined, params: withoutMethod(uri.params) });
  } catch (error) {
    if (error instanceof SipError) return undefined; // A scheme that we do not speak.
    throw error;
  }
}

function withoutMethod(params: Uri['params']): Uri['params'] {
  if (params['method'] === undefined) return params;
  const { method: _method, ...rest } = params;
  return Object.assign(Object.create(null) as Record<string, string | true>, NO_PARAMS, rest);
}

function asRoutes(values: readonly string[]): HeaderLine[] {
  return values.map((value) => ['Route', value]);
}
