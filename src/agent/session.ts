/**
 * One call leg of ours: a dialog that an INVITE began, on either side, from its first response to its BYE.
 * RFC 3261 §12, §14, §15; RFC 3311; RFC 4028.
 */
import type { Dialog, DialogUser, HeaderLine } from '../dialog/dialog.ts';
import { answerTimer, agreedTimer, hasOption, keepTimer, SessionTimer } from '../dialog/session-timer.ts';
import { replyTo } from '../sip/build.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Uri } from '../sip/uri.ts';
import { allowValue } from '../sip/words.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { Asked } from './asked.ts';
import type { AgentCore } from './core.ts';
import type { DigestClient } from './digest-client.ts';
import { SUPPORTED, unknownOptions } from './extensions.ts';
import { InviteAnswer } from './invite-answer.ts';
import { type AttemptUser, InviteAttempt } from './invite-attempt.ts';
import { type Draft, endsCall, type NoResponse, type OutgoingOptions, OutgoingRequest } from './outgoing.ts';
import type { ReferSubscription } from './refer-subscription.ts';
import type { ReliableProvisionals } from './reliable.ts';
import { SessionRefresher } from './session-refresher.ts';
import { refusesAll, type SessionUser } from './session-user.ts';

/** RFC 3261 §14.2, RFC 3311 §5.2: what comes while we still owe an answer may come again within this, by chance. */
const RETRY_AFTER_SECONDS_MAX = 10;

/** How a session ended: `lapsed` nobody refreshed it, `gone` the peer knows nothing of it or never acknowledged. */
export type SessionEnd = 'us' | 'them' | 'lapsed' | 'gone';

/** What a request within the session says. */
export interface WithinParts {
  readonly headers?: readonly HeaderLine[];
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

/** How a session begins. */
export interface SessionOptions {
  /** Whether our INVITE began it. */
  readonly caller: boolean;
  /** The header fields of the peer's first message: what it allows. */
  readonly requestHeaders: Headers;
  readonly digest?: DigestClient | undefined;
}

/** One leg. */
export class Session implements DialogUser {
  readonly dialog: Dialog;
  readonly caller: boolean;
  readonly timer: SessionTimer;
  user: SessionUser = refusesAll;
  /** The other leg, when two of ours are one call. */
  peer: Session | undefined = undefined;
  /** Being joined with somebody else: it outlives its peer, and who joins it hears of its end. */
  moving: { lost(): void } | undefined = undefined;
  /** REFERs of the peer of which it is still told. */
  referrals: readonly ReferSubscription[] = [];
  /** The INVITE of the peer that is being answered, and ours that is on its way. */
  answering: InviteAnswer | undefined = undefined;
  attempt: InviteAttempt | undefined = undefined;
  reliable: ReliableProvisionals | undefined = undefined;
  /** The peer's reliable response that waits for our PRACK: `RSeq CSeq`. */
  unpracked: string | undefined = undefined;
  /** The last session descriptions, each way. */
  localBody = '';
  remoteBody = '';
  /** Settles when the session is over. */
  readonly ended: Promise<SessionEnd>;
  private readonly core: AgentCore;
  private readonly digest: DigestClient | undefined;
  private readonly settle: (end: SessionEnd) => void;
  localType = 'application/sdp';
  private over = false;
  private byeWanted: readonly HeaderLine[] | undefined = undefined;
  /** Whether the peer takes an UPDATE. */
  theyUpdate: boolean;
  /** Whether an UPDATE of ours with an offer is under way. */
  updating = false;
  private readonly refresher: SessionRefresher;
  /** The peer's last UPDATE with an offer. */
  private asking: Asked | undefined = undefined;
  /** What we had said before the offer that is under way. */
  private agreed: { readonly body: string; readonly type: string } | undefined = undefined;

  constructor(core: AgentCore, dialog: Dialog, options: SessionOptions) {
    this.core = core;
    this.dialog = dialog;
    this.caller = options.caller;
    this.digest = options.digest;
    this.theyUpdate = hasOption(options.requestHeaders, 'Allow', 'UPDATE');
    this.timer = new SessionTimer(core.world.clock, {
      refresh: () => this.refresher.refresh(),
      lapsed: () => this.close('lapsed'),
    });
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.settle = resolve;
    this.refresher = new SessionRefresher(core, this);
    dialog.user = this;
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Whether an INVITE or an offer is under way: another one would be glare. RFC 3261 §14, RFC 3311 §5.1 */
  get changing(): boolean {
    return this.attempt !== undefined || this.answering !== undefined || this.midOffer;
  }

  /** Whether an offer waits for its answer, ours or theirs. */
  get midOffer(): boolean {
    return this.ourOfferWaits || this.theirOfferWaits;
  }

  private get ourOfferWaits(): boolean {
    if (this.updating) return true;
    return this.attempt !== undefined && (this.dialog.state === 'confirmed' || this.remoteBody === '');
  }

  private get theirOfferWaits(): boolean {
    const { answering } = this;
    if (this.asking?.pending === true) return true;
    if (answering?.pending !== true || answering.request.body === '') return false;
    return this.dialog.state === 'confirmed' || this.localBody === '';
  }

  /** Sends a request within the dialog. A 481, a 408 or silence ends the session. RFC 3261 §12.2.1.2 */
  request(method: string, parts: WithinParts = {}, contact = false): Promise<SipResponse | NoResponse> {
    const { promise, resolve } = Promise.withResolvers<SipResponse | NoResponse>();
    this.send(this.draft(method, parts, contact), (end) => {
      if (endsCall(method, end)) this.close('gone');
      resolve(end);
    });
    return promise;
  }

  /** Offers a new session description; what comes of it is told to `user`. Undefined: an INVITE is under way. */
  reinvite(parts: WithinParts, user: AttemptUser): InviteAttempt | undefined {
    if (this.over || this.changing) return undefined;
    const within = this.dialog.within();
    const draft: Draft = {
      ...this.draft('INVITE', parts, true),
      headers: [
        ...within.headers,
        ['Allow', allowValue],
        ['Supported', SUPPORTED],
        ...this.timerHeaders(),
        ...(parts.headers ?? []),
      ],
    };
    const attempt = new InviteAttempt(
      this.core,
      { draft, options: this.options(within.next), session: this, digest: this.digest },
      user,
    );
    this.attempt = attempt;
    this.agreed = { body: this.localBody, type: this.localType };
    this.sent(parts.body, parts.contentType);
    attempt.send();
    return attempt;
  }

  /** Offers a session description, or none, by UPDATE; refreshes the session. RFC 3311 §5.1, RFC 4028 §7.4 */
  async update(parts: WithinParts): Promise<SipResponse | NoResponse> {
    const headers = [['Supported', SUPPORTED] as const, ...this.timerHeaders(), ...(parts.headers ?? [])];
    const agreed = { body: this.localBody, type: this.localType };
    this.sent(parts.body, parts.contentType);
    const end = await this.request('UPDATE', { ...parts, headers }, true);
    const refused = typeof end === 'string' || end.status >= 300;
    if (refused && parts.body !== undefined) this.sent(agreed.body, agreed.type);
    if (!refused && !this.over) {
      this.dialog.refreshTarget(end.headers);
      this.got(end.body, end.headers.get('Content-Type'));
      if (this.dialog.state === 'confirmed') this.timer.start(agreedTimer(end.headers));
    }
    return end;
  }

  /** RFC 3262 §4: acknowledges the peer's last reliable response. */
  prack(parts: WithinParts = {}): Promise<SipResponse | NoResponse> {
    const rack = this.unpracked;
    if (rack === undefined) return Promise.resolve('refused');
    this.unpracked = undefined;
    return this.request('PRACK', {
      ...parts,
      headers: [['RAck', `${rack} INVITE`], ...(parts.headers ?? [])],
    });
  }

  /** Ends it, whatever its state: CANCEL, a refusal, BYE. `headers`: a Reason. */
  hangUp(headers: readonly HeaderLine[] = []): void {
    this.close('us', headers);
  }

  // ─── what comes from the peer ────────────────────────────────────────────────────────────────

  receive(server: ServerTransaction, request: SipRequest): void {
    const reply = (status: number, headers: readonly (readonly [string, string])[] = []): void =>
      server.respond(status, replyTo(request, status, { headers }));
    const { method } = request;
    if (method === 'REGISTER') return reply(405); // It has no dialog, and a far end is no registrar. RFC 3261 §10.2
    const unknown = unknownOptions(request);
    if (unknown !== '') return reply(420, [['Unsupported', unknown]]);
    if (method === 'BYE') {
      reply(200);
      this.finish('them', request);
    } else if (method === 'INVITE') this.receiveInvite(server, request, reply);
    else if (method === 'PRACK' && this.reliable?.acknowledge(request) !== true) reply(481);
    else if (method === 'UPDATE') this.receiveUpdate(server, request, reply);
    else this.user.asked(this, new Asked(server, request));
  }

  acknowledged(ack: SipRequest): void {
    this.answering?.receiveAck(ack);
  }

  private receiveInvite(
    server: ServerTransaction,
    request: SipRequest,
    reply: (status: number, headers?: readonly (readonly [string, string])[]) => void,
  ): void {
    if (this.attempt !== undefined || this.updating) return reply(491);
    if (this.answering !== undefined || this.asking?.pending === true) return reply(500, this.retryAfter());
    if (this.dialog.state !== 'confirmed') return reply(481);
    this.answering = new InviteAnswer(this.core, server, request, this);
    if (!this.answering.takesInterval()) return;
    if (request.body !== '') this.got(request.body, request.headers.get('Content-Type'));
    this.user.reinvited(this, this.answering);
  }

  /**
   * RFC 3311 §5.2. One without a body is nobody else's business. Only our 2xx makes it refresh the session and the
   * target: RFC 4028 §10, RFC 6141 §4.3.
   */
  private receiveUpdate(
    server: ServerTransaction,
    request: SipRequest,
    reply: (status: number, headers?: readonly (readonly [string, string])[]) => void,
  ): void {
    const timer = answerTimer(request.headers, this.core.limits.sessionTimer);
    if ('tooSmall' in timer) return reply(422, [['Min-SE', String(timer.tooSmall)]]);
    if (request.body !== '') {
      if (this.theirOfferWaits) return reply(500, this.retryAfter());
      if (this.ourOfferWaits) return reply(491);
    }
    this.theyUpdate = true;
    const taken = (): void => {
      this.dialog.refreshTarget(request.headers, server.flow);
      if (this.dialog.state === 'confirmed') this.timer.start(timer.interval);
    };
    const asked = new Asked(server, request, { headers: timer.headers, taken });
    if (request.body === '') asked.reply(200);
    else {
      this.asking = asked;
      this.got(request.body, request.headers.get('Content-Type'));
      this.user.asked(this, asked);
    }
  }

  // ─── what our own INVITEs and answers tell ───────────────────────────────────────────────────

  /** An INVITE of the peer is done with; without its ACK the call is over. RFC 3261 §13.3.1.4 */
  answered(acknowledged: boolean): void {
    this.answering = undefined;
    if (this.byeWanted !== undefined) this.sendBye(this.byeWanted);
    else if (!acknowledged) this.close('gone');
  }

  /** An INVITE of ours is done with. */
  attempted(response: SipResponse | undefined): void {
    this.attempt = undefined;
    // RFC 3261 §14.1: a change that was refused leaves the session as it was.
    if (response === undefined && this.agreed !== undefined) this.sent(this.agreed.body, this.agreed.type);
    this.agreed = undefined;
    if (response !== undefined && response.status < 300) {
      this.theyUpdate = hasOption(response.headers, 'Allow', 'UPDATE') || this.theyUpdate;
      this.timer.start(agreedTimer(response.headers));
    }
  }

  /** The peer has taken a change that was given up: it is offered what held before. */
  putBack(): void {
    this.refresher.putBack();
  }

  /** The early dialog ends without a word. */
  forgotten(): void {
    this.finish('gone', undefined);
  }

  /** What we said last. */
  sent(body: string | undefined, contentType: string | undefined): void {
    if (body === undefined || body === '') return;
    this.localBody = body;
    this.localType = contentType ?? 'application/sdp';
  }

  /** What the peer said last. */
  got(body: string, contentType: string | undefined): void {
    if ((contentType ?? '').toLowerCase().startsWith('application/sdp')) this.remoteBody = body;
  }

  /** The session is not there any more for the peer: it is ended by BYE all the same. RFC 3261 §12.2.1.2 */
  gone(): void {
    this.close('gone');
  }

  // ─── ends ────────────────────────────────────────────────────────────────────────────────────

  private close(end: SessionEnd, headers: readonly HeaderLine[] = []): void {
    if (this.over) return;
    if (this.dialog.state === 'early') {
      if (this.caller) this.attempt?.cancel(String(headers.find(([name]) => name === 'Reason')?.[1] ?? ''));
      else this.answering?.refuse(480, { headers });
      this.finish(end, undefined);
      return;
    }
    // RFC 3261 §15: the called side says no BYE before it has the ACK for its 2xx.
    if (this.answering?.state === 'accepted') {
      this.byeWanted = headers;
      this.finish(end, undefined);
      return;
    }
    this.answering?.refuse(487);
    this.attempt?.cancel();
    this.sendBye(headers);
    this.finish(end, undefined);
  }

  private sendBye(headers: readonly HeaderLine[]): void {
    this.byeWanted = undefined;
    this.send(this.draft('BYE', { headers }, false), () => {});
    this.dialog.end();
  }

  private finish(end: SessionEnd, bye: SipRequest | undefined): void {
    if (this.over) return;
    this.over = true;
    this.timer.stop();
    this.reliable?.stop();
    this.refresher.stop();
    if (bye !== undefined) this.answering?.refuse(487); // RFC 3261 §15.1.2
    if (this.byeWanted === undefined) this.dialog.end();
    const { user } = this;
    this.user = refusesAll;
    this.settle(end);
    user.ended(this, end, bye);
  }

  private retryAfter(): readonly (readonly [string, string])[] {
    return [['Retry-After', String(this.core.world.random.below(RETRY_AFTER_SECONDS_MAX + 1))]];
  }

  // ─── sending ─────────────────────────────────────────────────────────────────────────────────

  private timerHeaders(): readonly HeaderLine[] {
    return keepTimer(this.core.limits.sessionTimer, this.timer.interval);
  }

  private draft(method: string, parts: WithinParts, contact: boolean): Draft {
    const within = this.dialog.within();
    const { body, contentType } = parts;
    return {
      method,
      uri: within.uri,
      headers: [...within.headers, ...(parts.headers ?? [])],
      body,
      contentType,
      contact,
    };
  }

  private options(next: Uri): OutgoingOptions {
    const { dialog, digest } = this;
    const { way: flow, asker, secure: isSips, clean, order } = dialog;
    return { next, flow, asker, isSips, clean, digest, order, nextCSeq: () => dialog.nextCSeq() };
  }

  private send(draft: Draft, ended: (end: SipResponse | NoResponse) => void): void {
    const withBody = draft.method === 'UPDATE' && (draft.body ?? '') !== '';
    if (withBody) this.updating = true;
    const { next } = this.dialog.within();
    new OutgoingRequest(this.core, draft, this.options(next), {
      ended: (end) => {
        if (withBody) this.updating = false;
        ended(end);
      },
    }).send();
  }
}
