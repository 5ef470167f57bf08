/** Rings along a plan: parallel parts at once, serial parts one after the other. */
import { refused } from '../base/options.ts';
import type { Millis } from '../base/world.ts';
import { BRANCHES_MAX } from '../sip/breadth.ts';
import { checkPrintable, checkUriText } from '../sip/checked-uri.ts';
import type { Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';

/** Whom to ring. A proxy's target serves as one. */
export interface Callee {
  readonly uri: Uri;
  readonly uriText?: string | undefined;
  /** Where it is reached, when that is not where `uri` lives. */
  readonly hop?: Hop | undefined;
  /** Route values to put on top: the Path it registered by. RFC 3327 */
  readonly path?: string | undefined;
  /** Somebody who registered chose it, see the proxy's target. */
  readonly isChosen?: boolean | undefined;
  /** Other flows of the same device, tried when this one is gone, and then only. RFC 5626 §7 */
  readonly others?: readonly Callee[] | undefined;
  readonly replyMs?: Millis | undefined;
  readonly ringMs?: Millis | undefined;
}

/** A proxy's plan serves as one. */
export type CalleePlan =
  | Callee
  | { readonly parallel: readonly CalleePlan[] }
  | { readonly serial: readonly CalleePlan[] };

/** Callees that one call may ring in all. */
export const CALLEES_MAX = BRANCHES_MAX;

/** What a callee's end means for those who come after. */
export type HuntStep = 'next' | 'stop';

/** Throws INVALID unless everybody in it can be rung. */
export function checkCallees(what: string, plan: CalleePlan): void {
  if (typeof plan !== 'object' || plan === null) throw refused(what, 'a URI or targets', plan);
  if ('parallel' in plan) plan.parallel.forEach((part) => checkCallees(what, part));
  else if ('serial' in plan) plan.serial.forEach((part) => checkCallees(what, part));
  else {
    checkPrintable(what, plan.uri);
    if (plan.uriText !== undefined) checkUriText(what, plan.uriText);
  }
}

/** Answers `next` when everybody was rung and nobody settled it. `ring` settles when its callee has ended. */
export async function hunt(plan: CalleePlan, ring: (callee: Callee) => Promise<HuntStep>): Promise<HuntStep> {
  if ('parallel' in plan) {
    const steps = await Promise.all(plan.parallel.map((part) => hunt(part, ring)));
    return steps.includes('stop') ? 'stop' : 'next';
  }
  if (!('serial' in plan)) return ring(plan);
  for (const part of plan.serial) if ((await hunt(part, ring)) === 'stop') return 'stop';
  return 'next';
}
