/** Max-Breadth: how many branches a request may have at one time, all proxies together. RFC 5393 §5. */
import { MAX_BREADTH } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { BRANCHES_MAX, type Plan } from './plan.ts';

/** Taken when the request does not say. RFC 5393 §5.3.3.1. */
const MAX_BREADTH_DEFAULT = 60;

/** What the request says; undefined when it says nothing. */
export function maxBreadth(request: SipRequest): number | undefined {
  const value = request.headers.raw(MAX_BREADTH);
  return value === undefined ? undefined : Number.parseInt(value, 10) || 0;
}

/** Branches of a plan that are open at the same time. */
export function widthOf(plan: Plan): number {
  if ('parallel' in plan) return plan.parallel.reduce((sum, part) => sum + widthOf(part), 0);
  if ('serial' in plan) return plan.serial.reduce((widest, part) => Math.max(widest, widthOf(part)), 0);
  return 1;
}

/**
 * What each branch may have of the breadth: undefined when the header field need not change, 0 when there is not
 * enough for every branch (440).
 */
export function breadthShare(plan: Plan, breadth: number | undefined): number | undefined {
  const width = 'uri' in plan ? 1 : Math.min(widthOf(plan), BRANCHES_MAX);
  if (width <= 1) return breadth === 0 ? 0 : undefined;
  return Math.floor((breadth ?? MAX_BREADTH_DEFAULT) / width);
}
