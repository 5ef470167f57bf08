/** What the routes of a script decided, one step after the other: for recorders, ladders and tests. */
import type { Plan } from '../proxy/plan.ts';
import type { FailureDecision, RequestDecision } from './decision.ts';
import type { Uri } from '../sip/uri.ts';
import type { CallMark } from './steps-ring.ts';
import { printPlainUri } from './steps-texts.ts';

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
  /** Where the decision leads: the targets of a relay; what a route threw. */
  readonly leads?: string | undefined;
  /** The line of the script that decided, `route.ts:12`, where it is known; `~route.ts:12`: that of others like it. */
  readonly at?: string | undefined;
  /** For the core: `about` and `leads` where they are one URI, so that only who shows them makes texts of them. */
  readonly aboutUri?: Uri | undefined;
  readonly leadsUri?: Uri | undefined;
}

/** A step as the core tells it. */
export class TakenStep implements RouteStep {
  readonly route: RouteKind;
  readonly callId: string;
  readonly method: string;
  readonly generation: number;
  readonly decision: string;
  readonly at: string | undefined;
  readonly aboutUri: Uri | undefined;
  readonly leadsUri: Uri | undefined;
  private readonly aboutText: string | undefined;
  private readonly leadsText: string | undefined;

  constructor(
    route: RouteKind,
    { callId, method, line }: RouteSubject & { readonly line?: string | undefined },
    generation: number,
    decision: string,
    about?: string | Uri,
    leads?: string | Uri,
  ) {
    this.route = route;
    this.callId = callId;
    this.method = method;
    this.generation = generation;
    this.decision = decision;
    this.at = line;
    this.aboutUri = typeof about === 'object' ? about : undefined;
    this.leadsUri = typeof leads === 'object' ? leads : undefined;
    this.aboutText = typeof about === 'string' ? about : undefined;
    this.leadsText = typeof leads === 'string' ? leads : undefined;
  }

  get about(): string | undefined {
    return this.aboutUri === undefined ? this.aboutText : printPlainUri(this.aboutUri);
  }

  get leads(): string | undefined {
    return this.leadsUri === undefined ? this.leadsText : printPlainUri(this.leadsUri);
  }
}

/** Is told of each step as it is taken; must not throw. */
export type StepObserver = (step: RouteStep, subject?: RouteSubject) => void;

/** The request that a route runs for; timers, events and startup have none. */
export interface RouteSubject {
  readonly callId: string;
  readonly method: string;
  /** Left there by a recorder, so that each request is hashed once. */
  callMark?: CallMark | undefined;
}

/** Knows which route runs at the moment: for a watchdog in another thread, and for recorders. */
export interface RouteMarks {
  enter(route: RouteKind, generation: number, subject?: RouteSubject): void;
  leave(): void;
}

/** Finds the line of the script that asks a context for this decision; `mark`: see steps-lines.ts. */
export type LineFinder = (decision: string, status: number, mark: number) => string | undefined;

/** Where a decision leads: the targets of a plan, `sip:a@b + sip:c@d, then sip:e@f`. */
export function aboutDecision(decision: RequestDecision | FailureDecision): string | undefined {
  if (decision.do === 'relay') return printPlan(decision.plan);
  if (decision.do === 'redirect')
    return decision.to.map((to) => printPlainUri('uri' in to ? to.uri : to)).join(', ');
  return decision.do === 'answer' ? decision.app.name : undefined;
}

/** The same for a step: of one target its URI. */
export function leadsOf(decision: RequestDecision | FailureDecision): string | Uri | undefined {
  return decision.do === 'relay' && 'uri' in decision.plan ? decision.plan.uri : aboutDecision(decision);
}

/** Those of a parallel part with `+`, those of a serial one with `then`; a parallel part within in brackets. */
function printPlan(plan: Plan): string {
  if ('parallel' in plan) return plan.parallel.map((part) => within(part)).join(' + ');
  if ('serial' in plan) return plan.serial.map((part) => within(part)).join(', then ');
  return printPlainUri(plan.uri);
}

function within(part: Plan): string {
  const text = printPlan(part);
  const isOne = 'uri' in part || ('parallel' in part ? part.parallel : part.serial).length < 2;
  return isOne ? text : `(${text})`;
}

/** A decision in a word or two. */
export function nameOfDecision(decision: RequestDecision | FailureDecision): string {
  return decision.do === 'reply' ? `reply ${decision.status}` : decision.do;
}
