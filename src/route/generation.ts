/**
 * One load of a script, from its start to its drop:
 *
 *   make ──▶ startup ──▶ begin ─────────▶ retire ────────────────▶ dropped
 *     │ throws  │ throws, hangs            │ another took over:      after its last request,
 *     ▼         ▼                          │ timers and events end   or five minutes
 *    the generation before it stays        └ requests it began keep its branch, reply and failure routes
 */
import { TandemError } from '../base/errors.ts';
import type { Clock, Millis, Timer, World } from '../base/world.ts';
import type { RequestContext } from './context.ts';
import type { Awaitable, RequestDecision } from './decision.ts';
import type { EventBus } from './events.ts';
import { type NamedStartup, Router, type StartupRoute, type TimerRoute } from './router.ts';
import { describeFault, errorText, scriptLineOf, shortLine, type SourceLine } from './source-line.ts';
import { StartFault } from './start-fault.ts';
import type { RouteKind, RouteMarks } from './step.ts';

/** How long the startup routes of a script may take together. */
export const START_MS = 10_000;
/** How long requests may keep the routes of a generation that was replaced. */
export const KEEP_MS = 300_000;

/** What a generation is made of. */
export interface GenerationParts {
  readonly number: number;
  readonly world: World;
  readonly events: EventBus;
  readonly marks?: RouteMarks | undefined;
  /** Is told of each timer route that throws; event routes are counted where they are called. */
  readonly threw: () => void;
  /** Runs the script. */
  readonly make: () => Router<never>;
}

/** See the figure above. */
export class Generation {
  readonly number: number;
  readonly router: Router<never>;
  readonly marks: RouteMarks | undefined;
  /** None of its routes is asked any more. */
  dropped = false;
  private readonly parts: GenerationParts;
  private readonly timers: RouteTimer[] = [];
  private readonly endings: (() => void)[] = [];

  private constructor(parts: GenerationParts) {
    this.parts = parts;
    this.number = parts.number;
    this.marks = parts.marks;
    this.router = guarded(() => this.marked('startup', parts.make));
  }

  /** One to begin with: its script waits for nothing. */
  static empty(parts: GenerationParts): Generation {
    return new Generation(parts);
  }

  /** Makes the router and runs its startup routes. Rejects with SCRIPT_INVALID; nothing is left behind then. */
  static async start(parts: GenerationParts): Promise<Generation> {
    const generation = new Generation(parts);
    const { startups } = generation.router;
    if (startups.length > 0) await generation.startInTime(startups);
    return generation;
  }

  /** Timers and event routes run from now on. */
  begin(): void {
    const { world, events, threw } = this.parts;
    for (const timer of this.router.timers) {
      this.timers.push(new RouteTimer(world, timer, (route) => this.marked('timer', route), threw));
    }
    for (const { name, route, place } of this.router.events) {
      this.endings.push(events.on(name, (event) => this.marked('event', () => route(event)), place));
    }
  }

  /** Runs the route of a request; for a watchdog it is marked as long as it runs without waiting. */
  ask(c: RequestContext<never>, inDialog: boolean): Awaitable<RequestDecision> {
    const { router, marks } = this;
    if (marks === undefined) return inDialog ? router.routeInDialog(c) : router.route(c);
    marks.enter(inDialog ? 'in dialog' : 'request', this.number, c);
    try {
      return inDialog ? router.routeInDialog(c) : router.route(c);
    } finally {
      marks.leave();
    }
  }

  /** Nothing of it runs any more. */
  drop(): void {
    this.retire();
    this.dropped = true;
  }

  /** Another generation has taken over: timers and event routes end. */
  retire(): void {
    for (const timer of this.timers.splice(0)) timer.stop();
    for (const ending of this.endings.splice(0)) ending();
  }

  /** Of the route that goes on for too long the place is told: those before it have ended. */
  private async startInTime(startups: readonly NamedStartup[]): Promise<void> {
    let running: NamedStartup | undefined;
    const runAll = async (): Promise<void> => {
      for (running of startups) await this.marked('startup', running.route);
    };
    await inTime(this.parts.world.clock, runAll(), () => running?.place);
  }

  private marked<T>(route: RouteKind, run: () => T): T {
    const { marks } = this;
    if (marks === undefined) return run();
    marks.enter(route, this.number);
    try {
      return run();
    } finally {
      marks.leave();
    }
  }
}

/** The generation that runs, and those before it that requests still need. */
export class Generations {
  private readonly clock: Clock;
  private latest: Generation;
  private readonly keeping = new Set<Timer>();

  constructor(clock: Clock, first: Generation) {
    this.clock = clock;
    this.latest = first;
  }

  get current(): Generation {
    return this.latest;
  }

  /** Takes over. Only requests hold on to the one before: with the last of them it is gone. */
  replace(next: Generation): void {
    this.latest.retire();
    this.keep(new WeakRef(this.latest));
    this.latest = next;
    next.begin();
  }

  /** At once: no route of any of them runs, and no timer is left. */
  stop(): void {
    this.latest.drop();
    for (const timer of this.keeping) timer.cancel();
    this.keeping.clear();
  }

  private keep(before: WeakRef<Generation>): void {
    const timer = this.clock.after(KEEP_MS, () => {
      this.keeping.delete(timer);
      before.deref()?.drop();
    });
    this.keeping.add(timer);
  }
}

/** Runs one timer route: never twice at once, and a run that throws is not the last. */
class RouteTimer {
  private readonly world: World;
  private readonly timer: TimerRoute;
  private readonly run: (route: StartupRoute) => void | Promise<void>;
  private readonly threw: () => void;
  private waiting: Timer;
  private running = false;
  private stopped = false;

  constructor(
    world: World,
    timer: TimerRoute,
    run: (route: StartupRoute) => void | Promise<void>,
    threw: () => void,
  ) {
    this.world = world;
    this.timer = timer;
    this.run = run;
    this.threw = threw;
    this.waiting = this.wait();
  }

  stop(): void {
    this.stopped = true;
    this.waiting.cancel();
  }

  private wait(): Timer {
    return this.world.clock.after(this.timer.everyMs, () => this.fire());
  }

  /** A run that takes longer than the interval lets the next ones pass. */
  private fire(): void {
    if (!this.running) this.once();
    if (!this.stopped) this.waiting = this.wait();
  }

  private once(): void {
    try {
      const work = this.run(this.timer.route);
      if (!(work instanceof Promise)) return;
      this.running = true;
      work.then(this.done, (error: unknown) => {
        this.done();
        this.fault(error);
      });
    } catch (error) {
      this.fault(error);
    }
  }

  private readonly done = (): void => {
    this.running = false;
  };

  private fault(error: unknown): void {
    const { everyMs, place } = this.timer;
    const facts = { everyMs, ...describeFault(error, place) };
    this.world.log.error('a timer route threw', facts);
    this.threw();
  }
}

function guarded(make: () => Router<never> | undefined): Router<never> {
  try {
    const router = make();
    // Whatever its types say: a cast may have silenced them.
    if (router instanceof Router) return router;
    throw new TandemError('SCRIPT_INVALID', 'the script made no router', { hint: 'end it with: return app' });
  } catch (error) {
    throw startFault(error);
  }
}

async function inTime(
  clock: Clock,
  work: Promise<void>,
  placeNow: () => SourceLine | undefined,
  limitMs: Millis = START_MS,
): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(limitMs, () => {
      const place = placeNow();
      const where = place === undefined ? '' : `: its startup route in ${shortLine(place)} goes on`;
      const message = `the script had not started after ${limitMs / 1000} s${where}`;
      reject(new StartFault(message, 'a startup route waits for something that does not come', place));
    });
  });
  try {
    await Promise.race([work, late]);
  } catch (error) {
    throw startFault(error);
  } finally {
    timer?.cancel();
  }
}

function startFault(error: unknown): TandemError {
  if (error instanceof TandemError && error.code === 'SCRIPT_INVALID') return error;
  const place = scriptLineOf(error);
  const where = place === undefined ? '' : ` at ${shortLine(place)}`;
  const why = errorText(error);
  const hint = error instanceof TandemError && error.hint !== undefined ? { hint: error.hint } : {};
  return new TandemError('SCRIPT_INVALID', `the script does not start${where}: ${why}`, {
    cause: error,
    ...hint,
  });
}
