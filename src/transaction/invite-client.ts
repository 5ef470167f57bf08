/**
 * The INVITE client transaction: RFC 3261 §17.1.1 figure 5, as amended by RFC 6026 §7.2.
 *
 *                       user: send INVITE
 *                            │
 *                     ┌──────▼─────┐ A: send again
 *      B, error: fail │   calling  ├─┐
 *       ┌─────────────┤            │◄┘
 *       │             └┬────┬─────┬┘
 *       │     1xx: pass│    │     │ 300–699: ACK, pass
 *       │      ┌───────▼──┐ │     │
 *       │◄─────┤proceeding├─┼────►│   1xx: pass   cancelled, error: fail
 *       │      └─────┬────┘ │     │
 *       │            │ 2xx  │ 2xx: pass
 *       │            │ pass │   ┌─▼────────┐
 *       │            └──┬───┘   │completed ├─┐ 300–699: ACK
 *       │         ┌─────▼───┐   └─────┬────┘◄┘
 *       │       ┌─┤accepted │         │ D
 *       │  2xx: └►└────┬────┘         │
 *       │  pass        │ M            │
 *      ┌▼──────────────▼──────────────▼┐
 *      │           terminated          │
 *      └───────────────────────────────┘
 *
 * `cancelled`: 64·T1 after our CANCEL no final response has come, so none will. RFC 3261 §9.1.
 * The timer that ends it starts before anything else is done: whatever throws, nothing stays behind.
 */
import { go, ignore, never, stay, type Machine } from '../base/machine.ts';
import { SIXTY_FOUR_T1, T1, TIMER_D } from './timers.ts';

/** The circles of the figure. */
export type InviteClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';
/** The arrows of the figure. */
export type InviteClientEvent =
  | 'start'
  | 'res1xx'
  | 'res2xx'
  | 'res300'
  | 'A'
  | 'B'
  | 'D'
  | 'M'
  | 'cancelled'
  | 'transportError';

/** What the figure asks of its surroundings. */
export interface InviteClientPart {
  readonly reliable: boolean;
  send(): void;
  /** Send again, and wait twice as long for the next time. */
  sendAgain(): void;
  ack(): void;
  /** Pass the response at hand to the user. */
  pass(): void;
  fail(why: 'timeout' | 'transport'): void;
  start(timer: 'B' | 'D' | 'M', delay: number): void;
  backOff(timer: 'A', first: number, most: number): void;
  end(): void;
}

const terminate = go<'terminated', InviteClientPart>('terminated', (t) => t.end());
const silence = go<'terminated', InviteClientPart>('terminated', (t) => {
  t.fail('timeout');
  t.end();
});
const broken = go<'terminated', InviteClientPart>('terminated', (t) => {
  t.fail('transport');
  t.end();
});
const accept = go<'accepted', InviteClientPart>('accepted', (t) => {
  t.start('M', SIXTY_FOUR_T1);
  t.pass();
});
const refuse = go<'completed', InviteClientPart>('completed', (t) => {
  t.start('D', t.reliable ? 0 : TIMER_D);
  t.ack();
  t.pass();
});

/** The figure. */
export const inviteClient: Machine<InviteClientState, InviteClientEvent, InviteClientPart> = {
  calling: {
    start: stay((t) => {
      t.send();
      t.start('B', SIXTY_FOUR_T1);
      if (!t.reliable) t.backOff('A', T1, Infinity);
    }),
    res1xx: go('proceeding', (t) => t.pass()),
    res2xx: accept,
    res300: refuse,
    A: stay((t) => {
      t.sendAgain();
      t.backOff('A', T1, Infinity);
    }),
    B: silence,
    D: never,
    M: never,
    cancelled: never,
    transportError: broken,
  },

  proceeding: {
    start: never,
    res1xx: stay((t) => t.pass()),
    res2xx: accept,
    res300: refuse,
    A: ignore,
    B: ignore,
    D: never,
    M: never,
    cancelled: silence,
    transportError: broken,
  },

  // Every 2xx of every fork downstream goes to the user. RFC 6026 §7.2.
  accepted: {
    start: never,
    res1xx: ignore,
    res2xx: stay((t) => t.pass()),
    res300: ignore,
    A: ignore,
    B: ignore,
    D: never,
    M: terminate,
    cancelled: ignore,
    transportError: ignore,
  },

  completed: {
    start: never,
    res1xx: ignore,
    res2xx: ignore,
    res300: stay((t) => t.ack()),
    A: ignore,
    B: ignore,
    D: terminate,
    M: never,
    cancelled: ignore,
    transportError: ignore,
  },

  terminated: {
    start: never,
    res1xx: ignore,
    res2xx: ignore,
    res300: ignore,
    A: ignore,
    B: ignore,
    D: ignore,
    M: ignore,
    cancelled: ignore,
    transportError: ignore,
  },
};
