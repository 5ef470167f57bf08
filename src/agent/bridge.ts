/**
 * Two sessions as one call: whatever one side asks goes to the other, and its answer comes back. Nothing by which a
 * message was routed, or a leg is named, passes.
 */
import type { HeaderLine } from '../dialog/dialog.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Asked } from './asked.ts';
import type { InviteAnswer } from './invite-answer.ts';
import type { InviteAttempt } from './invite-attempt.ts';
import type { LocalCall } from './local-call.ts';
import { type Passage, shownStatus } from './passage.ts';
import type { NoResponse } from './outgoing.ts';
import type { Session, SessionEnd, WithinParts } from './session.ts';
import type { SessionUser } from './session-user.ts';

/** Fields without which the far end does not understand these requests. */
const FIELDS_OF: Readonly<Record<string, readonly string[]>> = {
  INFO: ['Info-Package', 'Recv-Info'],
  NOTIFY: ['Event', 'Subscription-State'],
  REFER: ['Refer-To', 'Referred-By', 'Refer-Sub'],
  SUBSCRIBE: ['Event', 'Expires'],
};
/** The same for who gets the answers. RFC 6665 §4.2.1.1 */
const FIELDS_OF_ANSWER: Readonly<Record<string, readonly string[]>> = { SUBSCRIBE: ['Expires'] };
/** Those that carry our Contact; INVITE and UPDATE do so by themselves. RFC 3515 §2.4, RFC 6665 §4.4.1 */
const TARGET_REFRESHING = new Set(['REFER', 'SUBSCRIBE', 'NOTIFY']);
/** RFC 3261 §8.1.3.1: what somebody is told when the far end said nothing. */
const NO_ANSWER = 408;

/** Who takes over a call that rings, in place of its caller: the far end of a transfer. RFC 5589 §7 */
export interface Taker {
  /** Somebody rings. */
  rings(status: number): void;
  /** Somebody has answered. `done` is told once whether he talks with the taker; else he is the caller's again. */
  answered(
    attempt: InviteAttempt,
    session: Session,
    response: SipResponse,
    done: (isJoined: boolean) => void,
  ): void;
  /** Nobody has. */
  failed(status: number): void;
}

/** A call that rings, for whoever took it over. */
export interface Given {
  /** The last 1xx of a callee. */
  readonly progress: number;
  /** Ends it, for its caller too. */
  giveUp(): void;
}

/** What a call of two legs does beyond passing on. */
export interface BridgeUser {
  /** A REFER, or a SUBSCRIBE to what came of one; true when it was taken, false passes it to the far end. */
  refer(session: Session, asked: Asked): boolean;
  /** A leg is over. The other one, if it had one, has been hung up. */
  ended(session: Session, end: SessionEnd): void;
  /** A leg goes on as part of another call. */
  left(session: Session): void;
  /** Somebody takes the call in place of who rings: the new leg, undefined when that was refused. RFC 3891 §3 */
  pickUp(newcomer: LocalCall): Session | undefined;
  /** Gives a call that rings away. Undefined: it does not ring, or somebody has it already. */
  giveAway(taker: Taker): Given | undefined;
  /** Whether a leg that rings does so for somebody else than its peer. */
  ringsForTaker(leg: Session): boolean;
}

/** Passes between the two legs of each pair. */
export class Bridge implements SessionUser {
  readonly passage: Passage;
  private readonly user: BridgeUser;

  constructor(user: BridgeUser, passage: Passage) {
    this.user = user;
    this.passage = passage;
  }

  /** From now on these are one call. */
  pair(a: Session, b: Session): void {
    if (a.peer !== undefined && a.peer !== b) a.peer.peer = undefined;
    if (b.peer !== undefined && b.peer !== a) b.peer.peer = undefined;
    a.peer = b;
    b.peer = a;
    this.take(a);
    this.take(b);
  }

  /** See {@link BridgeUser.pickUp}. */
  pickUp(newcomer: LocalCall): Session | undefined {
    return this.user.pickUp(newcomer);
  }

  /** See {@link BridgeUser.giveAway}. */
  giveAway(taker: Taker): Given | undefined {
    return this.user.giveAway(taker);
  }

  private take(session: Session): void {
    const { user } = session;
    session.user = this;
    if (user instanceof Bridge && user !== this) user.user.left(session);
  }

  asked(session: Session, asked: Asked): void {
    const { peer } = session;
    const { method } = asked.request;
    if ((method === 'REFER' || method === 'SUBSCRIBE') && this.user.refer(session, asked)) return;
    if (peer === undefined || peer.isOver) asked.reply(statusAlone(session));
    // RFC 3311 §5.1: no offer while another one waits for its answer; glare beyond us is glare for who asks.
    else if (method === 'UPDATE' && peer.midOffer) asked.reply(491);
    else void relay(peer, asked, this.passage);
  }

  /** RFC 3261 §14.2: glare beyond us is glare for who asks. */
  reinvited(session: Session, answer: InviteAnswer): void {
    const { peer } = session;
    if (peer === undefined || peer.isOver) return answer.refuse(statusAlone(session));
    if (peer.changing) return answer.refuse(491);
    new RelayedInvite(session, peer, answer, this.passage).start();
  }

  ended(session: Session, end: SessionEnd, bye: SipRequest | undefined): void {
    const { peer } = session;
    session.peer = undefined;
    session.moving?.lost();
    if (peer !== undefined) {
      peer.peer = undefined;
      // An early dialog of one callee among several goes away quietly; the INVITE is answered when all have ended.
      if (peer.dialog.state === 'early' && !peer.caller) peer.forgotten();
      else if (this.user.ringsForTaker(peer)) void peer.prack(); // Who would have done it is gone.
      else if (peer.moving === undefined) peer.hangUp(reasonOf(bye));
    }
    this.user.ended(session, end);
  }
}

/** A leg that waits for somebody to talk with is there: a 481 would end it. */
function statusAlone({ moving }: Session): number {
  return moving === undefined ? 481 : 491;
}

/** A re-INVITE on its way through. */
class RelayedInvite {
  private readonly from: Session;
  private readonly to: Session;
  private readonly answer: InviteAnswer;
  private readonly passage: Passage;
  private attempt: InviteAttempt | undefined = undefined;
  private waiting = false;

  constructor(from: Session, to: Session, answer: InviteAnswer, passage: Passage) {
    this.from = from;
    this.to = to;
    this.answer = answer;
    this.passage = passage;
  }

  start(): void {
    const { from, to, answer, passage } = this;
    const { request } = answer;
    answer.user = {
      cancelled: (reason) => this.attempt?.cancel(reason),
      acknowledged: (_session, ack) => this.acknowledged(ack),
    };
    const parts = { ...passage.content(request), headers: passage.headers(request.headers) };
    this.attempt = to.reinvite(parts, {
      provisional: (response) => {
        if (response.status > 100) answer.progress(from, response.status, passage.content(response));
      },
      answered: (attempt, _session, response) => this.answered(attempt, response, request.body !== ''),
      failed: (status, response) =>
        answer.refuse(shownStatus(status), response === undefined ? {} : passage.parts(response)),
    });
    if (this.attempt === undefined) answer.refuse(491);
  }

  /** Where the far end made the offer its ACK waits for the answer. RFC 3261 §14.1 */
  private answered(attempt: InviteAttempt, response: SipResponse, offered: boolean): void {
    this.attempt = attempt;
    this.waiting = !offered;
    if (offered) attempt.acknowledge(this.to);
    if (!this.answer.accept(this.from, this.passage.parts(response), response.status) && this.waiting) {
      attempt.acknowledge(this.to);
      this.to.hangUp(); // It made an offer that nobody will answer.
    }
  }

  private acknowledged(ack: SipRequest | undefined): void {
    if (!this.waiting || this.to.isOver) return;
    this.waiting = false;
    this.attempt?.acknowledge(this.to, ack === undefined ? {} : this.passage.content(ack));
  }
}

async function relay(to: Session, asked: Asked, passage: Passage): Promise<void> {
  const { request } = asked;
  const { method } = request;
  const headers = passage.headersWith(request.headers, FIELDS_OF[method] ?? []);
  const end = await send(to, method, { ...passage.content(request), headers });
  if (typeof end === 'string') asked.reply(method === 'PRACK' && end === 'refused' ? 200 : NO_ANSWER);
  else asked.reply(shownStatus(end.status), passage.parts(end, FIELDS_OF_ANSWER[method]));
}

function send(to: Session, method: string, parts: WithinParts): Promise<SipResponse | NoResponse> {
  if (method === 'PRACK') return to.prack(parts);
  if (method === 'UPDATE') return to.update(parts);
  return to.request(method, parts, TARGET_REFRESHING.has(method));
}

function reasonOf(bye: SipRequest | undefined): readonly HeaderLine[] {
  const reason = bye?.headers.get('Reason');
  return reason === undefined ? [] : [['Reason', reason]];
}
