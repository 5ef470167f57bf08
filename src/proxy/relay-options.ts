/** What whoever relays a request may set, see and change. */
import type { Millis } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { DialogFlow } from './flow-routes.ts';
import type { RouteView } from './loose-route.ts';
import type { Target } from './plan.ts';
import type { RecursionOptions } from './recursion.ts';
import type { ResponseContext } from './response-context.ts';
import type { RouteMark } from './route-signer.ts';

/** How a branch ended. */
export interface BranchEnd {
  readonly target: Target;
  readonly status: number;
  readonly timedOut: boolean;
  /** Where a 300, 301 or 302 leads, for a failure route: targets with their `q`. Nobody has checked who they are. */
  readonly contacts?: readonly Target[] | undefined;
}

/** What the whole plan came to. */
export interface PlanFailure {
  readonly status: number;
  readonly timedOut: boolean;
  readonly ends: readonly BranchEnd[];
}

/** Who brought the final answer about: the caller by giving up, the callee by a response, or we. */
export type Finisher = 'caller' | 'callee' | 'us';

/** What whoever relays wants to see and change on the way. None of these waits. */
export interface RelayHooks {
  /**
   * A branch is about to be made. It sees no request, so that none is copied for it. False passes the target over, for
   * want of room there: 503 when that is all that can be said.
   */
  readonly opens?: ((target: Target) => boolean) | undefined;
  /** A branch is ready; edits reach it alone. False: skip it. */
  readonly branch?: ((request: SipRequest, target: Target, index: number) => boolean) | undefined;
  /** A response came. False drops it, if it is a 1xx. */
  readonly reply?: ((response: SipResponse, target: Target) => boolean) | undefined;
  /** A branch has failed with this status, by whomever it was said; after `reply`, where there was one. */
  readonly ended?: ((target: Target, status: number) => void) | undefined;
  /** The plan failed and the caller still waits. Whoever takes this calls `pass`, or answers another way. */
  readonly failed?: ((failure: PlanFailure, context: ResponseContext) => void) | undefined;
  /** A final response goes to the caller. */
  readonly finished?: ((status: number, by: Finisher) => void) | undefined;
}

/** How a request is relayed. */
export interface RelayOptions {
  readonly replyMs?: Millis | undefined;
  readonly ringMs?: Millis | undefined;
  readonly recordRoute: boolean;
  /** Whether our Path goes into a REGISTER for another registrar. RFC 3327 */
  readonly path?: boolean | undefined;
  readonly advanceOn?:
    | ((end: { readonly status: number; readonly timedOut: boolean }) => boolean)
    | undefined;
  /** The number of the call's record, 0 for none. */
  readonly call: number;
  /** It came with a sips Request-URI: by TLS alone does it go on, whatever a script made of that URI. RFC 5630 §5.3 */
  readonly isSips?: boolean | undefined;
  /** `loopHash` of the request as it came, before any edit. */
  readonly loopMark: number;
  /** The request's Route values, when they were looked at already; let go of when the request is. */
  route?: RouteView | undefined;
  /** The relay whose failure route goes on with this one; let go of as soon as it was looked at. */
  earlier?: ResponseContext | undefined;
  /** How the other side of the dialog is reached, when only its flow leads there. */
  readonly bound?: DialogFlow | undefined;
  /** A target refresh within a dialog, by whom: its 2xx may move both sides. RFC 3261 §12.2 */
  readonly refreshes?: RouteMark | undefined;
  /** Whether redirections are followed; passed to the caller unless told. */
  readonly recurse?: RecursionOptions | undefined;
  /** What each response goes through before a hook sees it, also a 2xx that comes too late for any hook. */
  readonly cleanReply?: CleanMessage | undefined;
  /** What whoever is told of the ends of branches has left with the request, so that it need not look for its call. */
  readonly callMark?: object | undefined;
  readonly hooks: RelayHooks;
}
