/** One server transaction: pooled, its texts in the slab. RFC 3261 §17.2. */
import { assert } from '../base/assert.ts';
import { step } from '../base/machine.ts';
import { NO_TEXT } from '../base/slab.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Flow } from '../transport/flow.ts';
import { inviteServer, type InviteServerPart, type InviteServerState } from './invite-server.ts';
import { requestServer, type RequestServerPart, type RequestServerState } from './request-server.ts';
import type { Stem } from './stem.ts';
import { serverTimer } from './timer-codes.ts';
import type { TransactionLayer } from './layer.ts';

/** Who answers the transaction, once somebody relayed its request. */
export interface ServerUser {
  /** The caller gave up (§9.2). `reason`: the values of Reason in his CANCEL, '' for none. RFC 3326 */
  cancelled(server: ServerTransaction, reason: string): void;
}

/** A request that came, until nothing of it can come again. */
export class ServerTransaction implements InviteServerPart, RequestServerPart, Stem {
  readonly slot: number;
  private readonly layer: TransactionLayer;
  generation = 0;
  state: InviteServerState | RequestServerState = 'terminated';
  isInvite = false;
  /** The status of the last response, 0 before the first. */
  status = 0;
  /** The dialog of the first 2xx, for whoever tells others from it; 0 for none. See `proxy/call-dialogs.ts`. */
  dialog = 0;
  provisionalSent = false;
  /** Messages of one call keep their order on the wire. */
  order = 0;
  user: ServerUser | undefined = undefined;
  /** A CANCEL came before the request was relayed. */
  cancelled = false;
  /** For the layer: where it counts what this one's source holds. */
  source = 0;
  /** Its own slot and generation, or those of what it stems from. */
  stemSlot = -1;
  stemGeneration = 0;
  /** Requests that stem from it. */
  caused = 0;
  private flowBack: Flow | undefined = undefined;
  private requestHere: SipRequest | undefined = undefined;
  private requestKept = NO_TEXT;
  private responseKept = NO_TEXT;
  private out = '';
  private waitMs = 0;

  constructor(slot: number, layer: TransactionLayer) {
    this.slot = slot;
    this.layer = layer;
  }

  begin(request: SipRequest, flow: Flow, order: number): void {
    this.isInvite = request.method === 'INVITE';
    this.state = this.isInvite ? 'proceeding' : 'trying';
    this.status = 0;
    this.dialog = 0;
    this.provisionalSent = false;
    this.order = order;
    this.user = undefined;
    this.cancelled = false;
    this.flowBack = flow;
    this.requestHere = request;
    if (this.isInvite) this.layer.startServerTimer(this, serverTimer.silent);
  }

  get flow(): Flow {
    assert(this.flowBack !== undefined, 'a transaction that lives has a flow');
    return this.flowBack;
  }

  get reliable(): boolean {
    return this.flow.reliable;
  }

  /** The request, as the script left it when it was relayed; parsed anew when it lies in the slab. */
  get request(): SipRequest {
    if (this.requestHere !== undefined) return this.requestHere;
    const request = parseMessage(this.layer.slab.get(this.requestKept));
    assert(request.kind === 'request', 'what was kept is a request');
    return request;
  }

  /**
   * Moves the request of an INVITE off the heap: the callee may take minutes. One of another method is answered
   * soon, and stays. False when memory for it has run out.
   */
  keepRequest(): boolean {
    if (this.requestHere === undefined || !this.isInvite) return true;
    this.requestKept = this.layer.slab.put(this.requestHere.text);
    if (this.requestKept === NO_TEXT) return false;
    this.requestHere = undefined;
    return true;
  }

  /** The TU's answer; `text` is the whole response. */
  respond(status: number, text: string): void {
    this.out = text;
    if (this.status < 200) this.status = status;
    if (status < 200) this.provisionalSent = true;
    if (!this.isInvite) step(requestServer, status < 200 ? 'user1xx' : 'userFinal', this);
    else step(inviteServer, status < 200 ? 'user1xx' : status < 300 ? 'user2xx' : 'user300', this);
    this.out = '';
    if (status < 200) return;
    this.user = undefined; // Thirty-two seconds may follow in which nothing is left to decide.
    this.forgetRequest();
  }

  /** A response of our own making. */
  reply(
    status: number,
    reason?: string,
    headers?: readonly (readonly [string, string])[],
    body?: string,
  ): void {
    const { request } = this;
    const toTag = status === 100 ? '' : this.layer.toTag(request);
    this.respond(status, replyTo(request, status, { reason, toTag, headers: headers ?? [], body }));
  }

  /** Nobody will answer: the client finds out by its timer F. RFC 4320 §4.1. */
  abandon(): void {
    assert(!this.isInvite, 'an INVITE is always answered');
    this.status = 408; // As good as answered: whoever asks sees that it is over.
    step(requestServer, 'abandon', this);
    this.user = undefined;
    this.forgetRequest();
  }

  /** The request goes on without a transaction. RFC 3261 §16.11. */
  forget(): void {
    assert(!this.isInvite, 'an INVITE is always answered');
    step(requestServer, 'forget', this);
  }

  /** 100, unless something was sent already. */
  trying(): void {
    if (this.status === 0) this.reply(100);
  }

  requestAgain(): void {
    if (this.isInvite) step(inviteServer, 'invite', this);
    else step(requestServer, 'request', this);
  }

  acknowledged(): void {
    if (this.isInvite) step(inviteServer, 'ack', this);
  }

  timerFired(code: number): void {
    if (code === serverTimer.J) step(requestServer, 'J', this);
    else if (code === serverTimer.silent) step(inviteServer, 'silent', this);
    else if (code === serverTimer.G) step(inviteServer, 'G', this);
    else if (code === serverTimer.H) step(inviteServer, 'H', this);
    else if (code === serverTimer.I) step(inviteServer, 'I', this);
    else step(inviteServer, 'L', this);
  }

  // ─── what the figures ask for ────────────────────────────────────────────────────────────────

  send(): void {
    this.forgetResponse();
    if (!this.reliable) this.responseKept = this.layer.slab.put(this.out);
    this.sendOut();
  }

  sendOnce(): void {
    this.forgetResponse(); // No INVITE is answered any more, by whatever was sent before.
    this.sendOut();
  }

  resend(): void {
    if (this.responseKept !== NO_TEXT) this.flow.send(this.layer.slab.get(this.responseKept), this.order);
  }

  fail(): void {
    this.layer.counters.serverFailed++;
  }

  start(timer: 'H' | 'I' | 'L' | 'J', delay: number): void {
    this.layer.startTimer(this, delay, serverTimer[timer]);
  }

  backOff(timer: 'G', first: number, most: number): void {
    this.waitMs = this.waitMs === 0 ? first : Math.min(this.waitMs * 2, most);
    this.layer.startTimer(this, this.waitMs, serverTimer[timer]);
  }

  end(): void {
    this.forgetRequest();
    this.forgetResponse();
    this.waitMs = 0;
    this.user = undefined;
    this.flowBack = undefined;
    this.layer.releaseServer(this);
  }

  private sendOut(): void {
    if (!this.flow.send(this.out, this.order)) this.transportError();
  }

  private transportError(): void {
    if (this.isInvite) step(inviteServer, 'transportError', this);
    else step(requestServer, 'transportError', this);
  }

  private forgetRequest(): void {
    this.requestHere = undefined;
    this.layer.slab.free(this.requestKept);
    this.requestKept = NO_TEXT;
  }

  private forgetResponse(): void {
    this.layer.slab.free(this.responseKept);
    this.responseKept = NO_TEXT;
  }
}
