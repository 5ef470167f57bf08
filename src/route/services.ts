/** What a script is given. The server passes the real ones, a test passes fakes. */
import type { B2bOptions } from '../agent/b2b.ts';
import type { ClientOutcome, ClientRequest } from '../agent/client.ts';
import type { CalleePlan } from '../agent/hunt.ts';
import type { LocalApp } from '../agent/local-call.ts';
import type { Clock, Logger, Millis } from '../base/world.ts';
import type { Target } from '../proxy/plan.ts';
import type { Uri } from '../sip/uri.ts';
import type { RequestContext } from './context.ts';
import type { Awaitable, Reply, Serve } from './decision.ts';
import type { Middleware } from './router.ts';
import type { CalleeService, CallerService, LimitService, ScheduleService } from './user-services.ts';

/** Somebody with credentials of ours. */
export interface Caller {
  readonly user: string;
  readonly domain: string;
}

/** Who is a trunk: by the address it comes from, by the certificate it has shown, or by both. */
export interface TrunkOptions {
  /** One of `[permissions] groups`. An address over UDP can be forged: best a network of your own. */
  readonly group?: string | undefined;
  /** Names of which its certificate proves one; `[tls] clients` asks for certificates. */
  readonly certificates?: readonly string[] | undefined;
}

/** A trunk, by its name, or somebody with credentials of ours. */
export type TrunkOrCaller =
  | { readonly trunk: string; readonly caller: undefined }
  | { readonly trunk: undefined; readonly caller: Caller };

/** Everything a script can use. */
export interface Services {
  readonly log: Logger;
  /** The time: `wall()` in milliseconds since 1970. In a town it is the town's. */
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  readonly domains: {
    /**
     * Whether a host is a domain or an address of ours, whatever the port beside it: what else listens on our machine
     * may believe our address, so nobody is led there by a Request-URI.
     */
    isLocal(host: string): boolean;
    /** `[sip] open_inbound`: strangers may call our users. */
    readonly openInbound: boolean;
  };
  readonly auth: {
    /** Challenges until the request proves whose it is: 401 for REGISTER, 407 otherwise. RFC 3261 §22 */
    digest(): Middleware<{}, { caller: Caller }>;
    /** The same, but only for a request whose From claims one of our domains; others pass without a caller. */
    digestIfOurs(): Middleware<{}, { caller: Caller | undefined }>;
    /**
     * Takes out what the sender may not claim of who calls, asserts to trusted peers what the caller has proved, and
     * keeps it from others when `Privacy: id` asks for that. `[trusted] peers`, RFC 3325. Stands after `digest`.
     */
    identity(): Middleware<{ caller?: Caller | undefined; trunk?: string | undefined }>;
    /** As `digest`, with the accounts that the servers of `[radius]` have. RFC 5090 */
    radius(): Middleware<{}, { caller: Caller }>;
    /** Challenges until a token of `[jwt]` proves whose the request is, and takes the token out. RFC 8898 */
    jwt(): Middleware<{}, { caller: Caller }>;
    /** Takes tokens out of a request that needs none, such as one within a dialog. */
    withoutTokens(): Middleware;
    /** Lets a trunk pass and challenges anybody else. Without options `[trusted] peers` are the trunks. */
    trunkOrDigest(trunk?: TrunkOptions): Middleware<{}, TrunkOrCaller>;
  };
  readonly location: {
    /** Changes the bindings as a REGISTER asks; with `[location] durable` answers after they are on disk. */
    save(c: RequestContext<never> | RequestContext<{}>): Awaitable<Reply>;
    /** Where an address-of-record can be reached now, best first; for a GRUU its one device. */
    lookup(aor: Uri): Promise<readonly Target[]>;
    /**
     * The same, and phones that sleep are woken: a target that is not there yet rings as soon as its phone has
     * registered, within `waitMs` (10 s unless given, 60 s at most). `contact.push` is told whom to wake. RFC 8599
     */
    wake(aor: Uri, waitMs?: Millis): Promise<readonly Target[]>;
    /** Answers a SUBSCRIBE for the event package `reg`: who asks is told when somebody registers. RFC 3680 */
    watch(c: RequestContext<never> | RequestContext<{}>): Reply | Serve;
  };
  readonly subscribers: {
    /** The account with this address; undefined when there is none. */
    find(aor: Uri): Caller | undefined;
  };
  /** Who calls, and what he may. */
  readonly callers: CallerService;
  /** Who is called, and what he wishes. */
  readonly callees: CalleeService;
  readonly limits: LimitService;
  readonly schedules: ScheduleService;
  readonly pools: PoolService;
  readonly numbers: NumberService;
  readonly permissions: PermissionService;
  readonly preferences: PreferenceService;
  readonly http: HttpService;
  readonly metrics: MetricService;
  /** Calls of two legs, for `c.answer`. */
  readonly b2b: {
    /** Rings along the plan and joins who answers with the caller; neither side sees how the other is routed. */
    to(plan: CalleePlan | Uri, options?: B2bOptions): LocalApp;
  };
  readonly agent: {
    /** Sends a request of our own and answers a challenge; never rejects. */
    ask(request: ClientRequest): Promise<ClientOutcome>;
  };
}

// ─── pools ────────────────────────────────────────────────────────────────────────────────────────

/**
 * How a pool orders its servers. `weight`: by turns, as often as each weighs; `least-calls`: fewest calls for its
 * weight; `most-free`: most free channels for its size; `hash-…`: the same key to the same server, and a server that
 * goes down moves its own keys only; `priority`: as they are written.
 */
export type PickName =
  | 'round-robin'
  | 'weight'
  | 'least-calls'
  | 'most-free'
  | 'hash-call-id'
  | 'hash-user'
  | 'hash-ip'
  | 'priority';

/** Where a server of a pool stands; only one that is `up` gets requests. */
export type ServerState = 'up' | 'probing' | 'down' | 'disabled';

/** One server, as it is written. */
export interface PoolServerOptions {
  readonly uri: string;
  /** Its share, from 1 to 1000; 1 unless given. */
  readonly weight?: number | undefined;
  /** Servers with a lower one are used when none with a higher one can be; 0 unless given. */
  readonly priority?: number | undefined;
  /** Channels a kind: `{ calls: 100, transcoding: 10 }`. Every call takes one of `calls`, if that has a limit. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
}

/** How servers are asked whether they live: OPTIONS at an interval. */
export interface ProbeOptions {
  readonly everyMs: Millis;
  /** A server that has not answered by then did not answer; 2 s. */
  readonly replyMs?: Millis | undefined;
  /** So many missing or bad answers in a row take it out; 3. */
  readonly downAfter?: number | undefined;
  /** So many good ones in a row bring it back; 2. */
  readonly upAfter?: number | undefined;
}

/** What a pool is made of. */
export interface PoolOptions {
  readonly servers: readonly (string | PoolServerOptions)[];
  /** `weight` unless given. */
  readonly pick?: PickName | undefined;
  /** Unless given nobody is asked: a server that was marked down comes back after `restMs`. */
  readonly probe?: ProbeOptions | undefined;
  readonly restMs?: Millis | undefined;
  /** A call whose end is never seen gives its channels back after so long; 4 h. */
  readonly callMs?: Millis | undefined;
  /** `host`: the Request-URI names the server. `keep`: it stays as it is, and only the way leads to the server. */
  readonly requestUri?: 'host' | 'keep' | undefined;
}

/** Servers that do the same, and what is known of their health and load. */
export interface Pool {
  readonly name: string;
  /** How many servers get requests now. */
  readonly up: number;
  /** Calls that go on, over all its servers. */
  readonly calls: number;
  /**
   * The servers for this request, best first, at most so many: targets for `serial`. A call is counted from the moment
   * its branch is sent until it ends, at the server that it went to. `needs`: kinds of channels that it takes.
   */
  pick(c: PickSubject, most?: number, needs?: readonly string[]): readonly Target[];
  /** Takes the server of a target out, as if its probes had failed. */
  markDown(target: Target): void;
}

/** What a server is chosen by: any request context, and any failure context. */
export type PickSubject = Pick<RequestContext<never>, 'callId' | 'from' | 'uri' | 'source'>;

/** Spreading requests over servers. They outlive a reload: what a script opens again keeps its health and its calls. */
export interface PoolService {
  /** Throws when `[trunk] pools` has one of that name. */
  open(name: string, options: PoolOptions): Pool;
  /** One that `[trunk] pools` defines. Throws when there is none. */
  get(name: string): Pool;
}

// ─── numbers, permissions, preferences ────────────────────────────────────────────────────────────

/** What was dialled, by the rules of `[numbers]`. Only these rules: no country's numbering plan is known. */
export interface NumberService {
  /** `+4930123456` of what somebody in that domain dialled; undefined when it is no number of the world. */
  e164(dialled: Uri, domain?: string): string | undefined;
  isEmergency(dialled: Uri, domain?: string): boolean;
  isShortCode(dialled: Uri, domain?: string): boolean;
}

/** Who may what by his address: `[permissions] groups`. */
export interface PermissionService {
  /** Whether the request came from an address of this group. */
  isIn(group: string, c: Pick<RequestContext<never>, 'source'>): boolean;
  /** The group of the narrowest network that holds the address it came from. */
  groupOf(c: Pick<RequestContext<never>, 'source'>): string | undefined;
}

/** What is known of a user beside his account. What a user has not, his domain may have. */
export interface PreferenceService {
  get(aor: Uri, name: string): string | undefined;
  /** Whether it is `1`, `true`, `yes` or `on`. */
  isSet(aor: Uri, name: string): boolean;
  /** An address without a user means the whole domain. */
  set(aor: Uri, name: string, value: string): void;
  remove(aor: Uri, name: string): void;
}

// ─── http, metrics ────────────────────────────────────────────────────────────────────────────────

/** How a script asks another server. */
export interface HttpOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** The longest wait for the whole answer; `[http] timeout_ms` unless given. */
  readonly timeMs?: Millis | undefined;
}

/** What it answered. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** HTTP with a limit on everything. Rejects with HTTP_FAILED; a status of 400 and more is an answer. */
export interface HttpService {
  fetch(url: string, options?: HttpOptions): Promise<HttpAnswer>;
}

/** Counts that only grow. */
export interface Counter {
  add(amount?: number): void;
}

/** A value that goes up and down. */
export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
}

/** How values are spread. */
export interface Histogram {
  observe(value: number): void;
}

/** Figures of a script, shown beside ours. The same name and labels give the same one, also after a reload. */
export interface MetricService {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>): Gauge;
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
}
