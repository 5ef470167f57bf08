/** The stateful proxy: relays a request along a plan and brings one answer back. RFC 3261 §16. */
import { nineDigits } from '../base/digits.ts';
import type { World } from '../base/world.ts';
import { breadthShare, maxBreadth } from '../sip/breadth.ts';
import { VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Uri } from '../sip/uri.ts';
import { responseAddress, topVia } from '../sip/via.ts';
import type { ClientTransaction, ClientUser, CleanMessage } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Stem } from '../transaction/stem.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import { withoutBrackets } from '../transport/flow-bound.ts';
import type { FlowTokens } from '../transport/flow-token.ts';
import { mayUseTcp, TcpFirst } from '../transport/large-requests.ts';
import type { Hops, Located, Locator } from '../transport/locate.ts';
import type { Hop, Transports } from '../transport/transports.ts';
import { stemOf } from './came-back.ts';
import { CallDialogs } from './call-dialogs.ts';
import { DialogGuard, type Refresh } from './dialog-guard.ts';
import { type EditedAnswer, EditedAnswers } from './edited-answers.ts';
import {
  type BoundFlow,
  boundFlow,
  type DialogFlow,
  dialogFlow,
  type MarkAndFlow,
  pathLine,
} from './flow-routes.ts';
import { callOrder, forwardText, viaOf } from './forward.ts';
import { HangUp } from './hang-up.ts';
import { type OwnRoutes, type RouteView, viewRoutes } from './loose-route.ts';
import { OwnValues } from './own-values.ts';
import type { Plan, Target } from './plan.ts';
import { topViaCut, withoutTopVia } from './reply-path.ts';
import { undoStrictRoute } from './strict-route.ts';
import type { BranchEnd } from './relay-options.ts';
import { type RelayOptions, ResponseContext } from './response-context.ts';
import type { RouteMark, RouteSigner } from './route-signer.ts';

/** What the mark in a branch says when no transaction is kept: whose request it was is all that is signed. */
const STATELESS: RouteMark = { call: 0, fromCaller: true, target: 0, neighbour: 0, flow: '' };

/** What the proxy stands on. */
export interface ProxyParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly locator: Locator;
  readonly signer: RouteSigner;
  /** Without it nobody is bound to a flow. */
  readonly tokens?: FlowTokens | undefined;
  /** Whether requests within a dialog go by the flow of a side that is behind a NAT; yes unless told. */
  readonly nat?: boolean | undefined;
  /** Whether requests that are too long for a datagram try TCP first; yes unless told. */
  readonly largeByTcp?: boolean | undefined;
}

const NOBODY: Plan = { parallel: [] };

/** Where an ACK for a 2xx goes. */
export interface AckWay {
  readonly route: RouteView;
  readonly loopMark: number;
  readonly bound: BoundFlow | undefined;
}

/** What the proxy asks of whoever knows where phones are. */
export interface PhoneBook {
  /** Where the instance of a GRUU is now; undefined when it is nowhere, and for any other URI. RFC 5627 §6.1 */
  instances(uri: Uri): Plan | undefined;
  /** The flow to a target is gone. RFC 5626 §7 */
  flowFailed(target: Target): void;
  /** Nothing came back by the flow to a target. */
  flowSilent(target: Target): void;
}

/** Relays requests; one for the whole exchange. */
export class Proxy {
  readonly world: World;
  /** Is told how each branch ended, with the `callMark` of its relay; undefined costs nothing. */
  onBranchEnd: ((callId: string, end: BranchEnd, callMark?: object) => void) | undefined = undefined;
  /** Set by the registrar, when there is one. */
  phones: PhoneBook | undefined = undefined;
  /** Takes out of a request what is for us alone, before it goes on: how it answered our challenge. RFC 7235 §4.4 */
  keepBack: ((headers: Headers) => void) | undefined = undefined;
  /** Which dialogs a call has when it has more than one. */
  readonly dialogs: CallDialogs;
  private readonly tokens: FlowTokens | undefined;
  /** The same, when dialogs use them. */
  private readonly dialogTokens: FlowTokens | undefined;
  private readonly largeByTcp: boolean;
  private readonly layer: TransactionLayer;
  private readonly transports: Transports;
  private readonly locator: Locator;
  private readonly signer: RouteSigner;
  private readonly guard: DialogGuard;
  private readonly unwanted: HangUp;
  private readonly values = new OwnValues();
  private readonly own: OwnRoutes = {
    isOwn: (host, port) => this.transports.isOwn(host, port ?? 5060),
    prefixes: this.values.prefixes,
  };

  constructor(parts: ProxyParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.transports = parts.transports;
    this.locator = parts.locator;
    this.signer = parts.signer;
    this.tokens = parts.tokens;
    this.largeByTcp = parts.largeByTcp !== false;
    this.dialogTokens = parts.nat === false ? undefined : parts.tokens;
    this.guard = new DialogGuard(parts.signer, this.own, this.dialogTokens);
    this.dialogs = new CallDialogs(parts.signer, this.guard);
    this.unwanted = new HangUp(parts, this.guard, this.dialogs);
  }

  /** Relays the request of a server transaction. Answers the context, for `pass`. */
  relay(server: ServerTransaction, request: SipRequest, plan: Plan, options: RelayOptions): ResponseContext {
    this.keepBack?.(request.headers);
    const context = new ResponseContext(this, server, request, options);
    const found = request.toTag === '' ? plan : this.atInstance(plan, request, options);
    const share = breadthShare(found, maxBreadth(request));
    if (share === 0) {
      options.hooks.finished?.(440, 'us');
      server.reply(440);
    } else {
      if (server.isInvite) server.trying();
      context.start(found, share);
    }
    return context;
  }

  /** An ACK for a 2xx has no transaction: it goes on along its route set, once for each time it comes. §16.11 */
  forwardAck(request: SipRequest, way: AckWay, order: number, came: Flow): void {
    const { bound, route } = way;
    if (bound !== undefined) return this.sendAck(bound.flow, request, way, order);
    const hop = this.hopOfAck(request.uri, route, order, came);
    if (hop instanceof Promise)
      void hop.then((found) => this.sendAck(found && this.transports.flowTo(found), request, way, order));
    else this.sendAck(hop && this.transports.flowTo(hop), request, way, order);
  }

  private hopOfAck(uri: Uri, route: RouteView, order: number, came: Flow): Located {
    const plan = this.instancesOf(uri);
    const target = plan !== undefined && 'uri' in plan ? plan : undefined;
    if (target?.hop !== undefined && route.next === undefined) return target.hop;
    if (plan === NOBODY && route.next === undefined) return undefined;
    return this.locator.locate(route.next ?? target?.uri ?? uri, order, came.remote.host);
  }

  private sendAck(flow: Flow | undefined, request: SipRequest, way: AckWay, order: number): void {
    if (flow === undefined || (request.isSips && !isSecure(flow.transport))) return;
    this.sendStateless(flow, request, way.route, nineDigits(way.loopMark), order);
  }

  /**
   * Sends a request on without a transaction: the same request gets the same branch. It is signed over the Via below
   * it, so that a response to it can be told from a forged one. §16.11. False when no listener speaks the transport.
   */
  forwardStateless(request: SipRequest, route: RouteView, hop: Hop, order: number, came: Flow): boolean {
    const flow = this.transports.flowTo(hop);
    if (flow === undefined) return false;
    const about = `${request.callId} ${topViaText(request.headers)}`;
    // Which connection it came by stands nowhere else: §18.2.2 wants the response on it.
    const token = came.reliable && this.tokens !== undefined ? this.tokens.tokenOf(came) : '';
    const mark = this.signer.sign({ ...STATELESS, flow: token }, about);
    this.sendStateless(flow, request, route, token === '' ? mark : `${mark}.${token}`, order);
    return true;
  }

  /** The response to such a request goes where it came from, or where the Via below ours says. §16.11, §18.2.2 */
  forwardResponse(response: SipResponse): void {
    const { text } = response.headers;
    const via = topVia(response.headers);
    const prefix = `${this.layer.branchPrefix}s`;
    if (via === undefined || !text.startsWith(prefix, via.branchStart)) return;
    const below = parseMessage(withoutTopVia(response));
    const nextVia = below.kind === 'response' ? topVia(below.headers) : undefined;
    if (below.kind !== 'response' || nextVia === undefined) return;
    const said = text.substring(via.branchStart + prefix.length, via.branchEnd);
    const dot = said.indexOf('.', said.indexOf('.') + 1);
    const [mark, token] = dot < 0 ? [said, ''] : [said.substring(0, dot), said.substring(dot + 1)];
    const about = `${response.callId} ${topViaText(below.headers)}`;
    if (this.signer.verify(mark, about, token) === undefined) return;
    const flow = this.tokens?.read(token)?.flow ?? this.flowBack(nextVia.transport, below.headers);
    flow?.send(below.text, callOrder(response));
  }

  /** Where a Via says: by a connection that stands, else by a new one, where the other side may listen. */
  private flowBack(transport: string, headers: Headers): Flow | undefined {
    const to = responseAddress(headers);
    if (to === undefined) return undefined;
    switch (transport) {
      case 'TCP':
        return this.transports.flowTo({ transport: 'tcp', ...to });
      case 'TLS':
        return this.transports.flowTo({ transport: 'tls', ...to });
      case 'WS':
        return this.transports.flowByRemote('ws', to.host, to.port);
      case 'WSS':
        return this.transports.flowByRemote('wss', to.host, to.port);
      default:
        return this.transports.flowTo({ transport: 'udp', ...to });
    }
  }

  /** See {@link stemOf}. */
  stemOf(request: SipRequest, loopMark: number): Stem | undefined {
    return stemOf(request, loopMark, this.layer);
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
  textUp(response: SipResponse, flow?: Flow): string {
    return this.guard.textForCaller(response, flow, topViaCut(response.headers));
  }

  /** How the other side of a dialog is reached when only its flow leads there; undefined: by the Request-URI. */
  dialogFlow(request: SipRequest, { flow }: RouteMark): DialogFlow | undefined {
    if (flow === '' || this.dialogTokens === undefined) return undefined;
    return dialogFlow(this.dialogTokens, flow, request, (uri) => this.standingFlow(uri));
  }

  private standingFlow(uri: Uri): Flow | undefined {
    const hop = this.locator.locate(uri);
    if (hop === undefined || hop instanceof Promise || hop.transport === 'udp') return undefined;
    return this.transports.flowByRemote(hop.transport, hop.host, hop.port);
  }

  /** Where a token leads that came with a request by `from`; undefined when it leads nowhere. */
  boundFlow(token: string | undefined, from: Flow, uri: Uri): BoundFlow | undefined {
    if (token === undefined || this.tokens === undefined) return undefined;
    return boundFlow(this.tokens, token, from, uri);
  }

  /** Our Path line for a REGISTER that goes to another registrar. */
  pathLine(from: Flow, to: Flow, request: SipRequest): string {
    return this.tokens === undefined ? '' : pathLine(this.tokens, from, to, request);
  }

  /** See {@link DialogGuard.refreshed}. */
  refreshed(mark: RouteMark, refresh: Refresh): void {
    this.guard.refreshed(mark, refresh);
  }

  /** Whether a URI leads to us, by host and maddr (RFC 3261 §19.1.1); `forAll`: on whichever machine it is read. */
  isOwn(uri: Uri, forAll = false): boolean {
    if (forAll && this.transports.isAmbiguous(uri.host)) return false;
    if (uri.scheme === 'tel' || !this.transports.isOwn(uri.host, uri.port)) return false;
    const { maddr } = uri.params;
    return typeof maddr !== 'string' || this.isOwnMaddr(maddr, uri.port);
  }

  /** Whether a maddr, as it stands in a URI with this port, is an address or a name of ours. */
  isOwnMaddr(maddr: string, port: number | undefined): boolean {
    return this.transports.isOwn(withoutBrackets(maddr).toLowerCase(), port);
  }

  /** A request within a dialog as a loose router sends it, whoever sent it. §16.4 */
  undoStrictRoute(request: SipRequest): void {
    undoStrictRoute(request, this.own);
  }

  /** The hops to where a URI lives that a request names which came so. */
  hops(uri: Uri, order: number, came: Flow, isChosen = false): Hops {
    return this.locator.candidates(uri, order, came.remote.host, isChosen);
  }

  /** The same for a request that is too long for a datagram, by TCP where that may be; undefined: as it is. */
  overTcp(uri: Uri, first: Hop, rest: Hops): TcpFirst | undefined {
    if (!this.largeByTcp || !mayUseTcp(uri, first, this.transports)) return undefined;
    return new TcpFirst(first, rest, this.locator.dead, this.locator.parts.deadMs);
  }

  flowTo(hop: Hop): Flow | undefined {
    return this.transports.flowTo(hop);
  }

  openClient(
    flow: Flow,
    request: SipRequest,
    server: ServerTransaction,
    user: ClientUser,
  ): ClientTransaction | undefined {
    const client = this.layer.openClient(flow, request, server.order, user, server);
    if (client === undefined) return undefined;
    client.isRelayed = true;
    this.layer.charge(client, server);
    return client;
  }

  /** One value, or two where the transport or our address changes between the two sides. RFC 5658 §3 */
  recordRoute(from: Flow, to: Flow, request: SipRequest, { call, isSips = false }: RelayOptions): string {
    const put = this.guard.markFor(request, call, from);
    const out = this.recordRouteLine(to, put, isSips);
    const changes = from.sentBy !== to.sentBy || from.transport !== to.transport;
    return changes ? out + this.recordRouteLine(from, put, isSips) : out;
  }

  /** From now on a further 2xx of this INVITE goes straight up, past no context; past what edited the first, if any. */
  answerLate(
    client: ClientTransaction | undefined,
    server: ServerTransaction,
    clean: CleanMessage | undefined,
    first?: EditedAnswer,
  ): void {
    if (client?.isInvite !== true) return;
    client.upstreamDialog = server.dialog;
    client.upstreamSlot = server.slot;
    client.upstreamGeneration = server.generation;
    client.upstreamClean = clean;
    client.user = this.lateAnswers;
    if (first === undefined) return;
    const edited = new EditedAnswers(this.layer.slab, first);
    const response: ClientUser['response'] = (from, late) => this.passLate(from, late, edited);
    client.user = { ...this.lateAnswers, response, released: () => edited.release() };
  }

  private readonly lateAnswers: ClientUser = {
    response: (client, response) => this.passLate(client, response),
    failed() {},
    timer() {},
  };

  private passLate(client: ClientTransaction, response: SipResponse, edited?: EditedAnswers): void {
    const server = this.layer.serverAt(client.upstreamSlot, client.upstreamGeneration);
    if (server === undefined || response.status < 200 || response.status >= 300) return;
    client.upstreamClean?.(response.headers, client.flow);
    this.dialogs.confirmLate(response, client.upstreamDialog);
    const textUp = (): string => this.textUp(response, client.flow);
    const text = edited === undefined ? textUp() : edited.textOf(response, textUp);
    server.respond(response.status, text);
  }

  /** See {@link HangUp.take}. */
  hangUp(client: ClientTransaction | undefined, response: SipResponse, dialog = 0): void {
    this.unwanted.take(client, response, dialog);
  }

  /** Within a dialog a GRUU of ours stands for where its instance is now. RFC 5627 §6.1 */
  private atInstance(plan: Plan, request: SipRequest, { route }: RelayOptions): Plan {
    const found = 'uri' in plan ? this.instancesOf(plan.uri) : undefined;
    if (found === undefined) return plan;
    // Whoever stands behind us on the way may know him still.
    return found === NOBODY && this.routes(request, route).next !== undefined ? plan : found;
  }

  /** One of ours that is nowhere leads to nobody: its domain would lead back to us. */
  private instancesOf(uri: Uri): Plan | undefined {
    if (this.phones === undefined || uri.params['gr'] === undefined) return undefined;
    return this.phones.instances(uri) ?? (this.isOwn(uri) ? NOBODY : undefined);
  }

  private recordRouteLine(flow: Flow, { mark, flow: token }: MarkAndFlow, isSips: boolean): string {
    return `Record-Route: ${this.values.beginning(flow, isSips, token)}${mark}>\r\n`;
  }

  private sendStateless(
    flow: Flow,
    request: SipRequest,
    route: RouteView,
    mark: string,
    order: number,
  ): void {
    this.keepBack?.(request.headers);
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

/** The topmost Via value as it stands: a response brings it back unchanged. */
function topViaText(headers: Headers): string {
  const place = headers.find(VIA);
  const via = topVia(headers);
  return via === undefined ? '' : headers.text.substring(headers.valueStart(place), via.valueEnd);
}
