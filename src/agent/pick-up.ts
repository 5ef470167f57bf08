/**
 * A call that rings somewhere is taken by somebody else: an INVITE that replaces the early dialog we began.
 * RFC 3891 §3
 *
 *   caller ── offer ──▶ us ── ringing ──▶ callee
 *                       us ◀── INVITE, Replaces: the ringing leg ── newcomer
 *   caller ◀── 200 ──── us ── 200 ──▶ newcomer          callee: CANCEL
 *
 * Who offered nothing is made the offer of the other and answers it by the ACK. Where both have made one, each is the
 * answer to the other if it can be that, else the newcomer is told 488 and the callee rings on.
 */
import type { SipRequest } from '../sip/message.ts';
import type { Bridge } from './bridge.ts';
import { mayCross } from './crossing-offers.ts';
import type { InviteAnswer } from './invite-answer.ts';
import type { LocalCall } from './local-call.ts';
import type { Session } from './session.ts';

/** The call that rings. */
export interface Ringing {
  /** The caller's INVITE. */
  readonly invite: InviteAnswer;
  readonly bridge: Bridge;
  /** Whoever rings is cancelled, and these talk. */
  join(caller: Session, newcomer: Session): void;
}

/** The newcomer's leg; undefined when it was refused. */
export function pickUp(ringing: Ringing, newcomer: LocalCall): Session | undefined {
  const { invite } = ringing;
  const status = refusalOf(invite, newcomer.request);
  const caller = status === 0 ? invite.open() : undefined;
  const here = caller && newcomer.invite.open();
  if (caller === undefined || here === undefined) {
    caller?.forgotten();
    newcomer.reject(status === 0 ? 503 : status);
    return undefined;
  }
  // A dialog of its own towards the caller: what the callee has answered early is not said again in it.
  ringing.bridge.pair(caller, here);
  new PickUp(ringing, caller, newcomer, here).start();
  return here;
}

/** 0 when nothing is wrong. */
function refusalOf(invite: InviteAnswer, request: SipRequest): number {
  if (!invite.pending) return 481;
  const { body } = invite.request;
  const oneOffers = (body === '') !== (request.body === '');
  return oneOffers || mayCross(body, request.body) ? 0 : 488;
}

class PickUp {
  private readonly ringing: Ringing;
  private readonly caller: Session;
  private readonly newcomer: LocalCall;
  private readonly here: Session;

  constructor(ringing: Ringing, caller: Session, newcomer: LocalCall, here: Session) {
    this.ringing = ringing;
    this.caller = caller;
    this.newcomer = newcomer;
    this.here = here;
  }

  start(): void {
    const { ringing, caller, newcomer, here } = this;
    const { invite } = ringing;
    const { passage } = ringing.bridge;
    if (newcomer.request.body === '') {
      newcomer.invite.user = {
        cancelled() {},
        acknowledged: (_session, ack) => this.newcomerAnswers(ack),
      };
      newcomer.invite.accept(here, passage.content(invite.request));
      return;
    }
    ringing.join(caller, here);
    if (invite.request.body !== '') {
      invite.accept(caller, passage.content(newcomer.request));
      newcomer.invite.accept(here, passage.content(invite.request));
      return;
    }
    const { user } = invite;
    invite.user = {
      cancelled: (reason) => user.cancelled(reason),
      acknowledged: (_session, ack) => this.callerAnswers(ack),
    };
    invite.accept(caller, passage.content(newcomer.request));
  }

  /** Until then the callee has rung on, and may have answered. */
  private newcomerAnswers(ack: SipRequest | undefined): void {
    const { ringing, caller, here } = this;
    if (ack === undefined || !ringing.invite.pending || here.isOver || caller.isOver) return;
    ringing.join(caller, here);
    ringing.invite.accept(caller, ringing.bridge.passage.content(ack));
  }

  private callerAnswers(ack: SipRequest | undefined): void {
    const { ringing, newcomer, here } = this;
    if (ack !== undefined) newcomer.invite.accept(here, ringing.bridge.passage.content(ack));
  }
}
