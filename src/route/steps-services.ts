/**
 * The services of a script, with somebody who takes down what they are asked and what they answer. Made once for a
 * generation; a service that is asked outside a request (while the script starts, by a timer) is not taken down.
 */
import type { Millis } from '../base/world.ts';
import type { Awaitable, RequestDecision } from './decision.ts';
import type { Middleware, Next } from './router.ts';
import type { Pool, Services } from './services.ts';
import {
  isUri,
  type Openness,
  opennessOf,
  printInputs,
  printThrown,
  printValue,
  Text,
} from './steps-texts.ts';

/** One service, as it is taken down. */
export interface ObservedService extends Openness {
  /** `location.lookup` */
  readonly name: string;
}

/** Who takes it down. */
export interface ServiceObserver {
  /** Whether the code that runs now belongs to a request. */
  readonly listens: boolean;
  now(): Millis;
  /** `tookMs`: how long the answer was waited for; undefined when it was there at once. */
  served(
    service: ObservedService,
    asked: readonly unknown[],
    result: unknown,
    tookMs: Millis | undefined,
  ): void;
  /** What a service rejects a promise with. */
  told(error: unknown): void;
}

type AnyMethod = (...inputs: readonly unknown[]) => unknown;
type AnyMiddleware = (c: never, next: Next<object>) => Awaitable<RequestDecision>;

/** Asked all the time, and their answers explain nothing. */
const UNSEEN = new Set(['clock', 'metrics']);
/** What a middleware is asked, and what cannot be told. */
const NOTHING: readonly unknown[] = [];

/** Takes nothing down: `told` alone is told. */
export function deafObserver(told: (error: unknown) => void): ServiceObserver {
  return { listens: false, now: () => 0, served() {}, told };
}

/** The same services, observed. */
export function observedServices(services: Services, observer: ServiceObserver): Services {
  const entries = Object.entries(services).map(([name, group]: [string, object]) => [
    name,
    UNSEEN.has(name) ? group : observedGroup(name, group, observer),
  ]);
  return Object.fromEntries(entries) as unknown as Services; // Every group has the members that it had.
}

/** What has the same members; what is no method is read from the group itself, which may change. */
function observedGroup(name: string, group: object, observer: ServiceObserver): object {
  const observed = {};
  for (const member of membersOf(group)) {
    const value: unknown = Reflect.get(group, member);
    const service = `${name}.${member}`;
    if (typeof value !== 'function') {
      Object.defineProperty(observed, member, {
        enumerable: true,
        get: (): unknown => Reflect.get(group, member),
      });
      continue;
    }
    const method = value.bind(group) as AnyMethod;
    Reflect.set(observed, member, observedMember(name, service, method, observer));
  }
  return observed;
}

function observedMember(
  group: string,
  service: string,
  method: AnyMethod,
  observer: ServiceObserver,
): AnyMethod {
  if (group === 'pools') return (...inputs) => observedPool(method(...inputs), observer);
  return observedMethod(serviceOf(service), method, observer);
}

function serviceOf(name: string): ObservedService {
  return { name, ...opennessOf(name) };
}

/** The same service, whose inputs or result are texts that may be seen. */
function opened(service: ObservedService, shown: Partial<Openness>): ObservedService {
  return { ...service, ...shown };
}

/** Own members and inherited ones, private fields of our classes too: they are as they were for whoever looks. */
function membersOf(group: object): ReadonlySet<string> {
  const members = new Set<string>();
  for (let at: object = group; at !== Object.prototype && at !== null; at = Object.getPrototypeOf(at)) {
    for (const member of Object.getOwnPropertyNames(at)) members.add(member);
  }
  members.delete('constructor');
  return members;
}

function observedMethod(service: ObservedService, method: AnyMethod, observer: ServiceObserver): AnyMethod {
  const thrown = opened(service, { result: 'text' });
  const kept = opened(service, { inputs: 'text' });
  return (...inputs) => {
    if (!observer.listens) return unseen(service.name, method(...inputs), observer);
    let result: unknown;
    try {
      result = method(...inputs);
    } catch (error) {
      observer.served(thrown, inputs, printThrown(error), undefined);
      throw error;
    }
    if (result instanceof Promise)
      return observedPromise(kept, keptInputs(inputs, service), result, observer);
    observer.served(service, inputs, result, undefined);
    return result;
  };
}

/** Until it is answered a script may change what it gave: that is printed now. A URI nobody changes. */
function keptInputs(inputs: readonly unknown[], { inputs: shown }: Openness): readonly unknown[] {
  try {
    if (inputs.length === 1 && isUri(inputs[0])) return inputs;
    const asked = new Text();
    printInputs(inputs, shown, asked);
    return [asked.text];
  } catch {
    return NOTHING; // See StepRecorder.served.
  }
}

function observedPromise(
  service: ObservedService,
  asked: readonly unknown[],
  answer: Promise<unknown>,
  observer: ServiceObserver,
): Promise<unknown> {
  const since = observer.now();
  return answer.then(
    (result) => {
      observer.served(service, asked, result, observer.now() - since);
      return result;
    },
    (error: unknown) => {
      const thrown = opened(service, { result: 'text' });
      observer.served(thrown, asked, printThrown(error), observer.now() - since);
      observer.told(error);
      throw error;
    },
  );
}

/** Nothing of it is taken down, but what it fails with. */
function unseen(service: string, made: unknown, observer: ServiceObserver): unknown {
  if (!(made instanceof Promise)) return observedMiddleware(service, made, observer);
  return made.catch((error: unknown) => {
    observer.told(error);
    throw error;
  });
}

/**
 * What a service makes while the script starts may be a middleware. One that goes on is taken down before what comes
 * after it, one that decides itself when it has.
 */
function observedMiddleware(service: string, made: unknown, observer: ServiceObserver): unknown {
  if (typeof made !== 'function') return made;
  const middleware = made as AnyMiddleware; // Services make no other functions.
  const decides: ObservedService = { name: service, inputs: 'hidden', result: 'hidden' };
  const goesOn = opened(decides, { result: 'text' });
  const observed: Middleware<{}, object> = (c, next) => {
    if (!observer.listens) return middleware(c as never, next);
    const since = observer.now();
    let wentOn = false;
    const decision = middleware(c as never, (add?: object) => {
      wentOn = true;
      observer.served(goesOn, NOTHING, learned(add), waited(observer.now() - since));
      return next(add ?? {});
    });
    if (wentOn) return decision;
    if (decision instanceof Promise) return decided(decides, decision, observer, since, () => wentOn);
    observer.served(decides, NOTHING, decision, undefined);
    return decision;
  };
  return observed;
}

async function decided(
  service: ObservedService,
  decision: Promise<RequestDecision>,
  observer: ServiceObserver,
  since: Millis,
  wentOn: () => boolean,
): Promise<RequestDecision> {
  const made = await decision;
  if (wentOn()) return made;
  observer.served(service, NOTHING, made, observer.now() - since);
  return made;
}

function learned(add: object | undefined): string {
  if (add === undefined) return 'goes on';
  return 'caller' in add ? printValue(add.caller, 'hidden') : 'goes on';
}

function waited(ms: Millis): Millis | undefined {
  return ms > 0 ? ms : undefined;
}

function observedPool(made: unknown, observer: ServiceObserver): Pool {
  const pool = made as Pool; // What `pools` answers.
  const { name } = pool;
  const named = observerOf(name, observer);
  const observed = (service: string, method: AnyMethod): AnyMethod =>
    observedMethod(serviceOf(service), method, named);
  return {
    name,
    get up() {
      return pool.up;
    },
    get calls() {
      return pool.calls;
    },
    pick: observed('pool.pick', pool.pick.bind(pool) as AnyMethod) as Pool['pick'],
    markDown: observed('pool.markDown', pool.markDown.bind(pool) as AnyMethod) as Pool['markDown'],
  };
}

/** What is asked of it stands behind its name: a script may have several. */
function observerOf(name: string, observer: ServiceObserver): ServiceObserver {
  return {
    get listens() {
      return observer.listens;
    },
    now: () => observer.now(),
    served: (service, asked, ...rest) => observer.served(service, [name, ...asked], ...rest),
    told: (error) => observer.told(error),
  };
}
