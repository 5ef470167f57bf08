/** What the routes of a script decided, one step after the other: for recorders, ladders and tests. */
import type { FailureDecision, RequestDecision } from './decision.ts';

/** The kinds of routes, and of questions that options of `relay` answer. */
export const ROUTE_KINDS = [
  'request',
  'in dialog',
  'branch',
  'reply',
  'failure',
  'local',
  'startup',
  'timer',
  'event',
  'error',
  'advanceOn',
  'mayRecurse',
] as const;

/** One of them. */
export type RouteKind = (typeof ROUTE_KINDS)[number];

/** One route ran for one request. */
export interface RouteStep {
  readonly route: RouteKind;
  readonly callId: string;
  readonly method: string;
  /** The script's generation. */
  readonly generation: number;
  /** `relay`, `reply 404`, `send`, `pass`, `throws`. */
  readonly decision: string;
  /** What the route was asked about: the branch's target, the reply's or the failure's status. */
  readonly about?: string | undefined;
  /** The line of the script that decided, `route.ts:12`, where it is known. */
  readonly at?: string | undefined;
}

/** Is told of each step as it is taken; must not throw. */
export type StepObserver = (step: RouteStep) => void;

/** Knows, for a watchdog in another thread, which route runs at the moment. */
export interface RouteMarks {
  enter(route: RouteKind, generation: number): void;
  leave(): void;
}

/** A decision in a word or two. */
export function nameOfDecision(decision: RequestDecision | FailureDecision): string {
  return decision.do === 'reply' ? `reply ${decision.status}` : decision.do;
}
