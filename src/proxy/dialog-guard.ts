/**
 * Who may send what along a route set of ours, and where to: the marks in our Record-Route, made and judged.
 * A request within a dialog goes on only with the mark that its side was given, to the remote target that the other
 * side named, by the neighbour that stood between. RFC 3261 §12.2, §16.6, §16.12
 */
import { SipError } from '../base/errors.ts';
import { bytesOf } from '../base/bytes.ts';
import { CONTACT, RECORD_ROUTE } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Uri } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';
import type { FlowTokens } from '../transport/flow-token.ts';
import { isCalleeBound, isCallerBound, type MarkAndFlow, markEdit } from './flow-routes.ts';
import {
  afterComma,
  type OwnRoutes,
  readValue,
  type RouteValue,
  type RouteView,
  valueEndAt,
} from './loose-route.ts';
import { MovedTargets } from './moved-targets.ts';
import { beginsWith, CLOSE, PLAIN, PLAIN_URI, plainEnd, plainTransport, SPACE } from './plain-place.ts';
import { type Edit, edited } from './reply-path.ts';
import { type DialogName, leadsToCallee, type RouteMark, type RouteSigner } from './route-signer.ts';

/** One for the whole exchange. */
export class DialogGuard {
  private readonly signer: RouteSigner;
  private readonly own: OwnRoutes;
  private readonly moved: MovedTargets;
  private readonly tokens: FlowTokens | undefined;

  /** Without `tokens` every side is where its Contact says. */
  constructor(signer: RouteSigner, own: OwnRoutes, tokens?: FlowTokens) {
    this.signer = signer;
    this.own = own;
    this.tokens = tokens;
    this.moved = new MovedTargets(signer);
  }

  /** The mark for whoever gets this request, and the token beside it: they lead back to whoever sent it. */
  markFor(request: SipRequest, call: number, came?: Flow): MarkAndFlow {
    const { headers } = request;
    const target = this.contactHash(headers) || this.hashOf('');
    const place = headers.find(RECORD_ROUTE);
    const neighbour = place < 0 ? 0 : this.neighbourAt(headers, place, headers.valueStart(place));
    const flow = neighbour === 0 ? this.callersToken(request, came) : '';
    return {
      mark: this.signer.sign({ call, fromCaller: false, target, neighbour, flow }, aboutCallee(request)),
      flow,
    };
  }

  /**
   * The text of a response with the caller's mark in place of the callee's: §16.7 step 8 allows to rewrite what we
   * put into Record-Route. `flow` is the one it came by, `cut` what is left out besides.
   */
  textForCaller(response: SipResponse, flow?: Flow, cut?: Edit): string {
    const marks = this.marksForCaller(response, flow);
    return edited(response.headers.text, cut === undefined ? marks : inOrder(cut, marks));
  }

  private marksForCaller(response: SipResponse, flow: Flow | undefined): readonly Edit[] {
    const { headers, status } = response;
    const { text } = headers;
    if (status <= 100 || status >= 300 || headers.find(RECORD_ROUTE) < 0) return [];
    const target = response.toTag === '' ? 0 : this.contactHash(headers);
    const found = target === 0 ? undefined : this.calleesMark(response);
    if (found === undefined) return [];
    const { call, mark, neighbour, from, at } = found;
    const token = neighbour === 0 ? this.calleesToken(response, flow) : '';
    const said = { call, fromCaller: true, target, neighbour, flow: token };
    const put = { mark: this.signer.sign(said, aboutBoth(response)), flow: token };
    const upper = markEdit(text, from, at, found, put);
    // Two values of ours with one mark stand together where transports change.
    const again = found.isLast ? -1 : text.indexOf(mark, at + mark.length);
    if (again < 0 || again >= headers.endsAt) return upper === undefined ? [] : [upper];
    const lower = markEdit(text, at, again, found, put);
    return upper === undefined || lower === undefined ? [] : [upper, lower];
  }

  /**
   * What the mark in Route says about a request; undefined when none of ours is there, or another dialog's. Throws
   * SipError 403 when the request would go anywhere but to the other side of its dialog.
   */
  verify(request: SipRequest, route: RouteView): RouteMark | undefined {
    const { token } = route;
    if (token === undefined) return undefined;
    const toCallee = leadsToCallee(token);
    const mark = this.signer.verify(token, toCallee ? aboutBoth(request) : aboutAsker(request), route.user);
    if (mark === undefined) return undefined;
    const neighbour = route.next === undefined ? 0 : this.hashOf(placeOf(route.next));
    const target = this.targetHash(request);
    if (mark.neighbour !== neighbour) throw elsewhere();
    if (mark.target === target && (mark.flow === '' || !this.moved.hasFlows)) return mark;
    const { callId, fromTag, toTag } = request;
    const side = toCallee ? `b ${callId} ${fromTag} ${toTag}` : `a ${callId} ${toTag} ${fromTag}`;
    const flow = this.moved.flowAt(side, target);
    if (flow === undefined && mark.target !== target) throw elsewhere();
    return flow === undefined || flow === mark.flow ? mark : { ...mark, flow };
  }

  /**
   * A target refresh within a dialog was answered 2xx: from now on both sides may be where it says, and behind the
   * flows that it and its answer came by. §12.2
   */
  refreshed(mark: RouteMark, refresh: Refresh): void {
    const { request, came, response, by } = refresh;
    const { callId, fromTag, toTag } = request;
    const { fromCaller } = mark;
    const parties = fromCaller ? `${callId} ${fromTag} ${toTag}` : `${callId} ${toTag} ${fromTag}`;
    const asker = contactPlace(request.headers);
    if (asker !== '') {
      const token = this.callersToken(request, came);
      this.moved.note(`${fromCaller ? 'a' : 'b'} ${parties}`, this.hashOf(asker), token);
    }
    const answerer = contactPlace(response.headers);
    if (answerer === '') return;
    const token = mark.neighbour === 0 ? this.calleesToken(response, by) : '';
    if (answerer === placeOf(request.uri) && (token === '' || token === mark.flow)) return;
    this.moved.note(`${fromCaller ? 'b' : 'a'} ${parties}`, this.hashOf(answerer), token);
  }

  /** The number of the record of the call that was answered; 0 for none, and when we are not on the path. */
  callOf(response: SipResponse): number {
    return this.calleesMark(response)?.call ?? 0;
  }

  /** Whether whoever answered is reached by the flow of his answer alone. */
  isBound(response: SipResponse, flow: Flow): boolean {
    return this.tokens !== undefined && isCalleeBound(response, flow);
  }

  /** The route set from us to whoever answered, nearest first; undefined when we are not on the path. §12.1.2 */
  routesToCallee(response: SipResponse): readonly string[] | undefined {
    const ours = this.calleesMark(response)?.mark;
    if (ours === undefined) return undefined;
    const values = response.headers.all('Record-Route').flatMap((value) => splitList(value));
    return values
      .slice(
        0,
        values.findIndex((value) => value.includes(ours)),
      )
      .toReversed();
  }

  /** The topmost mark of ours that leads to the caller, and the neighbour above it. */
  private calleesMark(response: SipResponse): FoundMark | undefined {
    const { headers } = response;
    const { text } = headers;
    let neighbour = 0;
    for (
      let place = headers.find(RECORD_ROUTE);
      place >= 0;
      place = headers.findFrom(RECORD_ROUTE, place + 4)
    ) {
      const end = headers.valueEnd(place);
      for (let from = headers.valueStart(place); from < end;) {
        const { token: mark, user: flow = '', tokenAt, end: to } = valueAt(headers, place, from, this.own);
        if (mark !== undefined && !leadsToCallee(mark)) {
          const said = this.signer.verify(mark, aboutCallee(response), flow);
          if (said === undefined) return undefined;
          const isLast = to === end && headers.findFrom(RECORD_ROUTE, place + 4) < 0;
          const at = tokenAt < 0 ? text.indexOf(mark, from) : tokenAt;
          return { mark, flow, from, at, isLast, call: said.call, neighbour };
        }
        neighbour = this.neighbourAt(headers, place, from);
        from = to < end ? afterComma(text, to) : end;
      }
    }
    return undefined;
  }

  private callersToken(request: SipRequest, came: Flow | undefined): string {
    const { tokens } = this;
    if (tokens === undefined || came === undefined || !isCallerBound(request, came)) return '';
    return tokens.tokenOf(came);
  }

  private calleesToken(response: SipResponse, by: Flow | undefined): string {
    const { tokens } = this;
    if (tokens === undefined || by === undefined || !isCalleeBound(response, by)) return '';
    return tokens.tokenOf(by);
  }

  private neighbourAt(headers: Headers, place: number, from: number): number {
    return this.hashOf(addressPlace(headers.text.substring(from, valueEndAt(headers, place, from))));
  }

  /** Of the place that the Contact names; 0 without one. */
  private contactHash(headers: Headers): number {
    const contact = headers.find(CONTACT);
    if (contact < 0) return 0;
    const hash = this.plainHash(headers, headers.valueStart(contact), PLAIN, CLOSE);
    if (hash !== 0) return hash;
    const place = contactPlace(headers);
    return place === '' ? 0 : this.hashOf(place);
  }

  /** Of the place that the Request-URI names. */
  private targetHash(request: SipRequest): number {
    const hash = this.plainHash(request.headers, request.method.length + 1, PLAIN_URI, SPACE);
    return hash === 0 ? this.hashOf(placeOf(request.uri)) : hash;
  }

  /** Of a place that is written so that nothing need be parsed; 0 for any other. */
  private plainHash({ text }: Headers, from: number, open: Uint8Array, close: number): number {
    const bytes = bytesOf(text);
    const end = beginsWith(bytes, from, open) ? plainEnd(bytes, from + open.length, close) : 0;
    const transport = end === 0 ? undefined : plainTransport(bytes, end, close);
    if (transport === undefined) return 0;
    return this.signer.hashOfPlace(bytes, from + open.length, end, transport) || 1;
  }

  /** Never 0, which says that there is nobody. */
  private hashOf(place: string): number {
    return this.signer.hashOf(place) || 1;
  }
}

/** A target refresh, the flow it came by, its 2xx, and the flow of that. */
export interface Refresh {
  readonly request: SipRequest;
  readonly came: Flow;
  readonly response: SipResponse;
  readonly by: Flow | undefined;
}

/** A mark of ours in Record-Route. */
interface FoundMark extends MarkAndFlow {
  /** Where its value begins in the text, and the mark itself. */
  readonly from: number;
  readonly at: number;
  /** Whether no value follows. */
  readonly isLast: boolean;
  readonly call: number;
  /** The hash of the value above it. */
  readonly neighbour: number;
}

/** What is known of the dialog when the request leaves: the callee's tag is not. */
function aboutCallee({ headers, fromTag }: SipRequest | SipResponse): DialogName {
  return { headers, tag: fromTag, otherTag: undefined };
}

/** The same, as the callee's own requests name it. */
function aboutAsker({ headers, toTag }: SipRequest): DialogName {
  return { headers, tag: toTag, otherTag: undefined };
}

function aboutBoth({ headers, fromTag, toTag }: SipRequest | SipResponse): DialogName {
  return { headers, tag: fromTag, otherTag: toTag };
}

/** Most write Via before Record-Route. */
function inOrder(cut: Edit, marks: readonly Edit[]): readonly Edit[] {
  const [first] = marks;
  if (first === undefined) return [cut];
  return cut.from < first.from ? [cut, ...marks] : [...marks, cut].sort((a, b) => a.from - b.from);
}

function elsewhere(): SipError {
  return new SipError('OUTSIDE_DIALOG', 403, 'the request leads out of its dialog');
}

const UNREADABLE = { token: undefined, user: undefined, uri: undefined, tokenAt: -1 };

/** A value that cannot be read is none of ours. */
function valueAt(headers: Headers, place: number, from: number, own: OwnRoutes): RouteValue {
  try {
    return readValue(headers, place, from, own);
  } catch (error) {
    if (error instanceof SipError) return { ...UNREADABLE, end: valueEndAt(headers, place, from) };
    throw error;
  }
}

/** '' without a Contact. */
function contactPlace(headers: Headers): string {
  const place = headers.find(CONTACT);
  if (place < 0) return '';
  return addressPlace(
    headers.text.substring(headers.valueStart(place), valueEndAt(headers, place, headers.valueStart(place))),
  );
}

/** An address that cannot be read stands for itself: a proxy relays it all the same (RFC 3261 §16.3). */
function addressPlace(value: string): string {
  try {
    return placeOf(parseNameAddr(value).uri);
  } catch (error) {
    if (error instanceof SipError) return value;
    throw error;
  }
}

/**
 * A URI as far as it says who and where: what a peer may write another way when it gives a URI back, such as the
 * default port or a parameter of no importance, is left out.
 */
export function placeOf(uri: Uri): string {
  const { user, host, port, params } = uri;
  const who = user === undefined ? '' : canonicalEscapes(user);
  const transport = params['transport'];
  const how = transport === undefined || transport === true ? 'udp' : transport.toLowerCase();
  const maddr = params['maddr'];
  const place = `${who}@${host}:${port ?? 5060};${how}`;
  return typeof maddr === 'string' ? `${place};${maddr}` : place;
}
