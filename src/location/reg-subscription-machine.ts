/**
 * A subscription to somebody's registration, at the notifier. RFC 6665 §4.2
 *
 *            SUBSCRIBE
 *                │
 *          ┌─────▼────┐ subscribe: answer, all in full
 *          │  active  ├─┐
 *          └┬──┬──┬──┬┘◄┘ change: tell it
 *           │  │  │  │
 *           │  │  │  └ unsubscribe: answer, last NOTIFY
 *           │  │  └ lapse: last NOTIFY
 *           │  └ stop: last NOTIFY, for another time
 *           └ fail: nothing, nobody is there
 *          ┌▼─────────┐
 *          │terminated│
 *          └──────────┘
 */
import { go, ignore, type Machine, stay } from '../base/machine.ts';

/** The boxes of the figure. */
export type RegSubscriptionState = 'active' | 'terminated';
/** Its arrows. */
export type RegSubscriptionEvent = 'subscribe' | 'unsubscribe' | 'change' | 'lapse' | 'stop' | 'fail';

/** What the figure asks of its surroundings. */
export interface RegSubscriptionPart {
  tellAll(): void;
  tellChange(): void;
  /** The last word: why it ends. RFC 6665 §4.1.3 */
  tellEnd(reason: 'timeout' | 'probation'): void;
  leave(): void;
}

const end = (reason: 'timeout' | 'probation') =>
  go<'terminated', RegSubscriptionPart>('terminated', (part) => part.tellEnd(reason));

/** The figure. */
export const regSubscriptionMachine: Machine<
  RegSubscriptionState,
  RegSubscriptionEvent,
  RegSubscriptionPart
> = {
  active: {
    subscribe: stay((part) => part.tellAll()),
    unsubscribe: end('timeout'),
    change: stay((part) => part.tellChange()),
    lapse: end('timeout'),
    stop: end('probation'),
    fail: go('terminated', (part) => part.leave()),
  },
  terminated: {
    subscribe: ignore,
    unsubscribe: ignore,
    change: ignore,
    lapse: ignore,
    stop: ignore,
    fail: ignore,
  },
};
