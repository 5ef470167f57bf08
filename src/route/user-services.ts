/** What scripts are given for people: who calls and what he may, who is called and what he wishes. */
import type { Plan } from '../proxy/plan.ts';
import type { Uri } from '../sip/uri.ts';
import type { RequestContext } from './context.ts';
import type { Awaitable, Relay, Reply } from './decision.ts';
import type { Middleware } from './router.ts';
import type { Caller } from './services.ts';

/** Why something may not be: `c.reply(why.status, why.reason)`. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

/** What a number is to whoever pays for the call. A right to the wider one holds for the narrower too. */
export type Right = 'local' | 'national' | 'international' | 'premium';

/** Who calls. */
export interface CallerService {
  /**
   * Finds out who calls. An address group that is named like an account stands for it; one named otherwise passes
   * without a caller, and so do strangers. Who claims one of our domains must prove it; in From he may put his own
   * address, an alias or a number of his.
   */
  known(): Middleware<{}, { caller: Caller | undefined }>;
  /**
   * Asserts the caller's own number (RFC 3325) and hides him as `Privacy` asks (RFC 3323): with `user` or `header` the
   * call is made of two legs. Stands after `auth.identity()`.
   */
  present(): Middleware<{ caller?: Caller | undefined }>;
  /** Whom he means: what a short number of his stands for, or what he dialled. */
  meant(caller: Caller, dialled: Uri): Uri;
  /** Why he may not call there: his rights, his own list, that of all. Emergency numbers he may always call. */
  objection(caller: Caller, dialled: Uri): Refusal | undefined;
  /** What this number is, as seen from a domain; undefined when it is no number of the world. */
  rightFor(dialled: Uri, domain: string): Right | undefined;
  /** Whether he, or everybody of his domain, is in this group. */
  isIn(group: string, caller: Caller): boolean;
}

/** Who is called: an account of ours, or a group that rings several. */
export interface Callee extends Caller {
  readonly group: boolean;
}

/** A request to ring for: that of a request route. */
export type Ringing = Pick<
  RequestContext<never>,
  'req' | 'callId' | 'from' | 'uri' | 'source' | 'reply' | 'relay'
>;

/** How somebody is rung. */
export interface RingOptions {
  /**
   * The way to a number or URI that is none of ours, when calls are sent there on behalf of one of our users, who pays;
   * undefined: there is none. Unless given, calls go to our own users alone.
   */
  readonly away?: (to: Uri, payer: Caller) => Awaitable<Plan | undefined>;
}

/** Who is called, and what he wishes. */
export interface CalleeService {
  /** Whom a Request-URI of ours names: an account, an alias, a number, a ring group. */
  find(dialled: Uri, domain?: string): Callee | undefined;
  /**
   * Rings him as he wishes: his list of callers, do not disturb, his limit, forwarding, the hours of each, several
   * phones, a ring group. Forwarding ends after five steps, and where it comes back to somebody.
   */
  ring(c: Ringing, callee: Callee, options?: RingOptions): Promise<Reply | Relay>;
}

/** How many calls somebody has at once. */
export interface LimitService {
  /**
   * Counts this call for a user and for his domain, until it ends: `calls_max` and `domain_calls_max` of
   * `preferences`. Answers why it may not be. An emergency call is counted, and always may be.
   */
  count(c: Pick<RequestContext<never>, 'req' | 'uri'>, user: Caller): Refusal | undefined;
  /** Calls that he has now. */
  callsOf(user: Caller): number;
}

/** The hours of a domain. */
export interface ScheduleService {
  /** Whether they are open now. Throws NOT_FOUND when the domain has none of that name. */
  isOpen(name: string, domain: string): boolean;
}
