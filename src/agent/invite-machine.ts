/**
 * The called side of an INVITE above its transaction: what we have answered, and whether the caller knows.
 * RFC 3261 §13.3.1, §9.2.
 *
 *                     ┌────────────┐ refuse, cancel: send
 *                     │ proceeding ├───────────────────────┐
 *                     └──────┬─────┘                       │
 *               accept: send │                             │
 *           resend:   ┌──────▼─────┐                       │
 *             send  ┌─┤  accepted  │ lapse: no ACK         │
 *                   └►│            ├──────────────┐        │
 *                     └──────┬─────┘              │        │
 *                            │ ack: ACK came      │        │
 *                     ┌──────▼────────────────────▼────────▼┐
 *                     │               over                  │
 *                     └─────────────────────────────────────┘
 */
import { go, ignore, never, stay, type Machine } from '../base/machine.ts';

/** The boxes of the figure. */
export type AnswerState = 'proceeding' | 'accepted' | 'over';
/** Its arrows. `resend`: it is time to send the 2xx again; `lapse`: 64·T1 have passed since it was sent first. */
export type AnswerEvent = 'accept' | 'refuse' | 'cancel' | 'ack' | 'resend' | 'lapse';

/** What the figure asks of its surroundings. */
export interface AnswerPart {
  /** Send the final response at hand. */
  send(): void;
  sendAgain(): void;
  /** Send 487, and tell. */
  giveIn(): void;
  acknowledged(): void;
  unacknowledged(): void;
}

/** The figure. */
export const answerMachine: Machine<AnswerState, AnswerEvent, AnswerPart> = {
  proceeding: {
    accept: go('accepted', (t) => t.send()),
    refuse: go('over', (t) => t.send()),
    cancel: go('over', (t) => t.giveIn()),
    ack: ignore,
    resend: never,
    lapse: never,
  },
  accepted: {
    accept: ignore,
    refuse: ignore,
    cancel: ignore,
    ack: go('over', (t) => t.acknowledged()),
    resend: stay((t) => t.sendAgain()),
    lapse: go('over', (t) => t.unacknowledged()),
  },
  // An ACK comes as often as the 2xx did.
  over: { accept: ignore, refuse: ignore, cancel: ignore, ack: ignore, resend: ignore, lapse: ignore },
};
