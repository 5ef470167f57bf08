/**
 * What a script did for each request, step by step, for whoever asks afterwards:
 *
 *   INVITE ─▶ enter ─┬─ services: what was asked, what they answered ─┐
 *                    └─ the route decides, at which line ─────────────┼─▶ ring ─▶ of(Call-ID)
 *   each branch: how it ended ────────────────────────────────────────┘
 *
 * A step belongs to the request whose route runs, also behind an `await`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { KeyedHash } from '../base/keyed-hash.ts';
import type { Clock, Millis } from '../base/world.ts';
import type { BranchEnd } from '../proxy/relay-options.ts';
import type { Uri } from '../sip/uri.ts';
import { type LineFinder, ROUTE_KINDS, type RouteKind, type RouteMarks } from './step.ts';
import type { RouteStep, RouteSubject, StepObserver } from './step.ts';
import type { Services } from './services.ts';
import { ScriptLines } from './steps-lines.ts';
import { CallMark, STEPS_BYTES_MAX, type StepRecord, StepsRing } from './steps-ring.ts';
import { type ObservedService, observedServices, type ServiceObserver } from './steps-services.ts';
import { plainUriOf, printInputs, printValue } from './steps-texts.ts';

/** Steps of one Call-ID that are told; of more the last ones. */
export const STEPS_TOLD_MAX = 1_000;

interface StepTime {
  /** On the monotonic clock. */
  readonly atMs: Millis;
}

/** A route decided. */
export interface RouteTaken extends StepTime {
  readonly kind: 'route';
  readonly route: RouteKind;
  readonly method: string;
  readonly decision: string;
  /** What the route was asked about. */
  readonly about: string;
  /** Where the decision leads. */
  readonly leads: string;
  /** `route.ts:12`; `~route.ts:12` where it is taken from others that came the same way; '' where it is not known. */
  readonly at: string;
  readonly generation: number;
}

/** A service was asked. */
export interface ServiceAsked extends StepTime {
  readonly kind: 'service';
  /** `location.lookup` */
  readonly service: string;
  readonly inputs: string;
  readonly result: string;
  /** How long the answer was waited for; undefined when it was there at once. */
  readonly tookMs: Millis | undefined;
}

/** A branch of a relayed request ended. */
export interface BranchEnded extends StepTime {
  readonly kind: 'branch';
  readonly target: string;
  /** 0: it was passed over, since its server is full or out by now. */
  readonly status: number;
  /** Whether nobody answered. */
  readonly timedOut: boolean;
}

/** One step that was taken for a request. */
export type Step = RouteTaken | ServiceAsked | BranchEnded;

/** What recording needs. */
export interface StepRecorderParts {
  readonly clock: Clock;
  /** Eight bytes that strangers do not know: they choose Call-IDs. */
  readonly key: Uint8Array;
  readonly bytesMax?: number;
  /** Is told of what services reject promises with. */
  readonly told?: (error: unknown) => void;
}

/** The run of a route, for whoever asks meanwhile. */
export interface RouteAtHand {
  readonly route: RouteKind;
  readonly callId: string;
  readonly method: string;
}

/** Routes that may not wait. */
const AT_ONCE: ReadonlySet<RouteKind> = new Set(['branch', 'reply', 'local', 'advanceOn', 'mayRecurse']);
const KINDS = { route: 0, service: 1, branch: 2 } as const;
const NOT_WAITED = -1;
const MICROSECONDS = 1_000;
/** Answers that lead a script another way than others do. */
const ANSWERS = ['no', 'none', 'nothing', 'goes on', 'yes'];
/** Pages that are searched before calls have their turn. */
const PAGES_A_TURN = 8;

/** One run of a route. */
class Run implements RouteAtHand {
  readonly route: RouteKind;
  readonly callId: string;
  readonly method: string;
  readonly mark: CallMark;
  /** The way the script came so far, see steps-lines.ts. */
  path: number;

  constructor(route: RouteKind, { callId, method }: RouteSubject, mark: CallMark, path: number) {
    this.route = route;
    this.callId = callId;
    this.method = method;
    this.mark = mark;
    this.path = path;
  }
}

/** See the figure above. */
export class StepRecorder implements RouteMarks, ServiceObserver {
  readonly told: (error: unknown) => void;
  private readonly clock: Clock;
  private readonly hash: KeyedHash;
  private readonly ring: StepsRing;
  private readonly scriptLines = new ScriptLines();
  private readonly runs = new AsyncLocalStorage<Run | undefined>();
  /** The run of a route until it waits or is over; `runs` is slower to ask, and knows it behind an `await` too. */
  private atOnce: Run | undefined = undefined;
  /** When the route began, or got its last answer: what it is given at once takes no time. */
  private time: Millis = 0;
  /** Routes that run within each other, and those that one within has interrupted. */
  private depth = 0;
  private readonly outer: (Run | undefined)[] = [];

  constructor({ clock, key, bytesMax = STEPS_BYTES_MAX, told = () => {} }: StepRecorderParts) {
    this.clock = clock;
    this.told = told;
    this.hash = new KeyedHash(key);
    this.ring = new StepsRing(bytesMax);
  }

  /** How many bytes its steps take. */
  get bytes(): number {
    return this.ring.bytes;
  }

  /** The same services, and what they are asked within a route is taken down. */
  observe(services: Services): Services {
    return observedServices(services, this);
  }

  /** The route that runs, or made what runs now; undefined when it is none of a request. */
  get atHand(): RouteAtHand | undefined {
    return this.current;
  }

  // ─── while calls go on ───────────────────────────────────────────────────────────────────────

  enter(route: RouteKind, generation: number, subject?: RouteSubject): void {
    if (++this.depth > 1) this.outer.push(this.current);
    const run = subject && this.run(route, generation, subject);
    this.time = this.clock.now();
    this.atOnce = run;
    if (run === undefined || !AT_ONCE.has(route)) this.runs.enterWith(run);
  }

  /** What comes of the decision belongs to its request too, until the next route runs. */
  leave(): void {
    this.atOnce = undefined;
    if (--this.depth > 0) this.runs.enterWith(this.outer.pop());
  }

  get listens(): boolean {
    return this.current !== undefined;
  }

  private get current(): Run | undefined {
    return this.atOnce ?? this.runs.getStore();
  }

  now(): Millis {
    return this.clock.now();
  }

  served(
    service: ObservedService,
    asked: readonly unknown[],
    result: unknown,
    tookMs: Millis | undefined,
  ): void {
    const run = this.current;
    if (run === undefined) return;
    if (tookMs !== undefined) this.time = this.clock.now();
    try {
      this.takeDown(run, service, asked, result, tookMs);
    } catch {
      // What a script gives to a service may throw when it is looked at: its route decides as it would without us.
    }
  }

  private takeDown(
    run: Run,
    { name, inputs, result: shown }: ObservedService,
    asked: readonly unknown[],
    result: unknown,
    tookMs: Millis | undefined,
  ): void {
    const uri = plainUriOf(result);
    const answer = uri === undefined ? printValue(result, shown) : '';
    const way = uri === undefined ? ANSWERS.indexOf(answer) : -1;
    run.path = (Math.imul(run.path, 31) + name.length * 8 + (way < 0 ? digitsOf(answer) : way)) | 0;
    const took = tookMs === undefined ? NOT_WAITED : Math.round(tookMs * MICROSECONDS);
    const { ring } = this;
    ring.open(run.mark, this.time, KINDS.service, 0, took, name, way < 0 ? '' : answer);
    printInputs(asked, inputs, ring);
    ring.endText();
    if (way < 0) tell(ring, uri ?? answer);
    ring.close();
  }

  /** The line of the script that asks for this decision. */
  readonly lines: LineFinder = (decision, status, mark) =>
    this.scriptLines.of(this.current?.path ?? 0, decision, status, mark);

  /** Takes down what a route decided. */
  readonly onStep: StepObserver = (step: RouteStep, subject?: RouteSubject) => {
    const { route, method, generation, decision, at = '' } = step;
    const mark = subject?.callMark ?? this.markOf(step.callId);
    const { ring } = this;
    const isAtOnce = AT_ONCE.has(route);
    const atMs = isAtOnce ? this.time : this.clock.now();
    ring.open(mark, atMs, KINDS.route, ROUTE_KINDS.indexOf(route), generation, method, decision, at);
    tell(ring, step.aboutUri ?? step.about ?? '');
    tell(ring, step.leadsUri ?? step.leads ?? '');
    ring.close();
    // What the request asked for would be held while phones ring; one target is held anyway.
    if (!isAtOnce && step.leadsUri === undefined) mark.uri = undefined;
  };

  /** Takes down how a branch ended. */
  readonly branchEnded = (callId: string, { target, status, timedOut }: BranchEnd, left?: object): void => {
    const { ring } = this;
    const mark = left instanceof CallMark ? left : this.markOf(callId);
    ring.open(mark, this.clock.now(), KINDS.branch, timedOut ? 1 : 0, status);
    tell(ring, target.uri);
    ring.close();
  };

  private run(route: RouteKind, generation: number, subject: RouteSubject): Run {
    const { callId, method } = subject;
    const mark = (subject.callMark ??= this.markOf(callId));
    let path = generation * 16 + ROUTE_KINDS.indexOf(route);
    for (let i = 0; i < method.length; i++) path = (Math.imul(path, 31) + method.charCodeAt(i)) | 0;
    return new Run(route, subject, mark, path);
  }

  private markOf(callId: string): CallMark {
    return new CallMark(this.hash.wide(callId), this.hash.high);
  }

  // ─── afterwards ──────────────────────────────────────────────────────────────────────────────

  /** Every step of this Call-ID that is still kept, oldest first. The search lets calls have their turn. */
  async of(callId: string): Promise<readonly Step[]> {
    const found: StepRecord[] = [];
    let searched = 0;
    for (const records of this.ring.of(this.markOf(callId))) {
      found.push(...records);
      if (found.length > STEPS_TOLD_MAX) found.splice(0, found.length - STEPS_TOLD_MAX);
      if (++searched % PAGES_A_TURN === 0) await new Promise<void>((go) => void this.clock.after(0, go));
    }
    return found.map(stepOf);
  }
}

/** Both are told, the first one first. */
export function marksOfBoth(first: RouteMarks, second: RouteMarks): RouteMarks {
  return {
    enter(route, generation, subject) {
      first.enter(route, generation, subject);
      second.enter(route, generation, subject);
    },
    leave() {
      second.leave();
      first.leave();
    },
  };
}

function tell(ring: StepsRing, text: string | Uri): void {
  if (typeof text === 'string') ring.add(text);
  else ring.addUri(text);
  ring.endText();
}

/** A status leads another way than another status; names and addresses do not. */
function digitsOf(result: string): number {
  const digit = result.charCodeAt(0) - 48;
  return digit >= 0 && digit < 10 ? 8 + result.length * 16 + digit : 7;
}

function stepOf({ kind, code, atMs, number, texts }: StepRecord): Step {
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = texts;
  if (kind === KINDS.branch)
    return { kind: 'branch', atMs, target: fourth, status: number, timedOut: code === 1 };
  if (kind === KINDS.service) {
    const tookMs = number === NOT_WAITED ? undefined : number / MICROSECONDS;
    return { kind: 'service', atMs, service: first, inputs: fourth, result: second || fifth, tookMs };
  }
  const route = ROUTE_KINDS[code] ?? 'request';
  return {
    kind: 'route',
    atMs,
    route,
    method: first,
    decision: second,
    at: third,
    about: fourth,
    leads: fifth,
    generation: number,
  };
}
