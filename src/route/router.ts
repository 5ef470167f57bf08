/** The routes of a script, by the traffic they are for. A route decides; the core performs. */
import { silentLogger } from '../base/silent-logger.ts';
import { Endpoint } from '../base/endpoint.ts';
import { SipError, TandemError } from '../base/errors.ts';
import { refused } from '../base/options.ts';
import type { Millis } from '../base/world.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { servedMethods } from '../sip/words.ts';
import type { Flow } from '../transport/flow.ts';
import {
  type BranchContext,
  type ErrorContext,
  type FailureContext,
  type LocalContext,
  type ReplyContext,
  RequestContext,
} from './context.ts';
import type { Awaitable, Drop, FailureDecision, Pass, Reply, RequestDecision } from './decision.ts';
import type { EventListener, EventName, Events } from './events.ts';
import { RouteError } from './route-error.ts';
import type { Services } from './services.ts';
import { callingPlace, type SourceLine } from './source-line.ts';

/** For a request that begins something, or stands in a dialog. */
export type RequestRoute<V> = (c: RequestContext<V>) => Awaitable<RequestDecision>;
/** For a plan that failed. */
export type FailureRoute<V> = (c: FailureContext<V>) => Awaitable<FailureDecision>;
/** Branch and reply routes may not wait: they run inside the transaction, in order. */
export type BranchRoute<V> = (c: BranchContext<V>) => Pass | Drop;
/** For a reply of a branch; see BranchRoute. */
export type ReplyRoute<V> = (c: ReplyContext<V>) => Pass | Drop;
/** For a request that we make ourselves: a probe, a NOTIFY, the BYE at the end of somebody's credit. */
export type LocalRoute = (c: LocalContext) => Pass | Drop;
/** For bytes that are no SIP message, and requests that break the grammar. */
export type ErrorRoute = (c: ErrorContext) => Reply | Drop;
/** Runs before the first message of its generation. */
export type StartupRoute = () => Awaitable<void>;

/** A startup route, and where it was named. */
export interface NamedStartup {
  readonly route: StartupRoute;
  readonly place: SourceLine | undefined;
}

/** A timer route, and how often it runs. */
export interface TimerRoute {
  readonly everyMs: Millis;
  readonly route: StartupRoute;
  /** Where in the script it was named. */
  readonly place: SourceLine | undefined;
}

/** An event route, and what it listens to. */
export interface EventRoute {
  readonly name: EventName;
  readonly route: EventListener<EventName>;
  /** Where in the script it was named. */
  readonly place: SourceLine | undefined;
}

/** The shortest time between two runs of a timer route. */
export const TIMER_MS_MIN = 10;
/** And the longest: what a timer of Node can wait. */
export const TIMER_MS_MAX = 2_147_483_647;

/** Goes on to the next middleware or the route, handing on what was learned. */
export type Next<A> = (...add: {} extends A ? [] | [A] : [A]) => Awaitable<RequestDecision>;
/** Runs before the route: decides itself, or hands on what it learned: `next({ caller })`. */
export type Middleware<V = {}, A = {}> = (c: RequestContext<V>, next: Next<A>) => Awaitable<RequestDecision>;

/** Takes up to three middlewares and the route; each sees what those before it learned. */
export interface On<V, R> {
  (route: RequestRoute<V>): R;
  <A>(a: Middleware<V, A>, route: RequestRoute<V & A>): R;
  <A, B>(a: Middleware<V, A>, b: Middleware<V & A, B>, route: RequestRoute<V & A & B>): R;
  <A, B, C>(
    a: Middleware<V, A>,
    b: Middleware<V & A, B>,
    c: Middleware<V & A & B, C>,
    route: RequestRoute<V & A & B & C>,
  ): R;
}

// Inside, variables have no type: the overloads of `On` have checked how middlewares and route fit together.
type AnyRoute = (c: RequestContext<never>) => Awaitable<RequestDecision>;
type AnyNext = (add?: object) => Awaitable<RequestDecision>;
type AnyMiddleware = (c: RequestContext<never>, next: AnyNext) => Awaitable<RequestDecision>;
type Chain = readonly [...AnyMiddleware[], AnyRoute];

const CATCH_ALL = '*';
const IN_DIALOG = 'in dialog';

/** The routes of one script. */
export class Router<V = {}> {
  private readonly routes = new Map<string, AnyRoute>();
  private readonly middlewares: AnyMiddleware[] = [];
  private replyRoute: ReplyRoute<V> | undefined = undefined;
  private localRoute: LocalRoute | undefined = undefined;
  private errorRoute: ErrorRoute | undefined = undefined;
  /** Where in the script each route was named: what is told of a mistake that has no line of its own. */
  private readonly places = new Map<string, SourceLine | undefined>();
  /** For the core: what runs before the first message, in this order. */
  readonly startups: NamedStartup[] = [];
  /** For the core. */
  readonly timers: TimerRoute[] = [];
  /** For the core. */
  readonly events: EventRoute[] = [];

  /** A middleware before every request route; those stand behind it in the script. */
  use<A>(middleware: Middleware<V, A>): Router<V & A> {
    const [first] = this.routes.keys();
    if (first !== undefined) {
      throw new TandemError(
        'SCRIPT_INVALID',
        `a middleware behind the route ${first}: it would not run before it`,
        {
          hint: 'put app.use(…) before the first route',
        },
      );
    }
    this.middlewares.push(middleware as unknown as AnyMiddleware); // see AnyMiddleware
    return this as unknown as Router<V & A>;
  }

  /** Any method that has no route of its own. */
  readonly request: On<V, this> = (...chain: unknown[]) => this.on(CATCH_ALL, chain);
  readonly invite: On<V, this> = (...chain: unknown[]) => this.on('INVITE', chain);
  readonly register: On<V, this> = (...chain: unknown[]) => this.on('REGISTER', chain);
  readonly message: On<V, this> = (...chain: unknown[]) => this.on('MESSAGE', chain);
  readonly options: On<V, this> = (...chain: unknown[]) => this.on('OPTIONS', chain);
  readonly subscribe: On<V, this> = (...chain: unknown[]) => this.on('SUBSCRIBE', chain);
  readonly publish: On<V, this> = (...chain: unknown[]) => this.on('PUBLISH', chain);
  readonly refer: On<V, this> = (...chain: unknown[]) => this.on('REFER', chain);
  /** Requests with a To tag. Unless given: `(c) => c.follow()`. */
  readonly inDialog: On<V, this> = (...chain: unknown[]) => this.on(IN_DIALOG, chain);

  /** Every reply of every branch, before the relay's own `onReply`. */
  reply(route: ReplyRoute<V>): this {
    this.replyRoute = onlyOne('reply', this.replyRoute, route);
    this.named('reply');
    return this;
  }

  /** Requests that we make ourselves, before they are sent; edits reach the wire. */
  local(route: LocalRoute): this {
    this.localRoute = onlyOne('local', this.localRoute, route);
    this.named('local');
    return this;
  }

  /**
   * Bytes that would not parse, and requests that break the grammar. Without it a request that says whom to answer gets
   * 400, the rest nothing.
   */
  error(route: ErrorRoute): this {
    this.errorRoute = onlyOne('error', this.errorRoute, route);
    this.named('error');
    return this;
  }

  /** Before the first message of this generation; when it throws, the generation before it stays. */
  startup(route: StartupRoute): this {
    this.startups.push({ route, place: callingPlace() });
    return this;
  }

  /** Every so often, never two runs at once, until another generation takes over. */
  timer(everyMs: Millis, route: StartupRoute): this {
    if (!(typeof everyMs === 'number' && everyMs >= TIMER_MS_MIN && everyMs <= TIMER_MS_MAX))
      throw refused('a timer', `milliseconds from ${TIMER_MS_MIN} to ${TIMER_MS_MAX}`, everyMs);
    this.timers.push({ everyMs, route, place: callingPlace() });
    return this;
  }

  /** When something happens; see `Events`. */
  event<K extends EventName>(name: K, route: (event: Events[K]) => Awaitable<void>): this {
    const listener = route as EventListener<EventName>; // The name says which event it gets.
    this.events.push({ name, route: listener, place: callingPlace() });
    return this;
  }

  /** The global reply route; for the core. */
  get onReply(): ReplyRoute<V> | undefined {
    return this.replyRoute;
  }

  /** For the core. */
  get onLocal(): LocalRoute | undefined {
    return this.localRoute;
  }

  /** For the core. */
  get onError(): ErrorRoute | undefined {
    return this.errorRoute;
  }

  /** For the core: the methods that a route takes, as they stand in Allow. RFC 3261 §20.5 */
  get allow(): readonly string[] {
    if (this.routes.has(CATCH_ALL)) return servedMethods;
    return [...this.routes.keys()].filter((name) => name !== IN_DIALOG);
  }

  /** For the core: where the route of requests of that method, or within a dialog, was named. */
  placeOf(method: string, inDialog: boolean): SourceLine | undefined {
    if (inDialog) return this.places.get(IN_DIALOG);
    return this.places.get(this.routes.has(method) ? method : CATCH_ALL);
  }

  /** For the core: the same of a route beside those of requests. */
  placeOfOther(route: 'reply' | 'local' | 'error'): SourceLine | undefined {
    return this.places.get(route);
  }

  /** Runs the route for a request that begins something new. No route: 405 with Allow. RFC 3261 §8.2.1 */
  route(c: RequestContext<never>): Awaitable<RequestDecision> {
    const route = this.routes.get(c.method) ?? this.routes.get(CATCH_ALL);
    if (route !== undefined) return route(c);
    return { do: 'reply', status: 405, headers: [['Allow', this.allow.join(', ')]] };
  }

  /** Runs the route for a request within a dialog. */
  routeInDialog(c: RequestContext<never>): Awaitable<RequestDecision> {
    const route = this.routes.get(IN_DIALOG);
    return route === undefined ? c.follow() : route(c);
  }

  /**
   * The test door: runs the routes on one request and answers the decision. No network, no clock. A text may leave out
   * what the route does not look at; behind an empty line comes the body.
   */
  async decide(request: SipRequest | string): Promise<RequestDecision> {
    const req = typeof request === 'string' ? requestFromSketch(request) : request;
    const c = new RequestContext<never>({} as never, silentLogger, req, nowhere, () => {});
    try {
      return await (req.toTag === '' ? this.route(c) : this.routeInDialog(c));
    } catch (error) {
      if (error instanceof RouteError) return error.reply;
      throw error;
    }
  }

  private on(name: string, chain: unknown[]): this {
    const route = compose([...this.middlewares, ...chain] as unknown as Chain);
    this.routes.set(name, onlyOne(name, this.routes.get(name), route));
    this.named(name);
    return this;
  }

  private named(route: string): void {
    this.places.set(route, callingPlace());
  }
}

/** A second one would push the first one out, and nobody would be told. */
function onlyOne<R>(name: string, known: R | undefined, route: R): R {
  if (known === undefined) return route;
  throw new TandemError('SCRIPT_INVALID', `a second route for ${name}`, {
    hint: 'one route a method: let it call functions that decide',
  });
}

/** Middlewares in order, then the route. What stays synchronous costs no promise. */
function compose(chain: Chain): AnyRoute {
  const route = chain.at(-1) as AnyRoute;
  if (chain.length === 1) return route;
  const middlewares = chain.slice(0, -1) as AnyMiddleware[];
  const runFrom = (i: number, c: RequestContext<never>): Awaitable<RequestDecision> => {
    const middleware = middlewares[i];
    if (middleware === undefined) return route(c);
    return middleware(c, (add) => {
      if (add !== undefined) Object.assign(c.var as object, add);
      return runFrom(i + 1, c);
    });
  };
  return (c) => runFrom(0, c);
}

/** A script is a function from services to a router: typed, testable with fakes, reloadable. */
export type Script = (services: Services) => Router<never>;

/** Marks a script file's default export. */
export function script<V>(make: (services: Services) => Router<V>): Script {
  return make as unknown as Script; // The router's variables matter inside its own routes only.
}

/** `INVITE sip:bob@example.com SIP/2.0\nFrom: …`: what is missing of the mandatory fields is put in. */
function requestFromSketch(text: string): SipRequest {
  const [, head = '', body = ''] = /^\s*([^]*?)(?:\r?\n\r?\n([^]*))?$/.exec(text) ?? [];
  const [first = '', ...rest] = head.trimEnd().split(/\r?\n/);
  const method = first.split(' ')[0] ?? '';
  const has = (name: string): boolean =>
    rest.some((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  const defaults: [string, string][] = [
    ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsketch'],
    ['From', '<sip:caller@example.net>;tag=1'],
    ['To', `<${first.split(' ')[1] ?? ''}>`],
    ['Call-ID', 'sketch'],
    ['CSeq', `1 ${method}`],
  ];
  const missing = defaults.filter(([name]) => !has(name)).map(([name, value]) => `${name}: ${value}`);
  const message = parseMessage([first, ...rest, ...missing, '', body].join('\r\n'));
  if (message.kind !== 'request') throw new SipError('BAD_MESSAGE', 400, `not a request: ${first}`);
  return message;
}

const nowhere: Flow = {
  transport: 'udp',
  reliable: false,
  remote: new Endpoint('192.0.2.1', 5060),
  sentBy: '192.0.2.2:5060',
  open: true,
  toPort: () => nowhere,
  send: () => true,
  watch() {},
  unwatch() {},
};
