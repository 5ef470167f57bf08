/** Whom to ring, and in which order: a fork as data. RFC 3261 §16.6. */
import type { Millis } from '../base/world.ts';
import { groupsByQ } from '../sip/redirection.ts';
import type { Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';

/** One branch's destination. */
export interface Target {
  readonly uri: Uri;
  /** The URI as text, when it is at hand: saves printing it. */
  readonly uriText?: string;
  /** Where to send it, when that is not where `uri` resolves: the far side of a NAT, an outbound proxy. */
  readonly hop?: Hop | undefined;
  /** Somebody who registered chose it: no name leads it to a server that takes calls at our expense. */
  readonly isChosen?: boolean | undefined;
  /** Route values to put on top: the Path it registered by. RFC 3327. */
  readonly path?: string | undefined;
  /** 0 to 1. RFC 3261 §20.10. */
  readonly q?: number | undefined;
  /** It is reached by its flow alone: requests within the dialog go by that one too. RFC 5626 */
  readonly bound?: boolean | undefined;
  /** A flow token of ours, and no other way will do: see `pathTarget`. RFC 5626 §5.3 */
  readonly flowToken?: string | undefined;
  /** Other flows of the same device, tried when this one is gone, and then only. RFC 5626 §7 */
  readonly others?: readonly Target[] | undefined;
  /** Nobody is there yet: the branch waits, and what comes takes its place; undefined when nobody came. RFC 8599 */
  readonly late?: Promise<Plan | undefined> | undefined;
  /** Its branch begins so much later than its part of the plan does. */
  readonly waitMs?: Millis | undefined;
  readonly replyMs?: Millis | undefined;
  readonly ringMs?: Millis | undefined;
}

/** A fork of any depth: `serial(parallel(desk, mobile), home)`. */
export type Plan = Target | { readonly parallel: readonly Plan[] } | { readonly serial: readonly Plan[] };

/** All at once. */
export function parallel(...plans: Plan[]): Plan {
  return { parallel: plans };
}

/** One after the other, as long as they fail. */
export function serial(...plans: Plan[]): Plan {
  return { serial: plans };
}

/** Equal q ring together, lower q after them. RFC 3261 §16.6. */
export function byPreference(targets: readonly Target[]): Plan {
  if (targets.length === 1) return targets[0]!;
  const ordered = groupsByQ(targets).map((group) => parallel(...group));
  return ordered.length === 1 ? ordered[0]! : serial(...ordered);
}
