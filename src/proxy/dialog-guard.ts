/**
 * Who may send what along a route set of ours, and where to: the marks in our Record-Route, made and judged.
 * A request within a dialog goes on only with the mark that its side was given, to the remote target that the other
 * side named, by the neighbour that stood between. RFC 3261 §12.2, §16.6, §16.12
 */
import { SipError } from '../base/errors.ts';
import { CONTACT, RECORD_ROUTE } from '../sip/header-table.ts';
import { type Headers, isTokenChar } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Uri } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';
import type { FlowTokens } from '../transport/flow-token.ts';
import { isCalleeBound, isCallerBound, type MarkAndFlow, withMark } from './flow-routes.ts';
import { afterComma, type OwnRoutes, readValue, type RouteView, valueEndAt } from './loose-route.ts';
import { MovedTargets } from './moved-targets.ts';
import { leadsToCallee, type RouteMark, type RouteSigner } from './route-signer.ts';

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
    const target = this.hashOf(contactPlace(headers));
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
   * put into Record-Route. `flow` is the one it came by. Up to Record-Route all positions stay as they are.
   */
  textForCaller(response: SipResponse, flow?: Flow): string {
    const { headers, status } = response;
    const { text } = headers;
    if (status <= 100 || status >= 300 || headers.find(RECORD_ROUTE) < 0) return text;
    const to = response.toTag;
    const place = to === '' ? '' : contactPlace(headers);
    const found = place === '' ? undefined : this.calleesMark(response);
    if (found === undefined) return text;
    const { call, mark, neighbour, from, at } = found;
    const token = neighbour === 0 ? this.calleesToken(response, place, flow) : '';
    const said = { call, fromCaller: true, target: this.hashOf(place), neighbour, flow: token };
    const put = {
      mark: this.signer.sign(said, `${response.callId} ${response.fromTag} ${to}`),
      flow: token,
    };
    // Two values of ours with one mark stand together where transports change; the lower one first, it moves nothing.
    const again = found.isLast ? -1 : text.indexOf(mark, at + mark.length);
    const both = again >= 0 && again < headers.endsAt;
    const lower = both ? withMark(text, at, again, found, put) : text;
    return (lower && withMark(lower, from, at, found, put)) ?? text;
  }

  /**
   * What the mark in Route says about a request; undefined when none of ours is there, or another dialog's. Throws
   * SipError 403 when the request would go anywhere but to the other side of its dialog.
   */
  verify(request: SipRequest, route: RouteView): RouteMark | undefined {
    const { token } = route;
    if (token === undefined) return undefined;
    const toCallee = leadsToCallee(token);
    const { callId, fromTag, toTag } = request;
    const about = toCallee ? `${callId} ${fromTag} ${toTag}` : `${callId} ${toTag}`;
    const mark = this.signer.verify(token, about, route.user);
    if (mark === undefined) return undefined;
    const neighbour = route.next === undefined ? 0 : this.hashOf(placeOf(route.next));
    const target = this.hashOf(placeOf(request.uri));
    if (mark.neighbour !== neighbour) throw elsewhere();
    if (mark.target === target && (mark.flow === '' || !this.moved.hasFlows)) return mark;
    const side = toCallee ? `b ${about}` : `a ${about} ${fromTag}`;
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
    const token = mark.neighbour === 0 ? this.calleesToken(response, answerer, by) : '';
    if (answerer === placeOf(request.uri) && (token === '' || token === mark.flow)) return;
    this.moved.note(`${fromCaller ? 'b' : 'a'} ${parties}`, this.hashOf(answerer), token);
  }

  /** Whether whoever answered is reached by the flow of his answer alone. */
  isBound(response: SipResponse, flow: Flow): boolean {
    return this.tokens !== undefined && isCalleeBound(response, contactPlace(response.headers), flow);
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
        const to = valueEndAt(headers, place, from);
        const { token: mark, user: flow = '' } = valueAt(text, from, to, this.own);
        if (mark !== undefined && !leadsToCallee(mark)) {
          const said = this.signer.verify(mark, aboutCallee(response), flow);
          if (said === undefined) return undefined;
          const isLast = to === end && headers.findFrom(RECORD_ROUTE, place + 4) < 0;
          return { mark, flow, from, at: text.indexOf(mark, from), isLast, call: said.call, neighbour };
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

  private calleesToken(response: SipResponse, place: string, by: Flow | undefined): string {
    const { tokens } = this;
    if (tokens === undefined || by === undefined || !isCalleeBound(response, place, by)) return '';
    return tokens.tokenOf(by);
  }

  private neighbourAt(headers: Headers, place: number, from: number): number {
    return this.hashOf(addressPlace(headers.text.substring(from, valueEndAt(headers, place, from))));
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
function aboutCallee(message: SipRequest | SipResponse): string {
  return `${message.callId} ${message.fromTag}`;
}

function elsewhere(): SipError {
  return new SipError('OUTSIDE_DIALOG', 403, 'the request leads out of its dialog');
}

/** A value that cannot be read is none of ours. */
function valueAt(text: string, from: number, to: number, own: OwnRoutes): ReturnType<typeof readValue> {
  try {
    return readValue(text, from, to, own);
  } catch (error) {
    if (error instanceof SipError) return {};
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

/** How most Contacts begin. */
const PLAIN = '<sip:';

/**
 * Where `<sip:user@192.0.2.1:5060>` ends, 0 for any other form: what stands in it is as `placeOf` would write it, and
 * nothing need be parsed.
 */
function plainEnd(value: string): number {
  if (!value.startsWith(PLAIN)) return 0;
  let at = PLAIN.length;
  for (let c = value.charCodeAt(at); c !== 64; c = value.charCodeAt(++at))
    if (!isTokenChar(c) || c === 37) return 0;
  let colon = 0;
  for (at++; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (c === 58 && colon === 0 && value.charCodeAt(at + 1) > 48) colon = at;
    else if (c === 62) return colon > 0 ? at : 0;
    else if (!(c >= 48 && c <= 57) && (c !== 46 || colon > 0)) return 0;
  }
  return 0;
}

/** An address that cannot be read stands for itself: a proxy relays it all the same (RFC 3261 §16.3). */
function addressPlace(value: string): string {
  const end = plainEnd(value);
  if (end > 0) return `${value.substring(PLAIN.length, end)};udp`;
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
