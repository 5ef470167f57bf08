/** The error route: what a script says to bytes that are no message, and to requests that break the grammar. */
import type { World } from '../base/world.ts';
import { Allowance } from '../transport/allowance.ts';
import type { Flow } from '../transport/flow.ts';
import { checkedRefusal } from './checked.ts';
import { ErrorContext } from './context.ts';
import type { Reply } from './decision.ts';
import type { DispatcherCounters } from './dispatcher.ts';
import type { Generation } from './generation.ts';
import { describeFault } from './source-line.ts';

/** How often a script is asked at once, and a second: whoever sends nonsense must not keep it busy, or fill its log. */
export const ERROR_ROUTES_AT_ONCE = 200;
/** See {@link ERROR_ROUTES_AT_ONCE}. */
export const ERROR_ROUTES_PER_SECOND = 100;

/** What is wrong with a message, and how it is answered unless the script says otherwise. */
export interface MessageFault {
  readonly status: number;
  readonly why: string;
}

/** Asks the error route of whichever generation is current. */
export class ErrorRoutes {
  private readonly world: World;
  private readonly counters: DispatcherCounters;
  private readonly allowance: Allowance;

  constructor(world: World, counters: DispatcherCounters) {
    this.world = world;
    this.counters = counters;
    this.allowance = new Allowance(ERROR_ROUTES_AT_ONCE, ERROR_ROUTES_PER_SECOND, world.clock.now());
  }

  /** What is answered; undefined for nothing. A route that throws, or is asked too often, is as good as none. */
  answer(generation: Generation, text: string, flow: Flow, { status, why }: MessageFault): Reply | undefined {
    const usual: Reply = { do: 'reply', status, reason: why };
    const { router } = generation;
    if (router.onError === undefined || !this.allowance.take(this.world.clock.now())) return usual;
    const { log } = this.world;
    const c = new ErrorContext(log, text, flow, { status, message: why });
    generation.marks?.enter('error', generation.number);
    try {
      const decision = checkedRefusal(router.onError(c));
      return decision.do === 'drop' ? undefined : decision;
    } catch (error) {
      this.counters.scriptErrors++;
      const facts = describeFault(error, router.placeOfOther('error'));
      log.error('an error route threw', { from: flow.remote.key, ...facts });
      return usual;
    } finally {
      generation.marks?.leave();
    }
  }
}
