/** The stateful proxy: relays a request along a plan and brings one answer back. RFC 3261 §16. */
import type { World } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { Locator, Located } from '../transport/locate.ts';
import type { Hop, Transports } from '../transport/transports.ts';
import { maxBreadth, breadthShare } from './breadth.ts';
import { callOrder, forwardText, loopHash } from './forward.ts';
import { viewRoutes } from './loose-route.ts';
import type { Plan } from './plan.ts';
import { withoutTopVia } from './reply-path.ts';
import { type RelayOptions, ResponseContext, upstreamOf } from './response-context.ts';
import type { RouteSigner } from './route-signer.ts';

export interface ProxyParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly locator: Locator;
  readonly signer: RouteSigner;
}

export class Proxy {
  readonly world: World;
  private readonly layer: TransactionLayer;
  private readonly transports: Transports;
  private readonly locator: Locator;
  private readonly signer: RouteSigner;

  constructor(parts: ProxyParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.transports = parts.transports;
    this.locator = parts.locator;
    this.signer = parts.signer;
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
  async forwardAck(request: SipRequest): Promise<void> {
    const route = viewRoutes(request.headers, this.isOwn);
    const located = this.locate(route.next ?? request.uri);
    const hop = located instanceof Promise ? await located : located;
    if (hop !== undefined) this.sendAck(request, hop);
  }

  /** The same, at once, when the next hop is an address. */
  forwardAckNow(request: SipRequest): boolean {
    const route = viewRoutes(request.headers, this.isOwn);
    const hop = this.locate(route.next ?? request.uri);
    if (hop instanceof Promise) return false;
    if (hop !== undefined) this.sendAck(request, hop);
    return true;
  }

  /** Whether this request has been here before and nothing was changed since. §16.3 step 4, RFC 5393 §4.2 */
  isLooping(request: SipRequest): boolean {
    const { text, startsAt } = request.headers;
    const { branchPrefix } = this.layer;
    let at = text.indexOf(branchPrefix, startsAt);
    if (at < 0) return false;
    const mark = String(loopHash(request));
    for (; at >= 0; at = text.indexOf(branchPrefix, at + 1)) {
      if (text.startsWith(mark, at + branchPrefix.length + 19)) return true;
    }
    return false;
  }

  readonly isOwn = (host: string, port: number | undefined): boolean => this.transports.isOwn(host, port ?? 5060);

  /** The call's record number when the request carries our mark for this call; undefined when it does not. */
  verifyRoute(token: string | undefined, callId: string): number | undefined {
    return token === undefined ? undefined : this.signer.verify(token, callId);
  }

  /** Where a URI lives; with a Path, where the Path's first value lives. */
  locate(uri: Uri, path?: string): Located {
    if (path === undefined) return this.locator.locate(uri);
    return this.locator.locate(parseNameAddr(splitList(path)[0] ?? path).uri);
  }

  flowTo(hop: Hop): Flow | undefined {
    return this.transports.flowTo(hop);
  }

  openClient(flow: Flow, request: SipRequest, order: number, user: ClientUser): ClientTransaction | undefined {
    return this.layer.openClient(flow, request.method === 'INVITE', order, user);
  }

  /** One value, or two where the transport or our address changes between the two sides. RFC 5658 §3 */
  recordRoute(from: Flow, to: Flow, callId: string, call: number): string {
    const mark = this.signer.sign(callId, call);
    const out = recordRouteLine(to, mark);
    return from.sentBy === to.sentBy && from.transport === to.transport ? out : out + recordRouteLine(from, mark);
  }

  /** A Via for a request without a transaction: the same request gets the same. §16.11 */
  statelessVia(flow: Flow, mark: number): string {
    const name = flow.transport === 'udp' ? 'UDP' : flow.transport.toUpperCase();
    return `Via: SIP/2.0/${name} ${flow.sentBy};branch=${this.layer.branchPrefix}s${mark}\r\n`;
  }

  /** From now on a further 2xx of this INVITE goes straight up, with no context in between. */
  answerLate(client: ClientTransaction, server: ServerTransaction): void {
    upstreamOf(client, server);
    client.user = this.lateAnswers;
  }

  private readonly lateAnswers: ClientUser = {
    response: (client: ClientTransaction, response: SipResponse): void => {
      const server = this.layer.serverAt(client.upstreamSlot, client.upstreamGeneration);
      if (response.status >= 200 && response.status < 300) server?.respond(response.status, withoutTopVia(response));
    },
    failed() {},
    timer() {},
  };

  private sendAck(request: SipRequest, hop: Hop): void {
    const flow = this.transports.flowTo(hop);
    if (flow === undefined) return;
    const text = forwardText(request, {
      uriText: request.uriText,
      via: this.statelessVia(flow, loopHash(request)),
      recordRoute: '',
      path: undefined,
      route: viewRoutes(request.headers, this.isOwn),
    });
    flow.send(text, callOrder(request.callId));
  }
}

function recordRouteLine(flow: Flow, mark: string): string {
  const transport = flow.transport === 'udp' ? '' : `;transport=${flow.transport}`;
  return `Record-Route: <sip:${flow.sentBy}${transport};lr;d=${mark}>\r\n`;
}
