/**
 * An INVITE of ours, until all its answers are acknowledged: dialogs for each callee that answers, the ACK for each
 * 2xx as often as it comes, CANCEL, session timers. RFC 3261 §13.2, RFC 3262 §4, RFC 4028 §7.
 */
import { SipError } from '../base/errors.ts';
import type { Timer } from '../base/world.ts';
import { callingDialog } from '../dialog/dialog.ts';
import { hasOption, readMinSe } from '../dialog/session-timer.ts';
import type { SipResponse } from '../sip/message.ts';
import { type Ack, ackFor2xx } from './ack.ts';
import type { AgentCore } from './core.ts';
import type { DigestClient } from './digest-client.ts';
import { type Draft, type NoResponse, type OutgoingOptions, OutgoingRequest } from './outgoing.ts';
import { Session, type WithinParts } from './session.ts';

/** Who makes the call. */
export interface AttemptUser {
  /** A 1xx above 100; no session where it had no To tag. `reliable`: it waits for `session.prack`. */
  provisional(response: SipResponse, session: Session | undefined, reliable: boolean): void;
  /** The first 2xx. Whoever takes it calls `acknowledge`. */
  answered(attempt: InviteAttempt, session: Session, response: SipResponse): void;
  /** Nobody answered: the final response, or 408, 480, 503 or 500 without one. */
  failed(status: number, response: SipResponse | undefined): void;
}

/** What the attempt is made of. */
export interface AttemptParts {
  readonly draft: Draft;
  readonly options: OutgoingOptions;
  /** Of a re-INVITE: the session it is within. */
  readonly session?: Session | undefined;
  readonly digest?: DigestClient | undefined;
}

/** A callee whose ring time is over has this long to obey our CANCEL. */
const CANCEL_MS = 2_000;
/** Callees that one INVITE may reach by forks beyond us; further ones are not listened to. */
export const FORKS_MAX = 16;
/** Status for those who wait when there is no response. RFC 3261 §8.1.3.1 */
const STATUS_WITHOUT: Readonly<Record<NoResponse, number>> = {
  timeout: 408,
  unreachable: 480,
  overload: 503,
  refused: 403,
};

/** One INVITE on its way. */
export class InviteAttempt {
  /** Whether we have given it up. */
  cancelled = false;
  private ringOver = false;
  private readonly core: AgentCore;
  private readonly parts: AttemptParts;
  private readonly user: AttemptUser;
  private request: OutgoingRequest;
  /** By the tag of the one who answers. */
  private readonly sessions = new Map<string, Session>();
  private readonly acks = new Map<string, Ack>();
  private winner: Session | undefined = undefined;
  private over = false;
  private ringing: Timer | undefined = undefined;
  private toldMinSe = false;
  private readonly lastRSeq = new Map<Session, number>();

  constructor(core: AgentCore, parts: AttemptParts, user: AttemptUser) {
    this.core = core;
    this.parts = parts;
    this.user = user;
    this.request = this.make(parts.draft);
  }

  /** Whether it waits for its final response. */
  get pending(): boolean {
    return !this.over;
  }

  send(): void {
    this.request.send();
  }

  /** Gives up when nobody has answered in so many milliseconds: it ends as if nobody were there. RFC 3261 §16.8 */
  ringFor(ms: number): void {
    const { clock } = this.core.world;
    this.ringing = clock.after(ms, () => {
      this.ringOver = true;
      this.cancel();
      // Who does not obey need not be waited for.
      if (!this.over) this.ringing = clock.after(CANCEL_MS, () => this.fail(408, undefined));
    });
  }

  /** A 2xx that crosses it is acknowledged and hung up on. */
  cancel(reason?: string): void {
    if (this.over) return;
    this.cancelled = true;
    this.request.cancel(reason);
  }

  /** The ACK for the 2xx; with the answer, where the 2xx made the offer. RFC 3261 §13.2.2.4 */
  acknowledge(session: Session, parts: WithinParts = {}): void {
    const ack = ackFor2xx(this.core, session.dialog, this.request, parts);
    session.sent(parts.body, parts.contentType);
    this.acks.set(session.dialog.remoteTag, ack);
    ack.send();
  }

  private make(draft: Draft): OutgoingRequest {
    return new OutgoingRequest(this.core, draft, this.parts.options, {
      provisional: (response) => this.provisional(response),
      answered: (response) => this.success(response),
      ended: (end) => this.ended(end),
    });
  }

  private provisional(response: SipResponse): void {
    if (response.status === 100 || this.over || this.cancelled) return;
    const session = response.toTag === '' ? undefined : this.sessionOf(response);
    const reliable = session !== undefined && this.isNewReliable(session, response);
    if (reliable === 'old') return;
    session?.got(response.body, response.headers.get('Content-Type'));
    this.user.provisional(response, session, reliable === 'new');
  }

  /** RFC 3262 §4: each RSeq once, in order. */
  private isNewReliable(session: Session, response: SipResponse): 'new' | 'old' | false {
    if (!hasOption(response.headers, 'Require', '100rel')) return false;
    const rseq = Number(response.headers.get('RSeq') ?? '');
    if (!Number.isInteger(rseq) || rseq < 1) return false;
    const seen = this.lastRSeq.get(session);
    if (seen !== undefined && rseq !== seen + 1) return 'old';
    this.lastRSeq.set(session, rseq);
    session.unpracked = `${rseq} ${response.cseq}`;
    return 'new';
  }

  private success(response: SipResponse): void {
    this.ringing?.cancel();
    const known = this.acks.get(response.toTag);
    if (known !== undefined) {
      known.send();
      return;
    }
    const session = this.sessionOf(response);
    if (session === undefined) {
      if (!this.over) this.fail(502, undefined);
      return;
    }
    if (session === this.winner) return; // Its ACK waits for an answer from elsewhere.
    session.dialog.confirmAsCaller(response);
    session.got(response.body, response.headers.get('Content-Type'));
    if (this.winner !== undefined || this.cancelled) {
      if (this.parts.session === undefined) {
        this.acknowledge(session);
        session.attempted(undefined);
        session.hangUp();
        if (this.winner === undefined && !this.over) this.fail(this.givenUp, undefined);
      } else this.crossed(session);
      return;
    }
    this.over = true;
    this.winner = session;
    session.attempted(response);
    this.forget(session);
    this.user.answered(this, session, response);
  }

  /** A change that was given up has been accepted all the same: the peer is told what held before. RFC 3261 §14.1 */
  private crossed(session: Session): void {
    const { localBody: body, localType: contentType } = session;
    const offered = (this.parts.draft.body ?? '') !== '';
    // Its 2xx made the offer where we made none, and its ACK has to answer that. RFC 3261 §13.2.2.4
    this.acknowledge(session, offered || body === '' ? {} : { body, contentType });
    if (!this.over) this.fail(this.givenUp, undefined);
    if (offered) session.putBack();
  }

  private ended(end: SipResponse | NoResponse): void {
    this.ringing?.cancel();
    if (this.over) return;
    if (typeof end === 'string')
      this.fail(this.cancelled ? this.givenUp : STATUS_WITHOUT[end], undefined, end);
    else if (end.status === 487 && this.ringOver) this.fail(408, undefined);
    else if (end.status === 422 && !this.toldMinSe && !this.cancelled) this.askForLonger(end);
    else this.fail(end.status, end);
  }

  /** What it ends with when we have given it up. */
  private get givenUp(): number {
    return this.ringOver ? 408 : 487;
  }

  /** RFC 4028 §7.3: once more, with the interval that the other side wants at least. */
  private askForLonger(response: SipResponse): void {
    this.toldMinSe = true;
    const seconds = readMinSe(response.headers);
    const headers = this.parts.draft.headers.filter(
      ([name]) => name !== 'Min-SE' && name !== 'Session-Expires',
    );
    this.request = this.make({
      ...this.parts.draft,
      headers: [...headers, ['Session-Expires', seconds], ['Min-SE', seconds]],
    });
    this.request.send();
  }

  private fail(status: number, response: SipResponse | undefined, why?: NoResponse): void {
    this.over = true;
    const { session } = this.parts;
    if (session !== undefined) {
      session.attempted(undefined);
      // RFC 3261 §12.2.1.2: a re-INVITE that finds nobody ends the dialog.
      if (status === 481 || status === 408 || why === 'unreachable') session.gone();
    }
    this.forget(undefined);
    this.user.failed(status, response);
  }

  /** The early dialogs of those who did not win. */
  private forget(winner: Session | undefined): void {
    for (const session of this.sessions.values()) {
      if (session !== winner && session !== this.parts.session && session.dialog.state === 'early') {
        session.attempt = undefined;
        session.forgotten();
      }
    }
  }

  /** Undefined when no more dialogs can be kept, or the response cannot begin one. */
  private sessionOf(response: SipResponse): Session | undefined {
    const { session, draft, options, digest } = this.parts;
    if (session !== undefined) return session;
    const known = this.sessions.get(response.toTag);
    if (known !== undefined && !known.isOver) return known;
    if (this.sessions.size >= FORKS_MAX) return undefined;
    const made = this.openDialog(response, draft.uri, options);
    if (made === undefined) return undefined;
    const opened = new Session(this.core, made, {
      caller: true,
      requestHeaders: response.headers,
      digest,
    });
    opened.attempt = this;
    opened.localBody = draft.body ?? '';
    this.sessions.set(response.toTag, opened);
    return opened;
  }

  private openDialog(
    response: SipResponse,
    uri: string,
    options: OutgoingOptions,
  ): Session['dialog'] | undefined {
    try {
      // A flow that was told to us, or a connection, leads to the peer even where its Contact does not.
      const { flow: last } = this.request;
      const flow = last?.reliable === true ? last : options.flow;
      const parts = callingDialog(response, uri, flow, options.order, last?.remote.host);
      return this.core.dialogs.open({ ...parts, isSips: options.isSips, clean: options.clean });
    } catch (error) {
      if (error instanceof SipError) return undefined; // A route set that nobody can follow.
      throw error;
    }
  }
}
