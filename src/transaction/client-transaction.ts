/** One client transaction: pooled, its request in the slab. RFC 3261 §17.1. */
import { assert } from '../base/assert.ts';
import { step } from '../base/machine.ts';
import { NO_TEXT } from '../base/slab.ts';
import { ackFor, cancelFor } from '../sip/build.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';
import { type Flow, FlowWatcher } from '../transport/flow.ts';
import { inviteClient, type InviteClientPart, type InviteClientState } from './invite-client.ts';
import type { TransactionLayer } from './layer.ts';
import { requestClient, type RequestClientPart, type RequestClientState } from './request-client.ts';
import type { Stem } from './stem.ts';
import { clientTimer } from './timer-codes.ts';
import { SIXTY_FOUR_T1 } from './timers.ts';

/** Who sent the request. Either a final response or `failed` comes, and after a 2xx to INVITE perhaps more 2xx. */
export interface ClientUser {
  response(client: ClientTransaction, response: SipResponse): void;
  failed(client: ClientTransaction, why: 'timeout' | 'transport'): void;
  /** A timer that the user set by `client.startUserTimer`. */
  timer(client: ClientTransaction, code: number): void;
  /** The transaction is over: nothing comes any more. */
  released?(): void;
}

/** Takes out of a message what may not go on, by the flow that it came by: who got a request has answered it. */
export type CleanMessage = (headers: Headers, came: Flow) => void;

/** What a response must be of. RFC 3261 §17.1.3 */
export interface Asked {
  readonly method: string;
  readonly cseq: number;
}

/** A request of ours on its way. */
export class ClientTransaction extends FlowWatcher implements InviteClientPart, RequestClientPart, Stem {
  readonly slot: number;
  private readonly layer: TransactionLayer;
  generation = 0;
  /** Stands in its branch, and nobody can guess it who did not get the request. */
  proof = 0;
  state: InviteClientState | RequestClientState = 'terminated';
  isInvite = false;
  method = '';
  cseq = 0;
  order = 0;
  /** Somebody else's request: what answers it has a Via below ours, by which it goes on. RFC 3261 §16.7 step 3 */
  isRelayed = false;
  user: ClientUser | undefined = undefined;
  /** The server transaction that a late 2xx goes up to when no response context is left. */
  upstreamSlot = -1;
  upstreamGeneration = 0;
  /** The dialog of the first 2xx that went there, 0 for none; see `proxy/call-dialogs.ts`. */
  upstreamDialog = 0;
  /** What such a 2xx goes through first. */
  upstreamClean: CleanMessage | undefined = undefined;
  /** The CANCEL sent for this INVITE shares its branch. §9.1 */
  cancelSlot = -1;
  cancelGeneration = 0;
  /** For the layer: where it counts what the source holds for which this was sent; -1 when it is our own. */
  source = -1;
  stemSlot = -1;
  stemGeneration = 0;
  private cancelWanted = false;
  /** Whether a second connection has been tried. */
  private wentAgain = false;
  private cancelReason = '';
  private flowOut: Flow | undefined = undefined;
  private requestKept = NO_TEXT;
  private out = '';
  private at: SipResponse | undefined = undefined;
  private waitMs = 0;

  constructor(slot: number, layer: TransactionLayer) {
    super();
    this.slot = slot;
    this.layer = layer;
  }

  get flow(): Flow {
    assert(this.flowOut !== undefined, 'a transaction that lives has a flow');
    return this.flowOut;
  }

  get reliable(): boolean {
    return this.flow.reliable;
  }

  get pending(): boolean {
    return this.state === 'calling' || this.state === 'trying' || this.state === 'proceeding';
  }

  /** The request as it went out; undefined once it is forgotten. */
  get requestText(): string | undefined {
    return this.requestKept === NO_TEXT ? undefined : this.layer.slab.get(this.requestKept);
  }

  /** The Via line for the request: our branch names slot and generation, so a response finds us without a search. */
  via(loopHash: number): string {
    return this.layer.via(this, loopHash);
  }

  reserve(flow: Flow, { method, cseq }: Asked, order: number, user: ClientUser): void {
    this.flowOut = flow;
    this.isInvite = method === 'INVITE';
    this.method = method;
    this.cseq = cseq;
    this.state = this.isInvite ? 'calling' : 'trying';
    this.order = order;
    this.isRelayed = false;
    this.user = user;
    this.upstreamSlot = -1;
    this.cancelSlot = -1;
    this.cancelWanted = false;
    this.wentAgain = false;
    this.cancelReason = '';
  }

  /** Sends the request; its topmost Via is `via(…)`. */
  begin(text: string): void {
    this.out = text;
    if (this.flow.reliable) this.flow.watch(this);
    if (this.isInvite) step(inviteClient, 'start', this);
    else step(requestClient, 'start', this);
    this.out = '';
  }

  /** Gives up an INVITE: CANCEL goes out as soon as a provisional response allows. RFC 3261 §9.1. */
  cancel(reason = ''): void {
    if (!this.isInvite || this.cancelWanted) return;
    this.cancelWanted = true;
    this.cancelReason = reason;
    if (this.state === 'proceeding') this.sendCancel();
  }

  /**
   * Whether a response of the right method could be the answer. A refusal ends a relayed request also where its Vias
   * were lost: callees copy those of the CANCEL into their 487.
   */
  awaits(response: SipResponse): boolean {
    return !this.isRelayed || response.status >= 300 || response.hasNextVia;
  }

  receive(response: SipResponse): void {
    this.at = response;
    const { status } = response;
    if (this.isInvite) step(inviteClient, status < 200 ? 'res1xx' : status < 300 ? 'res2xx' : 'res300', this);
    else step(requestClient, status < 200 ? 'res1xx' : 'resFinal', this);
    this.at = undefined;
    if (status >= 200) {
      const moreAnswers = this.isInvite && status < 300; // RFC 6026 §7.2
      if (moreAnswers) this.forgetRequest();
      else this.user = undefined;
    } else if (this.cancelWanted && this.state === 'proceeding' && this.cancelSlot < 0) this.sendCancel();
  }

  startUserTimer(delay: number, code: number): void {
    this.layer.startTimer(this, delay, code);
  }

  timerFired(code: number): void {
    switch (code) {
      case clientTimer.A:
        return step(inviteClient, 'A', this);
      case clientTimer.B:
        return step(inviteClient, 'B', this);
      case clientTimer.D:
        return step(inviteClient, 'D', this);
      case clientTimer.M:
        return step(inviteClient, 'M', this);
      case clientTimer.cancelled:
        return step(inviteClient, 'cancelled', this);
      case clientTimer.E:
        return step(requestClient, 'E', this);
      case clientTimer.F:
        return step(requestClient, 'F', this);
      case clientTimer.K:
        return step(requestClient, 'K', this);
      default:
        this.user?.timer(this, code);
    }
  }

  // ─── what the figures ask for ────────────────────────────────────────────────────────────────

  send(): void {
    this.requestKept = this.layer.slab.put(this.out);
    if (this.requestKept === NO_TEXT || !this.flow.send(this.out, this.order)) this.layer.breakSoon(this);
  }

  sendAgain(): void {
    this.layer.counters.retransmitted++;
    this.flow.send(this.layer.slab.get(this.requestKept), this.order);
  }

  ack(): void {
    const response = this.at;
    assert(response !== undefined, 'an ACK answers a response');
    if (this.requestKept === NO_TEXT) return;
    this.flow.send(ackFor(this.layer.slab.get(this.requestKept), response.headers), this.order);
  }

  pass(): void {
    const response = this.at;
    assert(response !== undefined, 'there is a response to pass');
    this.user?.response(this, response);
  }

  fail(why: 'timeout' | 'transport'): void {
    this.layer.counters.clientFailed++;
    this.user?.failed(this, why);
  }

  start(timer: 'B' | 'D' | 'M' | 'F' | 'K', delay: number): void {
    this.layer.startTimer(this, delay, clientTimer[timer]);
  }

  backOff(timer: 'A' | 'E', first: number, most: number): void {
    this.waitMs = this.waitMs === 0 ? first : Math.min(this.waitMs * 2, most);
    this.layer.startTimer(this, this.waitMs, clientTimer[timer]);
  }

  end(): void {
    this.forgetRequest();
    this.flowOut?.unwatch(this);
    this.waitMs = 0;
    this.user?.released?.();
    this.user = undefined;
    this.upstreamClean = undefined;
    this.flowOut = undefined;
    this.layer.releaseClient(this);
  }

  transportError(): void {
    if (this.goesAgain()) return;
    if (this.isInvite) step(inviteClient, 'transportError', this);
    else step(requestClient, 'transportError', this);
  }

  flowBroke(): void {
    this.transportError();
  }

  /**
   * A connection that stood may end while the request is on its way, and nobody has read it. As long as nothing was
   * heard of it the same request goes out once more, by a new connection: who has got it knows it by its branch.
   * Departs from RFC 3261 §17.1.4 because a connection that is kept for long (RFC 5923) ends so every now and then.
   */
  private goesAgain(): boolean {
    if (this.wentAgain || this.cancelWanted || this.requestKept === NO_TEXT) return false;
    if (this.state !== 'calling' && this.state !== 'trying') return false;
    this.wentAgain = true;
    const flow = this.flow.again?.();
    if (flow === undefined) return false;
    this.flow.unwatch(this);
    this.flowOut = flow;
    flow.watch(this);
    return flow.send(this.layer.slab.get(this.requestKept), this.order);
  }

  private sendCancel(): void {
    this.layer.startTimer(this, SIXTY_FOUR_T1, clientTimer.cancelled);
    const cancel = cancelFor(this.layer.slab.get(this.requestKept), this.cancelReason);
    const sent = this.layer.sendCancel(this, cancel);
    if (sent === undefined) return;
    this.cancelSlot = sent.slot;
    this.cancelGeneration = sent.generation;
  }

  private forgetRequest(): void {
    this.layer.slab.free(this.requestKept);
    this.requestKept = NO_TEXT;
  }
}
