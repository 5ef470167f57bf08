/**
 * The non-INVITE client transaction: RFC 3261 §17.1.2 figure 6.
 *
 *                       user: send request
 *                            │
 *                     ┌──────▼─────┐ E: send again
 *      F, error: fail │   trying   ├─┐
 *       ┌─────────────┤            │◄┘
 *       │             └┬──────────┬┘
 *       │     1xx: pass│          │ 200–699: pass
 *       │      ┌───────▼──┐       │
 *       │◄─────┤proceeding├──────►│   E: send again, every T2   1xx: pass
 *       │      └──────────┘  ┌────▼────┐
 *       │                    │completed│
 *       │                    └────┬────┘
 *       │                         │ K
 *      ┌▼─────────────────────────▼┐
 *      │        terminated         │
 *      └───────────────────────────┘
 */
import { go, ignore, never, stay, type Machine } from '../base/machine.ts';
import { SIXTY_FOUR_T1, T1, T2, T4 } from './timers.ts';

/** The circles of the figure. */
export type RequestClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';
/** The arrows of the figure. */
export type RequestClientEvent = 'start' | 'res1xx' | 'resFinal' | 'E' | 'F' | 'K' | 'transportError';

/** What the figure asks of its surroundings. */
export interface RequestClientPart {
  readonly reliable: boolean;
  send(): void;
  sendAgain(): void;
  pass(): void;
  fail(why: 'timeout' | 'transport'): void;
  start(timer: 'F' | 'K', delay: number): void;
  backOff(timer: 'E', first: number, most: number): void;
  end(): void;
}

const finish = go<'completed', RequestClientPart>('completed', (t) => {
  t.start('K', t.reliable ? 0 : T4); // First: whatever throws, nothing stays behind.
  t.pass();
});
const timedOut = go<'terminated', RequestClientPart>('terminated', (t) => {
  t.fail('timeout');
  t.end();
});
const broken = go<'terminated', RequestClientPart>('terminated', (t) => {
  t.fail('transport');
  t.end();
});

/** The figure. */
export const requestClient: Machine<RequestClientState, RequestClientEvent, RequestClientPart> = {
  trying: {
    start: stay((t) => {
      t.send();
      t.start('F', SIXTY_FOUR_T1);
      if (!t.reliable) t.backOff('E', T1, T2);
    }),
    res1xx: go('proceeding', (t) => t.pass()),
    resFinal: finish,
    E: stay((t) => {
      t.sendAgain();
      t.backOff('E', T1, T2);
    }),
    F: timedOut,
    K: never,
    transportError: broken,
  },

  proceeding: {
    start: never,
    res1xx: stay((t) => t.pass()),
    resFinal: finish,
    E: stay((t) => {
      t.sendAgain();
      t.backOff('E', T2, T2);
    }),
    F: timedOut,
    K: never,
    transportError: broken,
  },

  completed: {
    start: never,
    res1xx: ignore,
    resFinal: ignore,
    E: ignore,
    F: ignore,
    K: go('terminated', (t) => t.end()),
    transportError: ignore,
  },

  terminated: {
    start: never,
    res1xx: ignore,
    resFinal: ignore,
    E: ignore,
    F: ignore,
    K: ignore,
    transportError: ignore,
  },
};
