/** The stateful proxy: relays a request along a plan and brings one answer back. RFC 3261 §16. */
import { SipError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Uri } from '../sip/uri.ts';
import { responseAddress, topVia } from '../sip/via.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hops, Locator } from '../transport/locate.ts';
import type { Hop, Transports } from '../transport/transports.ts';
import { maxBreadth, breadthShare } from './breadth.ts';
import { DialogGuard } from './dialog-guard.ts';
import { callOrder, forwardText } from './forward.ts';
import { UnwantedCall } from './hang-up.ts';
import { type OwnRoutes, type RouteView, viewRoutes } from './loose-route.ts';
import type { Plan } from './plan.ts';
import { withoutTopVia } from './reply-path.ts';
import { undoStrictRoute } from './strict-route.ts';
import { type RelayOptions, ResponseContext, upstreamOf } from './response-context.ts';
import type { RouteMark, RouteSigner } from './route-signer.ts';

/** Ways to begin our Record-Route that are recognised without parsing; we have few addresses. */
const PREFIXES_MAX = 16;

/** What the mark in a branch says when no transaction is kept: whose request it was is all that is signed. */
const STATELESS: RouteMark = { call: 0, fromCaller: true, target: 0, neighbour: 0 };

/** In place of the loop mark, in requests of our own: they came from nowhere. */
const NO_LOOP = 100_000_000;

/** What the proxy stands on. */
export interface ProxyParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly locator: Locator;
  readonly signer: RouteSigner;
}

/** Relays requests; one for the whole exchange. */
export class Proxy {
  readonly world: World;
  private readonly layer: TransactionLayer;
  private readonly transports: Transports;
  private readonly locator: Locator;
  private readonly signer: RouteSigner;
  private readonly guard: DialogGuard;
  private readonly prefixes: string[] = [];
  private readonly own: OwnRoutes = {
    isOwn: (host, port) => this.transports.isOwn(host, port ?? 5060),
    prefixes: this.prefixes,
  };

  constructor(parts: ProxyParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.transports = parts.transports;
    this.locator = parts.locator;
    this.signer = parts.signer;
    this.guard = new DialogGuard(parts.signer, this.own);
  }

  /** Relays the request of a server transaction. Answers the context, for `pass`. */
  relay(server: ServerTransaction, request: SipRequest, plan: Plan, options: RelayOptions): ResponseContext {
    const context = new ResponseContext(this, server, request, options);
    const share = breadthShare(plan, maxBreadth(request));
    if (share === 0) server.reply(440);
    else {
      if (server.isInvite) server.trying();
      context.start(plan, share);
    }
    return context;
  }

  /** An ACK for a 2xx has no transaction: it goes on along its route set, once for each time it comes. §16.11 */
  forwardAck(request: SipRequest, route: RouteView, loopMark: number, order: number): void {
    const send = (hop: Hop | undefined): void => {
      const flow = hop === undefined ? undefined : this.transports.flowTo(hop);
      if (flow !== undefined) this.sendStateless(flow, request, route, String(loopMark), order);
    };
    const hop = this.locator.locate(route.next ?? request.uri, order);
    if (hop instanceof Promise) void hop.then(send);
    else send(hop);
  }

  /**
   * Sends a request on without a transaction: the same request gets the same branch. It is signed over the Via below
   * it, so that a response to it can be told from a forged one. §16.11. False when no listener speaks the transport.
   */
  forwardStateless(request: SipRequest, route: RouteView, hop: Hop, order: number): boolean {
    const flow = this.transports.flowTo(hop);
    if (flow === undefined) return false;
    const mark = this.signer.sign(STATELESS, `${request.callId} ${topViaText(request.headers)}`);
    this.sendStateless(flow, request, route, mark, order);
    return true;
  }

  /** The response to such a request goes where the Via below ours says. §16.11, §18.2.2 */
  forwardResponse(response: SipResponse): void {
    const { text } = response.headers;
    const via = topVia(response.headers);
    const prefix = `${this.layer.branchPrefix}s`;
    if (via === undefined || !text.startsWith(prefix, via.branchStart)) return;
    const below = parseMessage(withoutTopVia(response));
    const nextVia = below.kind === 'response' ? topVia(below.headers) : undefined;
    if (below.kind !== 'response' || nextVia === undefined) return;
    const mark = text.substring(via.branchStart + prefix.length, via.branchEnd);
    const proof = this.signer.verify(mark, `${response.callId} ${topViaText(below.headers)}`);
    const to = responseAddress(below.headers);
    if (proof === undefined || to === undefined) return;
    const transport = nextVia.transport === 'TCP' ? 'tcp' : 'udp';
    this.transports.flowTo({ transport, ...to })?.send(below.text, callOrder(response.callId));
  }

  /** Whether this request has been here before and nothing was changed since. §16.3 step 4, RFC 5393 §4.2 */
  isLooping(request: SipRequest, loopMark: number): boolean {
    const { text, startsAt } = request.headers;
    const { branchPrefix } = this.layer;
    let at = text.indexOf(branchPrefix, startsAt);
    if (at < 0) return false;
    const mark = String(loopMark);
    for (; at >= 0; at = text.indexOf(branchPrefix, at + 1)) {
      if (text.startsWith(mark, at + branchPrefix.length + 19)) return true;
    }
    return false;
  }

  /** The Route values of a request; `seen`, when it was looked at before and not edited since. */
  routes(request: SipRequest, seen?: RouteView): RouteView {
    return seen?.text === request.headers.text ? seen : viewRoutes(request.headers, this.own);
  }

  /** See {@link DialogGuard.verify}. */
  verifyRoute(request: SipRequest, route: RouteView): RouteMark | undefined {
    return this.guard.verify(request, route);
  }

  /** A response as it goes up: without our Via, our mark in Record-Route made the caller's. §16.7 steps 3 and 8 */
  textUp(response: SipResponse): string {
    return withoutTopVia(response, this.guard.textForCaller(response));
  }

  /** See {@link DialogGuard.refreshed}. */
  refreshed(mark: RouteMark, request: SipRequest, response: SipResponse): void {
    this.guard.refreshed(mark, request, response);
  }

  /** Whether a URI leads to us. */
  isOwn(uri: Uri): boolean {
    return uri.scheme !== 'tel' && this.transports.isOwn(uri.host, uri.port);
  }

  /** A request within a dialog as a loose router sends it, whoever sent it. §16.4 */
  undoStrictRoute(request: SipRequest): void {
    undoStrictRoute(request, this.own);
  }

  /** The hops to where a URI lives; with a Path, to where the Path's first value lives. */
  hops(uri: Uri, order: number, path?: string): Hops {
    if (path === undefined) return this.locator.candidates(uri, order);
    return this.locator.candidates(parseNameAddr(splitList(path)[0] ?? path).uri, order);
  }

  flowTo(hop: Hop): Flow | undefined {
    return this.transports.flowTo(hop);
  }

  openClient(
    flow: Flow,
    request: SipRequest,
    order: number,
    user: ClientUser,
  ): ClientTransaction | undefined {
    return this.layer.openClient(flow, request.method === 'INVITE', order, user);
  }

  /** One value, or two where the transport or our address changes between the two sides. RFC 5658 §3 */
  recordRoute(from: Flow, to: Flow, request: SipRequest, call: number): string {
    const mark = this.guard.markFor(request, call);
    const out = this.recordRouteLine(to, mark);
    const changes = from.sentBy !== to.sentBy || from.transport !== to.transport;
    return changes ? out + this.recordRouteLine(from, mark) : out;
  }

  /** From now on a further 2xx of this INVITE goes straight up, with no context in between. */
  answerLate(client: ClientTransaction, server: ServerTransaction): void {
    upstreamOf(client, server);
    client.user = this.lateAnswers;
  }

  private readonly lateAnswers: ClientUser = {
    response: (client: ClientTransaction, response: SipResponse): void => {
      const server = this.layer.serverAt(client.upstreamSlot, client.upstreamGeneration);
      if (response.status >= 200 && response.status < 300)
        server?.respond(response.status, this.textUp(response));
    },
    failed() {},
    timer() {},
  };

  /**
   * Takes a call that its caller no longer waits for, and ends it. A 2xx without a mark of ours is of a call that we
   * did not want to stay with: its callee ends it.
   */
  hangUp(client: ClientTransaction | undefined, response: SipResponse): void {
    if (client === undefined || !client.isInvite) return;
    client.user = noUser;
    const call = this.unwantedCall(response);
    if (call === undefined) return;
    const { order } = client;
    const send = (hop: Hop | undefined): void => {
      const flow = hop === undefined ? undefined : this.transports.flowTo(hop);
      const bye = flow && this.layer.openClient(flow, false, order, noUser);
      if (flow === undefined || bye === undefined) return;
      const ack = call.ack(viaOf(flow, `${this.layer.branchPrefix}a${bye.generation}`));
      flow.send(ack, order);
      // It repeats its 2xx until it has an ACK: §13.3.1.4.
      client.user = { ...noUser, response: () => void flow.send(ack, order) };
      bye.begin(call.bye(bye.via(NO_LOOP)));
    };
    const hop = this.locator.locate(call.next, order);
    if (hop instanceof Promise) void hop.then(send);
    else send(hop);
  }

  private unwantedCall(response: SipResponse): UnwantedCall | undefined {
    try {
      const routes = this.guard.routesToCallee(response);
      return routes && new UnwantedCall(response, routes);
    } catch (error) {
      if (error instanceof SipError) return undefined;
      throw error;
    }
  }

  private recordRouteLine(flow: Flow, mark: string): string {
    const transport = flow.transport === 'udp' ? '' : `;transport=${flow.transport}`;
    const prefix = `<sip:${flow.sentBy}${transport};lr;d=`;
    if (!this.prefixes.includes(prefix) && this.prefixes.length < PREFIXES_MAX) this.prefixes.push(prefix);
    return `Record-Route: ${prefix}${mark}>\r\n`;
  }

  private sendStateless(
    flow: Flow,
    request: SipRequest,
    route: RouteView,
    mark: string,
    order: number,
  ): void {
    const text = forwardText(request, {
      uriText: request.uriText,
      via: viaOf(flow, `${this.layer.branchPrefix}s${mark}`),
      recordRoute: '',
      path: undefined,
      route: this.routes(request, route),
    });
    flow.send(text, order);
  }
}

/** Our Via for what has no transaction. */
function viaOf(flow: Flow, branch: string): string {
  const name = flow.transport === 'udp' ? 'UDP' : flow.transport.toUpperCase();
  return `Via: SIP/2.0/${name} ${flow.sentBy};branch=${branch}\r\n`;
}

/** Nobody waits for what comes. */
const noUser: ClientUser = { response() {}, failed() {}, timer() {} };

/** The topmost Via value as it stands: a response brings it back unchanged. */
function topViaText(headers: Headers): string {
  const place = headers.find(VIA);
  const via = topVia(headers);
  return via === undefined ? '' : headers.text.substring(headers.valueStart(place), via.valueEnd);
}
