/**
 * The non-INVITE server transaction: RFC 3261 §17.2.2 figure 8.
 *
 *                     request: to user
 *                        │
 *                 ┌──────▼─────┐ request: –
 *                 │   trying   ├─┐
 *                 └┬────┬─────┬┘◄┘
 *        1xx: send │    │     │ 200–699: send
 *         ┌────────▼─┐  │     │
 *       ┌─┤proceeding├──┼────►│   request: resend   1xx: send
 *       └►└──────────┘  │  ┌──▼──────┐
 *                       │  │completed├─┐ request: resend
 *                       │  └────┬────┘◄┘ 200–699: –
 *                       │       │ J
 *                    ┌──▼───────▼───┐
 *                    │  terminated  │
 *                    └──────────────┘
 */
import { go, ignore, never, stay, type Machine } from '../base/machine.ts';
import { SIXTY_FOUR_T1 } from './timers.ts';

/** The circles of the figure. */
export type RequestServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';
/** `forget`: the request went on without a transaction, and so do its retransmissions. */
export type RequestServerEvent =
  | 'request'
  | 'user1xx'
  | 'userFinal'
  | 'abandon'
  | 'forget'
  | 'J'
  | 'transportError';

/** What the figure asks of its surroundings. */
export interface RequestServerPart {
  readonly reliable: boolean;
  send(): void;
  resend(): void;
  fail(why: 'transport'): void;
  start(timer: 'J', delay: number): void;
  end(): void;
}

const terminate = go<'terminated', RequestServerPart>('terminated', (t) => t.end());
const complete = go<'completed', RequestServerPart>('completed', (t) => {
  t.send();
  t.start('J', t.reliable ? 0 : SIXTY_FOUR_T1);
});
/** The user will never answer: RFC 4320 §4.1 forbids a late 408, the client's own timer F tells it. */
const abandon = go<'completed', RequestServerPart>('completed', (t) => t.start('J', SIXTY_FOUR_T1));
const transportError = stay<RequestServerPart>((t) => t.fail('transport'));

/** The figure. */
export const requestServer: Machine<RequestServerState, RequestServerEvent, RequestServerPart> = {
  trying: {
    request: ignore,
    user1xx: go('proceeding', (t) => t.send()),
    userFinal: complete,
    abandon,
    forget: terminate,
    J: never,
    transportError,
  },

  proceeding: {
    request: stay((t) => t.resend()),
    user1xx: stay((t) => t.send()),
    userFinal: complete,
    abandon,
    forget: terminate,
    J: never,
    transportError,
  },

  completed: {
    request: stay((t) => t.resend()),
    user1xx: ignore,
    userFinal: ignore,
    abandon: ignore,
    forget: ignore,
    J: terminate,
    transportError,
  },

  terminated: {
    request: ignore,
    user1xx: ignore,
    userFinal: ignore,
    abandon: ignore,
    forget: ignore,
    J: ignore,
    transportError: ignore,
  },
};
