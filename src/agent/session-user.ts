/** Who uses a session, and what it says to requests when nobody does. */
import type { SipRequest } from '../sip/message.ts';
import type { Asked } from './asked.ts';
import type { InviteAnswer } from './invite-answer.ts';
import type { Session, SessionEnd } from './session.ts';

/** Who uses a session. */
export interface SessionUser {
  /** A request of the peer that is for the application: INFO, UPDATE with a body, REFER, PRACK, … */
  asked(session: Session, asked: Asked): void;
  /** A re-INVITE. */
  reinvited(session: Session, answer: InviteAnswer): void;
  /** Called once; `bye` is the peer's, when it came. */
  ended(session: Session, end: SessionEnd, bye: SipRequest | undefined): void;
}

/** Nobody: the call is over. */
export const refusesAll: SessionUser = {
  asked: (_session, asked) => asked.reply(481),
  reinvited: (_session, answer) => answer.refuse(481),
  ended() {},
};
