/** What a route may answer. Data: nothing happens until it is returned. */
import type { LocalApp } from '../agent/local-call.ts';
import type { Millis } from '../base/world.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import type { SipRequest } from '../sip/message.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';
import type { BranchRoute, FailureRoute, ReplyRoute } from './router.ts';

/** Now, or after a wait. */
export type Awaitable<T> = T | Promise<T>;

/** Answer it ourselves. */
export interface Reply {
  readonly do: 'reply';
  readonly status: number;
  readonly reason?: string | undefined;
  readonly headers?: readonly (readonly [string, string])[] | undefined;
  readonly body?: string | undefined;
}

/** Send it on along a plan, and bring the answer back. */
export interface Relay {
  readonly do: 'relay';
  readonly plan: Plan;
  // The variables' type is the route's own business: by here it has been checked.
  readonly options: RelayOptions<never>;
}

/** 302 with these contacts, and their `q` where it is known. */
export interface Redirect {
  readonly do: 'redirect';
  readonly to: readonly (Uri | Target)[];
}

/** Stateless: no transaction, no forking, no failure route. RFC 3261 §16.11. */
export interface Forward {
  readonly do: 'forward';
  readonly to: Hop;
}

/** Be the far end ourselves: an application answers the call. */
export interface Answer {
  readonly do: 'answer';
  readonly app: LocalApp;
  /** Edits what both sides say within the call, as `cleanReply` does what answers a relayed request. */
  readonly clean?: CleanMessage | undefined;
}

/** A part of ours takes the request and its transaction: a subscription that we notify of. */
export interface Serve {
  readonly do: 'serve';
  readonly serve: (server: ServerTransaction, request: SipRequest) => void;
}

/** Say nothing; for a branch or a reply: leave it out. */
export interface Drop {
  readonly do: 'drop';
}

/** Let it go on as it is. */
export interface Pass {
  readonly do: 'pass';
}

/** What a request route may answer. */
export type RequestDecision = Reply | Relay | Redirect | Forward | Answer | Serve | Drop;
/** What a failure route may answer. */
export type FailureDecision = Reply | Relay | Redirect | Answer | Pass;

/** How to relay, and the routes that come with it. */
export interface RelayOptions<V> {
  /**
   * Longest wait for the first reply. Default 5 s; less for a request that is no INVITE and has more than five targets
   * in turn. A target may say otherwise.
   */
  readonly replyMs?: Millis;
  /** Longest wait for the final reply. Default 30 s when another target follows, else timer C, 181 s. */
  readonly ringMs?: Millis;
  /** Whether we stay on the path of the dialog. Default: yes for requests that may begin one. */
  readonly recordRoute?: boolean;
  /**
   * For a REGISTER to another registrar: our Path goes in, so that calls for the phone come by us. With `require` a
   * phone that does not know of Path is told 421. RFC 3327 §5.2
   */
  readonly path?: boolean | 'require';
  /** Whether a failed branch moves a serial plan on. Default: any but 401, 407 and 6xx. */
  readonly advanceOn?: (end: { readonly status: number; readonly timedOut: boolean }) => boolean;
  /** Follow redirections, this many Contacts at most (`true`: 8). Default: the caller gets the 3xx. */
  readonly recurse?: boolean | number;
  /** Which Contacts are followed. Default: those that lead to us, where the script sees them anew. */
  readonly mayRecurse?: (uri: Uri) => boolean;
  /**
   * Edits each response before any reply route sees it, and a 2xx that comes late or again, which none sees. It is kept
   * as long as one may come: a function that all requests share, and that holds nothing of any.
   */
  readonly cleanReply?: CleanMessage;
  readonly onBranch?: BranchRoute<V>;
  readonly onReply?: ReplyRoute<V>;
  readonly onFailure?: FailureRoute<V>;
}

/** The one Drop there is. */
export const DROP: Drop = { do: 'drop' };
/** The one Pass there is. */
export const PASS: Pass = { do: 'pass' };
