/** Max-Breadth: how many branches a request may have at one time, all proxies together. RFC 5393 §5. */
import { MAX_BREADTH } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { isDigit } from '../sip/scan.ts';
import { BRANCHES_MAX, type Plan } from './plan.ts';

/** Taken when the request does not say. RFC 5393 §5.3.3.1. */
const MAX_BREADTH_DEFAULT = 60;
/** More is believed of nobody, and could not be printed. */
const MAX_BREADTH_MAX = 0x7fffffff;

/** What the request says, 0 when that is no number; undefined when it says nothing. */
export function maxBreadth(request: SipRequest): number | undefined {
  const value = request.headers.raw(MAX_BREADTH);
  if (value === undefined) return undefined;
  let breadth = 0;
  for (let at = 0; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (!isDigit(c)) return 0;
    breadth = Math.min(breadth * 10 + c - 48, MAX_BREADTH_MAX);
  }
  return breadth;
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
