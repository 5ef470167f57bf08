/** An INVITE that came to us, until its ACK: ring, accept, refuse, be cancelled. RFC 3261 §13.3, RFC 3262. */
import { step } from '../base/machine.ts';
import type { Millis, Timer } from '../base/world.ts';
import { calledDialog, type HeaderLine, recordRoutes } from '../dialog/dialog.ts';
import { answerTimer, hasOption, type SessionTimerTerms } from '../dialog/session-timer.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { allowValue } from '../sip/words.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { ServerTransaction, ServerUser } from '../transaction/server-transaction.ts';
import { keptStem, type Stem } from '../transaction/stem.ts';
import { SIXTY_FOUR_T1, T1, T2 } from '../transaction/timers.ts';
import type { Flow } from '../transport/flow.ts';
import type { AgentCore } from './core.ts';
import { answerMachine, type AnswerPart, type AnswerState } from './invite-machine.ts';
import { ReliableProvisionals } from './reliable.ts';
import { SUPPORTED } from './extensions.ts';
import { Session, type SessionEnd } from './session.ts';
import { contactFor } from './ways.ts';

/** What a response says beyond its status. */
export interface AnswerParts {
  readonly reason?: string | undefined;
  readonly headers?: readonly HeaderLine[];
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

/** Who answers it. */
export interface AnswerUser {
  /**
   * The caller gave up before it was answered, for what his CANCEL says; or its reliable response was never
   * acknowledged. 487 or 504 is sent.
   */
  cancelled(reason: string): void;
  /** The ACK for our 2xx; it may carry the answer to our offer. Undefined: it never came, the call is over. */
  acknowledged(session: Session, ack: SipRequest | undefined): void;
}

/** Room above which no RSeq begins, so that none runs over. RFC 3262 §3 */
const RSEQ_BELOW = 0x3fffffff;
/** Who keeps a record of the call. */
export interface AnswerWatch {
  /** The final response to the INVITE; 487 is the caller's doing. */
  finished(status: number): void;
  /** The answered call is over. */
  ended(end: SessionEnd): void;
  /** Its application threw; how the call ends for that is told next. */
  threw(error: unknown): void;
}

const nobody: AnswerUser = { cancelled() {}, acknowledged() {} };

/** One INVITE, the first of a call or one within it. */
export class InviteAnswer implements ServerUser, AnswerPart {
  state: AnswerState = 'proceeding';
  readonly request: SipRequest;
  /** Who is told; set by whoever takes the call. */
  user: AnswerUser = nobody;
  watch: AnswerWatch | undefined = undefined;
  /** For what is said within the call that it begins. */
  clean: CleanMessage | undefined = undefined;
  /** The final status we gave, 0 before. */
  status = 0;
  private readonly core: AgentCore;
  private readonly server: ServerTransaction;
  private readonly generation: number;
  /** The path that the INVITE came by, and whether to a sips URI, before a script changed it. */
  readonly flow: Flow;
  readonly isSips: boolean;
  readonly stem: Stem;
  /** Set by an application whose call goes on when the session that was accepted is over: settles when it is. */
  lasts: Promise<SessionEnd> | undefined = undefined;
  /** Of a re-INVITE: the session it is within. */
  private readonly within: Session | undefined;
  private readonly sessions: Session[] = [];
  private accepted: Session | undefined = undefined;
  /** How long the session lasts once it is accepted. */
  private terms: SessionTimerTerms = { interval: undefined, headers: [] };
  private text = '';
  private timer: Timer | undefined = undefined;
  private spentMs: Millis = 0;
  private ackAtHand: SipRequest | undefined = undefined;
  private cancelReason = '';

  constructor(
    core: AgentCore,
    server: ServerTransaction,
    request: SipRequest,
    within?: Session,
    isSips = request.isSips,
  ) {
    this.isSips = isSips;
    this.core = core;
    this.server = server;
    this.generation = server.generation;
    this.flow = server.flow;
    this.stem = keptStem(server);
    this.request = request;
    this.within = within;
    server.user = this;
  }

  /** Whether it waits for its final response. */
  get pending(): boolean {
    return this.state === 'proceeding';
  }

  /** Whether a provisional response may be reliable. RFC 3262 §3 */
  get takesReliable(): boolean {
    return hasOption(this.request.headers, 'Supported', '100rel') || this.needsReliable;
  }

  private get needsReliable(): boolean {
    return hasOption(this.request.headers, 'Require', '100rel');
  }

  /**
   * An early dialog for this INVITE; more than one when we stand for several callees (RFC 3261 §13.2.2.4).
   * Undefined when no more dialogs can be kept.
   */
  open(): Session | undefined {
    if (this.within !== undefined) return this.within;
    const { dialogs, world } = this.core;
    const parts = calledDialog(this.request, dialogs.newTag(), this.flow, this.server.order);
    const dialog = dialogs.open({ ...parts, clean: this.clean });
    if (dialog === undefined) return undefined;
    const session = new Session(this.core, dialog, { caller: false, requestHeaders: this.request.headers });
    session.answering = this;
    session.reliable = new ReliableProvisionals(
      world.clock,
      1 + world.random.below(RSEQ_BELOW),
      this.request.cseq,
      { send: (text) => this.sendProvisional(text), gaveUp: () => this.fail(504) },
    );
    this.sessions.push(session);
    return session;
  }

  /** A 1xx from this session's callee. `reliably` asks for a PRACK where the caller can give one. */
  progress(session: Session, status: number, parts: AnswerParts = {}, reliably = false): void {
    if (!this.pending) return;
    const reliable = this.needsReliable || (reliably && this.takesReliable);
    if (reliable && session.reliable !== undefined) {
      const write = (rseq: number): string =>
        this.write(session, status, parts, [
          ['Require', '100rel'],
          ['RSeq', rseq],
        ]);
      session.reliable.send(write, (parts.body ?? '') !== '');
    } else this.sendProvisional(this.write(session, status, parts, []));
    if ((parts.body ?? '') !== '') session.sent(parts.body, parts.contentType);
  }

  /** False when it asks for too short a session: 422 was sent. Before anybody else hears of it. RFC 4028 §9 */
  takesInterval(): boolean {
    const timer = answerTimer(this.request.headers, this.core.limits.sessionTimer);
    if ('tooSmall' in timer) {
      this.refuse(422, { headers: [['Min-SE', timer.tooSmall]] });
      return false;
    }
    this.terms = timer;
    return true;
  }

  /** 2xx, again and again until the ACK comes. False when the caller is gone. */
  accept(session: Session, parts: AnswerParts = {}, status = 200): boolean {
    if (!this.pending) return false;
    if (session.reliable?.holdsFinal === true) {
      session.reliable.onceClear(() => this.accept(session, parts, status));
      return true;
    }
    this.accepted = session;
    this.status = status;
    this.text = this.write(session, status, parts, this.terms.headers);
    session.dialog.accepted();
    if (this.within !== undefined) session.dialog.refreshTarget(this.request.headers, this.flow);
    session.answering = this;
    session.timer.start(this.terms.interval);
    session.sent(parts.body, parts.contentType);
    for (const other of this.sessions) if (other !== session) other.forgotten();
    step(answerMachine, 'accept', this);
    return true;
  }

  /** A final response other than 2xx. */
  refuse(status: number, parts: AnswerParts = {}): void {
    if (!this.pending) return;
    this.status = status;
    this.text = this.write(this.sessions[0] ?? this.within, status, parts, []);
    step(answerMachine, 'refuse', this);
    this.closeEarly();
  }

  /** The caller's CANCEL. RFC 3261 §9.2 */
  cancelled(_server: ServerTransaction, reason: string): void {
    this.cancelReason = reason;
    step(answerMachine, 'cancel', this);
  }

  /** The ACK for a 2xx of ours. */
  receiveAck(ack: SipRequest): void {
    this.ackAtHand = ack;
    step(answerMachine, 'ack', this);
    this.ackAtHand = undefined;
  }

  // ─── what the figure asks for ────────────────────────────────────────────────────────────────

  send(): void {
    this.sendFinal();
    this.watch?.finished(this.status);
    if (this.state !== 'accepted') return;
    const { watch } = this;
    if (watch !== undefined) void (this.lasts ?? this.accepted?.ended)?.then((end) => watch.ended(end));
    this.repeat(T1);
  }

  sendAgain(): void {
    this.sendFinal();
  }

  giveIn(): void {
    this.status = 487;
    this.text = this.write(this.sessions[0] ?? this.within, 487, {}, []);
    this.sendFinal();
    this.watch?.finished(487);
    this.user.cancelled(this.cancelReason); // First: sessions that are forgotten end the other leg without a reason.
    this.closeEarly();
  }

  acknowledged(): void {
    this.timer?.cancel();
    this.tell(this.ackAtHand);
  }

  unacknowledged(): void {
    this.tell(undefined);
  }

  // ─── sending ─────────────────────────────────────────────────────────────────────────────────

  private tell(ack: SipRequest | undefined): void {
    const session = this.accepted;
    if (session === undefined) return;
    if (ack !== undefined && ack.body !== '') session.got(ack.body, ack.headers.get('Content-Type'));
    session.answered(ack !== undefined);
    this.user.acknowledged(session, ack);
  }

  private fail(status: number): void {
    this.refuse(status);
    this.user.cancelled('');
  }

  /** RFC 3261 §13.3.1.4: T1, then twice as long each time, T2 at most, 64·T1 in all; over any transport. */
  private repeat(waitMs: Millis): void {
    this.timer = this.core.world.clock.after(waitMs, () => {
      this.spentMs += waitMs;
      if (this.spentMs >= SIXTY_FOUR_T1) {
        step(answerMachine, 'lapse', this);
        return;
      }
      step(answerMachine, 'resend', this);
      this.repeat(Math.min(waitMs * 2, T2, SIXTY_FOUR_T1 - this.spentMs));
    });
  }

  private closeEarly(): void {
    if (this.within !== undefined) this.within.answered(true);
    for (const session of this.sessions) session.forgotten();
  }

  private sendProvisional(text: string): void {
    if (this.pending && this.server.generation === this.generation) {
      this.server.respond(Number(text.substring(8, 11)), text);
    }
  }

  private sendFinal(): void {
    if (this.server.generation === this.generation) this.server.respond(this.status, this.text);
  }

  private write(
    session: Session | undefined,
    status: number,
    parts: AnswerParts,
    more: readonly HeaderLine[],
  ): string {
    const { request } = this;
    const headers: HeaderLine[] = [];
    if (status > 100 && status < 300) {
      if (this.within === undefined) {
        for (const route of recordRoutes(request.headers)) headers.push(['Record-Route', route]);
      }
      headers.push(
        ['Contact', contactFor(this.flow, undefined, this.isSips)],
        ['Allow', allowValue],
        ['Supported', SUPPORTED],
      );
    }
    headers.push(...more, ...(parts.headers ?? []));
    if (parts.contentType !== undefined) headers.push(['Content-Type', parts.contentType]);
    return replyTo(request, status, {
      reason: parts.reason,
      toTag: session?.dialog.localTag ?? this.core.dialogs.newTag(),
      headers: headers.map(([name, value]) => [name, String(value)] as const),
      body: parts.body,
    });
  }
}
