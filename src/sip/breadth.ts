/** Max-Breadth: how many branches a request may have at one time, all proxies together. RFC 5393 §5. */
import { MAX_BREADTH } from './header-table.ts';
import type { SipRequest } from './message.ts';
import { isDigit } from './scan.ts';
import type { Uri } from './uri.ts';

/**
 * Taken when the request does not say, and whenever it says more: who asks must not choose how much we send for him.
 * RFC 5393 §5.3.3.
 * Departs from RFC 5393 §5.3.3 because a request that is not forked goes on without the field when it came without:
 * where it is forked later it counts the same, and most messages would be longer for nothing.
 */
export const MAX_BREADTH_MOST = 60;
/** What is read of a number that is longer. */
const READ_MAX = 0x7fffffff;

/** Branches that one request may have in all. */
export const BRANCHES_MAX = 32;

/** A fork of any depth, of whatever is rung. */
type Fork =
  | { readonly uri: Uri }
  | { readonly parallel: readonly Fork[] }
  | { readonly serial: readonly Fork[] };

/** What the request says, 0 when that is no number; undefined when it says nothing. */
export function maxBreadth(request: SipRequest): number | undefined {
  const value = request.headers.raw(MAX_BREADTH);
  if (value === undefined) return undefined;
  let breadth = 0;
  for (let at = 0; at < value.length; at++) {
    const c = value.charCodeAt(at);
    if (!isDigit(c)) return 0;
    breadth = Math.min(breadth * 10 + c - 48, READ_MAX);
  }
  return breadth;
}

/** Branches of a plan that are open at the same time. */
export function widthOf(plan: Fork): number {
  if ('parallel' in plan) return plan.parallel.reduce((sum, part) => sum + widthOf(part), 0);
  if ('serial' in plan) return plan.serial.reduce((widest, part) => Math.max(widest, widthOf(part)), 0);
  return 1;
}

/**
 * What each branch may have of the breadth: undefined when the header field need not change, 0 when there is not
 * enough for every branch (440).
 */
export function breadthShare(plan: Fork, breadth: number | undefined): number | undefined {
  const width = 'uri' in plan ? 1 : Math.min(widthOf(plan), BRANCHES_MAX);
  const most = Math.min(breadth ?? MAX_BREADTH_MOST, MAX_BREADTH_MOST);
  if (width > 1) return Math.floor(most / width);
  return most === 0 || (breadth !== undefined && most < breadth) ? most : undefined;
}
