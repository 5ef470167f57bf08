/**
 * Two sessions as one call: whatever one side asks goes to the other, and its answer comes back. Nothing by which a
 * message was routed, or a leg is named, passes.
 */
import type { HeaderLine } from '../dialog/dialog.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Asked } from './asked.ts';
import type { InviteAnswer } from './invite-answer.ts';
import type { InviteAttempt } from './invite-attempt.ts';
import { passedHeaders, passedWith } from './passed-headers.ts';
import type { Session, SessionEnd, SessionUser } from './session.ts';

/** Fields without which the far end does not understand these requests. */
const FIELDS_OF: Readonly<Record<string, readonly string[]>> = {
  INFO: ['Info-Package', 'Recv-Info'],
  NOTIFY: ['Event', 'Subscription-State'],
  REFER: ['Refer-To', 'Referred-By', 'Refer-Sub'],
};
/** RFC 3261 §8.1.3.1: what somebody is told when the far end said nothing. */
const NO_ANSWER = 408;

/** What a call of two legs does beyond passing on. */
export interface BridgeUser {
  /** A REFER; true when it was taken, false passes it to the far end. */
  refer(session: Session, asked: Asked): boolean;
  /** A leg is over. The other one, if it had one, has been hung up. */
  ended(session: Session, end: SessionEnd): void;
  /** A leg goes on as part of another call. */
  left(session: Session): void;
}

/** Passes between the two legs of each pair. */
export class Bridge implements SessionUser {
  private readonly user: BridgeUser;

  constructor(user: BridgeUser) {
    this.user = user;
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

  private take(session: Session): void {
    const { user } = session;
    session.user = this;
    if (user instanceof Bridge && user !== this) user.user.left(session);
  }

  asked(session: Session, asked: Asked): void {
    const { peer } = session;
    const { method } = asked.request;
    if (method === 'REFER' && this.user.refer(session, asked)) return;
    if (peer === undefined || peer.isOver) asked.reply(481);
    else void relay(peer, asked);
  }

  /** RFC 3261 §14.2: glare beyond us is glare for who asks. */
  reinvited(session: Session, answer: InviteAnswer): void {
    const { peer } = session;
    if (peer === undefined || peer.isOver) return answer.refuse(481);
    if (peer.inviting) return answer.refuse(491);
    new RelayedInvite(session, peer, answer).start();
  }

  ended(session: Session, end: SessionEnd, bye: SipRequest | undefined): void {
    const { peer } = session;
    session.peer = undefined;
    if (peer !== undefined) {
      peer.peer = undefined;
      // An early dialog of one callee among several goes away quietly; the INVITE is answered when all have ended.
      if (peer.dialog.state === 'early' && !peer.caller) peer.forgotten();
      else peer.hangUp(reasonOf(bye));
    }
    this.user.ended(session, end);
  }
}

/** A re-INVITE on its way through. */
class RelayedInvite {
  private readonly from: Session;
  private readonly to: Session;
  private readonly answer: InviteAnswer;
  private attempt: InviteAttempt | undefined = undefined;
  private waiting = false;

  constructor(from: Session, to: Session, answer: InviteAnswer) {
    this.from = from;
    this.to = to;
    this.answer = answer;
  }

  start(): void {
    const { from, to, answer } = this;
    const { request } = answer;
    answer.user = {
      cancelled: () => this.attempt?.cancel(),
      acknowledged: (_session, ack) => this.acknowledged(ack),
    };
    const parts = { ...contentOf(request), headers: passedHeaders(request.headers) };
    this.attempt = to.reinvite(parts, {
      provisional: (response) => {
        if (response.status > 100) answer.progress(from, response.status, { ...contentOf(response) });
      },
      answered: (attempt, _session, response) => this.answered(attempt, response, request.body !== ''),
      failed: (status, response) => answer.refuse(status, response === undefined ? {} : partsOf(response)),
    });
    if (this.attempt === undefined) answer.refuse(491);
  }

  /** Where the far end made the offer its ACK waits for the answer. RFC 3261 §14.1 */
  private answered(attempt: InviteAttempt, response: SipResponse, offered: boolean): void {
    this.attempt = attempt;
    this.waiting = !offered;
    if (offered) attempt.acknowledge(this.to);
    if (!this.answer.accept(this.from, partsOf(response), response.status) && this.waiting) {
      attempt.acknowledge(this.to);
      this.to.hangUp(); // It made an offer that nobody will answer.
    }
  }

  private acknowledged(ack: SipRequest | undefined): void {
    if (!this.waiting || this.to.isOver) return;
    this.waiting = false;
    this.attempt?.acknowledge(this.to, ack === undefined ? {} : contentOf(ack));
  }
}

async function relay(to: Session, asked: Asked): Promise<void> {
  const { request } = asked;
  const { method } = request;
  const parts = {
    ...contentOf(request),
    headers: passedWith(request.headers, FIELDS_OF[method] ?? []),
  };
  const refreshes =
    method === 'UPDATE' || method === 'REFER' || method === 'SUBSCRIBE' || method === 'NOTIFY';
  if (method === 'UPDATE') to.sent(request.body, request.headers.get('Content-Type'));
  const end = await (method === 'PRACK' ? to.prack(parts) : to.request(method, parts, refreshes));
  if (typeof end === 'string') asked.reply(method === 'PRACK' && end === 'refused' ? 200 : NO_ANSWER);
  else asked.reply(shownStatus(end.status), partsOf(end));
}

/** A challenge of one side cannot be answered by the other, and where a redirection leads is not for it to see. */
export function shownStatus(status: number): number {
  if (status === 401 || status === 407) return 403;
  return status >= 300 && status < 400 ? 480 : status;
}

/** Body and type of a message, passed as they are. */
export function contentOf(message: SipRequest | SipResponse): { body?: string; contentType?: string } {
  const { body } = message;
  const contentType = message.headers.get('Content-Type');
  return body === '' ? {} : { body, ...(contentType === undefined ? {} : { contentType }) };
}

/** What of a response the other side may see. */
export function partsOf(response: SipResponse): {
  reason?: string;
  headers: readonly HeaderLine[];
  body?: string;
  contentType?: string;
} {
  const shown = shownStatus(response.status) === response.status;
  const reason = shown && response.reason !== '' ? { reason: response.reason } : {};
  return { ...reason, ...contentOf(response), headers: passedHeaders(response.headers) };
}

/** A redirection as it is, with where it leads. */
export function redirectionOf(response: SipResponse): ReturnType<typeof partsOf> {
  const { reason } = response;
  const contacts = response.headers.all('Contact').map((value): HeaderLine => ['Contact', value]);
  return { ...contentOf(response), reason, headers: [...passedHeaders(response.headers), ...contacts] };
}

function reasonOf(bye: SipRequest | undefined): readonly HeaderLine[] {
  const reason = bye?.headers.get('Reason');
  return reason === undefined ? [] : [['Reason', reason]];
}
