/**
 * The INVITE server transaction: RFC 3261 §17.2.1 figure 7, as amended by RFC 6026 §7.1.
 *
 *                           INVITE: to user
 *                              │
 *        INVITE: resend ┌──────▼─────┐ 1xx: send
 *                     ┌─┤ proceeding ├─┐ silent: 100
 *                     └►└─┬────────┬─┘◄┘
 *           300–699: send │        │ 2xx: send
 *                   ┌─────▼─────┐ ┌▼─────────┐
 *    INVITE, G:   ┌─┤ completed │ │ accepted ├─┐ INVITE: –   2xx: send
 *      resend     └►└┬────────┬─┘ └────────┬─┘◄┘
 *                ACK │        │ H: fail    │ L
 *              ┌─────▼─────┐  │            │
 *              │ confirmed │  │            │
 *              └─────┬─────┘  │            │
 *                  I │        │            │
 *              ┌─────▼────────▼────────────▼─┐
 *              │         terminated          │
 *              └─────────────────────────────┘
 *
 * An ACK for a 2xx is a transaction of its own (§13.2.2.4): it has another branch and never comes here.
 */
import { go, ignore, never, stay, type Machine } from '../base/machine.ts';
import { SIXTY_FOUR_T1, T1, T2, T4 } from './timers.ts';

/** The circles of the figure. */
export type InviteServerState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';
/** `silent`: the user has said nothing for 200 ms. `user…`: it responds. */
export type InviteServerEvent =
  | 'invite'
  | 'ack'
  | 'silent'
  | 'user1xx'
  | 'user2xx'
  | 'user300'
  | 'G'
  | 'H'
  | 'I'
  | 'L'
  | 'transportError';

/** What the figure asks of its surroundings. */
export interface InviteServerPart {
  readonly reliable: boolean;
  /** A 1xx was sent: the caller repeats its INVITE no more. */
  readonly provisionalSent: boolean;
  /** Send the response at hand and keep it for `resend`. */
  send(): void;
  /** Send the response at hand; a 2xx is repeated by the far end, not by us. */
  sendOnce(): void;
  resend(): void;
  /** Send 100, unless something was sent already. */
  trying(): void;
  fail(why: 'no-ack' | 'transport'): void;
  start(timer: 'H' | 'I' | 'L', delay: number): void;
  /** Start, or start again at twice the delay, never above `most`. */
  backOff(timer: 'G', first: number, most: number): void;
  end(): void;
}

const send = stay<InviteServerPart>((t) => t.send());
const resend = stay<InviteServerPart>((t) => t.resend());
const transportError = stay<InviteServerPart>((t) => t.fail('transport')); // RFC 6026 §8.8: tell, and stay.
const terminate = go<'terminated', InviteServerPart>('terminated', (t) => t.end());

/** The figure. */
export const inviteServer: Machine<InviteServerState, InviteServerEvent, InviteServerPart> = {
  proceeding: {
    invite: resend,
    ack: ignore,
    silent: stay((t) => t.trying()),
    user1xx: send,
    user2xx: go('accepted', (t) => {
      t.sendOnce();
      t.start('L', SIXTY_FOUR_T1);
    }),
    user300: go('completed', (t) => {
      t.send();
      t.start('H', SIXTY_FOUR_T1);
      // Departs from RFC 3261 §17.2.1 because a forged source would get eleven answers for one request: as long as
      // we have sent no 1xx the caller repeats its INVITE, and that asks for the response again.
      if (!t.reliable && t.provisionalSent) t.backOff('G', T1, T2);
    }),
    G: never,
    H: never,
    I: never,
    L: never,
    transportError,
  },

  // Absorbs INVITEs that crossed our 2xx. RFC 6026 §7.1.
  accepted: {
    invite: ignore,
    ack: ignore,
    silent: ignore,
    user1xx: ignore,
    user2xx: stay((t) => t.sendOnce()),
    user300: ignore,
    G: never,
    H: never,
    I: never,
    L: terminate,
    transportError,
  },

  completed: {
    invite: resend,
    ack: go('confirmed', (t) => t.start('I', t.reliable ? 0 : T4)),
    silent: ignore,
    user1xx: ignore,
    user2xx: ignore,
    user300: ignore,
    G: stay((t) => {
      t.resend();
      t.backOff('G', T1, T2);
    }),
    H: go('terminated', (t) => {
      t.fail('no-ack');
      t.end();
    }),
    I: never,
    L: never,
    transportError,
  },

  // Absorbs ACKs that were repeated because a response was.
  confirmed: {
    invite: ignore,
    ack: ignore,
    silent: ignore,
    user1xx: ignore,
    user2xx: ignore,
    user300: ignore,
    G: ignore,
    H: ignore,
    I: terminate,
    L: never,
    transportError: ignore,
  },

  terminated: {
    invite: ignore,
    ack: ignore,
    silent: ignore,
    user1xx: ignore,
    user2xx: ignore,
    user300: ignore,
    G: ignore,
    H: ignore,
    I: ignore,
    L: ignore,
    transportError: ignore,
  },
};
