/**
 * How long a target may be silent. An INVITE has a caller who hears it ring, and who gives up when he likes. Whoever
 * sends another request hears nothing, and has given up by himself after 32 s, timer F: by then the last target must
 * have been tried. RFC 3261 §17.1.2.2
 */
import type { Millis } from '../base/world.ts';
import { T1 } from '../transaction/timers.ts';
import type { Branch } from './branch.ts';
import type { Plan } from './plan.ts';
import type { RelayOptions } from './relay-options.ts';

/** How long a target may be silent before it counts as dead, unless the script says otherwise. */
export const REPLY_MS = 5_000;
/** What all targets of a request that is no INVITE have together: the rest of timer F is for routes that wait. */
export const ALL_REPLIES_MS = 25_000;
/** Few different delays, so that few rings hold them: see timers.ts. */
const STEP_MS = 100;

/** For each target of this plan the same share of what earlier relays of the request have left over. */
export function replyShare(plan: Plan, spentMs: Millis): Millis {
  const share = (ALL_REPLIES_MS - spentMs) / Math.max(1, stepsOf(plan));
  return Math.min(REPLY_MS, Math.max(T1, Math.floor(share / STEP_MS) * STEP_MS));
}

/** Whether a silent target of a request that is no INVITE has a time: something follows it, or the script says so. */
export function mayBeGivenUp(branch: Branch, options: RelayOptions): boolean {
  return isFollowed(branch, options) || (branch.target.replyMs ?? options.replyMs) !== undefined;
}

/** Whether giving it up leads somewhere: to another target, or to a failure route. */
export function isFollowed({ isLast, target: { others = [] } }: Branch, { hooks }: RelayOptions): boolean {
  return !isLast || others.length > 0 || hooks.failed !== undefined;
}

/** How many targets are tried one after the other. */
function stepsOf(plan: Plan): number {
  if ('serial' in plan) return plan.serial.reduce((sum, part) => sum + stepsOf(part), 0);
  if ('parallel' in plan) return Math.max(0, ...plan.parallel.map((part) => stepsOf(part)));
  return 1;
}
