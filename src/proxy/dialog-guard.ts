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
import { afterComma, type OwnRoutes, readValue, type RouteView, valueEndAt } from './loose-route.ts';
import { MovedTargets } from './moved-targets.ts';
import { leadsToCallee, type RouteMark, type RouteSigner } from './route-signer.ts';

/** One for the whole exchange. */
export class DialogGuard {
  private readonly signer: RouteSigner;
  private readonly own: OwnRoutes;
  private readonly moved: MovedTargets;

  constructor(signer: RouteSigner, own: OwnRoutes) {
    this.signer = signer;
    this.own = own;
    this.moved = new MovedTargets(signer);
  }

  /** The mark for whoever gets this request: it leads back to whoever sent it. */
  markFor(request: SipRequest, call: number): string {
    const { headers } = request;
    const target = this.hashOf(contactPlace(headers));
    const place = headers.find(RECORD_ROUTE);
    const neighbour = place < 0 ? 0 : this.neighbourAt(headers, place, headers.valueStart(place));
    return this.signer.sign({ call, fromCaller: false, target, neighbour }, aboutCallee(request));
  }

  /**
   * The text of a response with the caller's mark in place of the callee's: §16.7 step 8 allows to rewrite what we
   * put into Record-Route. The two have one length, so all positions stay as they are.
   */
  textForCaller(response: SipResponse): string {
    const { headers, status } = response;
    const { text } = headers;
    if (status <= 100 || status >= 300 || headers.find(RECORD_ROUTE) < 0) return text;
    const to = response.toTag;
    const target = to === '' ? '' : contactPlace(headers);
    const found = target === '' ? undefined : this.calleesMark(response);
    if (found === undefined) return text;
    const { call, mark, neighbour, at } = found;
    const turned = this.signer.sign(
      { call, fromCaller: true, target: this.hashOf(target), neighbour },
      `${response.callId} ${response.fromTag} ${to}`,
    );
    const behind = at + mark.length;
    const out = text.substring(0, at) + turned;
    // Two values of ours with one mark stand together where transports change.
    const again = found.isLast ? -1 : text.indexOf(mark, behind);
    if (again < 0 || again >= headers.endsAt) return out + text.substring(behind);
    return out + text.substring(behind, again) + turned + text.substring(again + mark.length);
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
    const mark = this.signer.verify(token, about);
    if (mark === undefined) return undefined;
    const neighbour = route.next === undefined ? 0 : this.hashOf(placeOf(route.next));
    const target = this.hashOf(placeOf(request.uri));
    if (mark.neighbour !== neighbour) throw elsewhere();
    if (mark.target === target) return mark;
    const side = toCallee ? `b ${about}` : `a ${about} ${fromTag}`;
    if (!this.moved.holds(side, target)) throw elsewhere();
    return mark;
  }

  /** A target refresh within a dialog was answered 2xx: from now on both sides may be where it says. §12.2 */
  refreshed(mark: RouteMark, request: SipRequest, response: SipResponse): void {
    const { callId, fromTag, toTag } = request;
    const { fromCaller } = mark;
    const parties = fromCaller ? `${callId} ${fromTag} ${toTag}` : `${callId} ${toTag} ${fromTag}`;
    const asker = contactPlace(request.headers);
    if (asker !== '') this.moved.note(`${fromCaller ? 'a' : 'b'} ${parties}`, this.hashOf(asker));
    const answerer = contactPlace(response.headers);
    if (answerer === '' || answerer === placeOf(request.uri)) return;
    this.moved.note(`${fromCaller ? 'b' : 'a'} ${parties}`, this.hashOf(answerer));
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
        const mark = markAt(text, from, to, this.own);
        if (mark !== undefined && !leadsToCallee(mark)) {
          const said = this.signer.verify(mark, aboutCallee(response));
          if (said === undefined) return undefined;
          const isLast = to === end && headers.findFrom(RECORD_ROUTE, place + 4) < 0;
          return { mark, at: text.indexOf(mark, from), isLast, call: said.call, neighbour };
        }
        neighbour = this.neighbourAt(headers, place, from);
        from = to < end ? afterComma(text, to) : end;
      }
    }
    return undefined;
  }

  private neighbourAt(headers: Headers, place: number, from: number): number {
    return this.hashOf(addressPlace(headers.text.substring(from, valueEndAt(headers, place, from))));
  }

  /** Never 0, which says that there is nobody. */
  private hashOf(place: string): number {
    return this.signer.hashOf(place) || 1;
  }
}

/** A mark of ours in Record-Route. */
interface FoundMark {
  readonly mark: string;
  /** Where it stands in the text. */
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
function markAt(text: string, from: number, to: number, own: OwnRoutes): string | undefined {
  try {
    return readValue(text, from, to, own).token;
  } catch (error) {
    if (error instanceof SipError) return undefined;
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
