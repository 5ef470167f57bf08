/**
 * Our own registration at somebody else's registrar. RFC 3261 §10.2, RFC 5626 §4.5.
 *
 *               start              accepted
 *      ┌──────┐ send ┌───────────┐──────────►┌──────────┐
 *      │ idle ├─────►│  asking   │           │ enrolled │
 *      └──────┘      │           │◄──────────┤          │
 *                    └─┬───▲─────┘  due:send └────┬─────┘
 *              failed: │   │ due: send            │ stop: remove
 *                wait  │   │                      │
 *                    ┌─▼───┴─────┐ stop      ┌────▼─────┐
 *                    │  waiting  ├──────────►│ stopped  │
 *                    └───────────┘           └──────────┘
 */
import { go, ignore, stay, type Machine } from '../base/machine.ts';

/** The boxes of the figure. */
export type EnrolmentState = 'idle' | 'asking' | 'enrolled' | 'waiting' | 'stopped';
/** Its arrows. `due`: it is time to ask again. */
export type EnrolmentEvent = 'start' | 'accepted' | 'failed' | 'due' | 'stop';

/** What the figure asks of its surroundings. */
export interface EnrolmentPart {
  ask(): void;
  /** Set the time of the next refresh. */
  rest(): void;
  /** Wait before the next try, longer after each failure. */
  backOff(): void;
  /** Take the binding back. */
  remove(): void;
  tell(): void;
}

const ask = go<'asking', EnrolmentPart>('asking', (t) => t.ask());
const remove = go<'stopped', EnrolmentPart>('stopped', (t) => t.remove());

/** The figure. */
export const enrolmentMachine: Machine<EnrolmentState, EnrolmentEvent, EnrolmentPart> = {
  idle: { start: ask, accepted: ignore, failed: ignore, due: ignore, stop: go('stopped', (t) => t.tell()) },
  asking: {
    start: ignore,
    accepted: go('enrolled', (t) => {
      t.rest();
      t.tell();
    }),
    failed: go('waiting', (t) => {
      t.backOff();
      t.tell();
    }),
    due: ignore,
    stop: remove,
  },
  enrolled: { start: ignore, accepted: ignore, failed: ignore, due: ask, stop: remove },
  waiting: { start: ask, accepted: ignore, failed: ignore, due: ask, stop: remove },
  // A try that was under way may have been granted: then the binding is taken back once more.
  stopped: { start: ask, accepted: stay((t) => t.remove()), failed: ignore, due: ignore, stop: ignore },
};
