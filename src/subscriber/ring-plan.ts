/** Whom a call to somebody rings: his phones, or those of the members of his group. */
import type { Millis } from '../base/world.ts';
import { byPreference, type Plan, type Target } from '../proxy/plan.ts';
import { BRANCHES_MAX } from '../sip/breadth.ts';
import type { Callee, RingOptions } from '../route/user-services.ts';
import { NO_PARAMS } from '../sip/uri.ts';
import type { RingStrategy } from '../store/schema-services.ts';
import type { Callees } from './callees.ts';
import { targetUri } from './field.ts';
import type { RingMember } from './kinds-of-domains.ts';

/** Groups that one call may ring, those within groups counted; each of them once. */
export const GROUPS_MAX = 8;
/** Members of one group that ring; a call has no more branches in all. */
export const MEMBERS_MAX = BRANCHES_MAX;
/** Groups whose turn is remembered; beyond them turns begin anew. */
export const TURNS_MAX = 100_000;

/** A plan, and how long each of its steps rings. */
export interface FoundPlan {
  readonly plan: Plan;
  readonly ringMs?: Millis | undefined;
}

/** Undefined when nobody is there. */
export async function planOf(
  callees: Callees,
  callee: Callee,
  options: RingOptions,
  rung: Set<string> = new Set(),
): Promise<FoundPlan | undefined> {
  if (!callee.group) {
    const plan = await phonesOf(callees, callee);
    return plan && { plan };
  }
  const { ringGroups, ringMembers } = callees.parts.provisions;
  const group = ringGroups.get(`${callee.user}\t${callee.domain}`);
  if (group === undefined || rung.has(group.group) || rung.size >= GROUPS_MAX) return undefined;
  rung.add(group.group);
  const inOrder = ringMembers.ofOwner(group.group).toSorted((a, b) => a.position - b.position);
  const members = inOrder.slice(0, MEMBERS_MAX);
  const plans = await Promise.all(
    members.map((member) => planOfMember(callees, callee, member, options, rung)),
  );
  const there = members.flatMap((member, place) => {
    const plan = plans[place];
    return plan === undefined ? [] : [{ position: member.position, plan }];
  });
  if (there.length === 0) return undefined;
  const turn = group.strategy === 'rotate' ? nextTurn(callees.parts.turns, group.group) : 0;
  return { plan: arranged(group.strategy, there, turn), ringMs: group.ringMs };
}

interface Placed {
  readonly position: number;
  readonly plan: Plan;
}

/** All at once; or step by step, those of one position together, beginning with the next in turn. */
function arranged(strategy: RingStrategy, there: readonly Placed[], turn: number): Plan {
  if (strategy === 'all') return joined(there.map(({ plan }) => plan));
  const positions = [...new Set(there.map(({ position }) => position))];
  const steps = positions.map((position) =>
    joined(there.filter((one) => one.position === position).map(({ plan }) => plan)),
  );
  const first = turn % steps.length;
  const [only, ...more] = [...steps.slice(first), ...steps.slice(0, first)];
  return more.length === 0 && only !== undefined ? only : { serial: [only, ...more].filter(isThere) };
}

function joined(plans: readonly Plan[]): Plan {
  const [only, ...more] = plans;
  return more.length === 0 && only !== undefined ? only : { parallel: plans };
}

function isThere(plan: Plan | undefined): plan is Plan {
  return plan !== undefined;
}

function nextTurn(turns: Map<string, number>, group: string): number {
  const turn = turns.get(group) ?? 0;
  if (turns.size >= TURNS_MAX && !turns.has(group)) turns.clear();
  turns.set(group, (turn + 1) % Number.MAX_SAFE_INTEGER);
  return turn;
}

/** An account of ours rings with all his phones; his own forwarding is for calls to himself. */
async function planOfMember(
  callees: Callees,
  group: Callee,
  { member, ringMs, delayMs }: RingMember,
  options: RingOptions,
  rung: Set<string>,
): Promise<Plan | undefined> {
  const uri = targetUri(member, group.domain);
  if (uri === undefined) return undefined;
  const found = callees.find(uri, group.domain);
  if (found === undefined) {
    if (callees.parts.callers.objection(group, uri) !== undefined) return undefined;
    const plan = await options.away?.(uri, group);
    return plan && delayed(ringing(plan, ringMs), delayMs);
  }
  const isItself = found.user === group.user && found.domain === group.domain;
  if (!isItself && found.group) {
    const within = (await planOf(callees, found, options, rung))?.plan;
    return within && delayed(within, delayMs);
  }
  const plan = isLeftAlone(callees, found) ? undefined : await phonesOf(callees, found);
  return plan && delayed(ringing(plan, ringMs), delayMs);
}

function isLeftAlone({ parts }: Callees, { user, domain }: Callee): boolean {
  const said = parts.provisions.preference(user, domain, 'dnd')?.toLowerCase();
  return said === '1' || said === 'true' || said === 'yes' || said === 'on';
}

async function phonesOf({ parts }: Callees, { user, domain }: Callee): Promise<Plan | undefined> {
  const phones = await parts.lookup({ scheme: 'sip', user, host: domain, params: NO_PARAMS });
  return phones.length === 0 ? undefined : byPreference(phones);
}

/** The same plan, each of whose targets rings so long. */
function ringing(plan: Plan, ringMs: Millis | null): Plan {
  if (ringMs === null) return plan;
  if ('parallel' in plan) return { parallel: plan.parallel.map((part) => ringing(part, ringMs)) };
  if ('serial' in plan) return { serial: plan.serial.map((part) => ringing(part, ringMs)) };
  return changed(plan, { ringMs });
}

/** The same plan, begun so much later: of a serial part the first step alone waits. */
function delayed(plan: Plan, delayMs: Millis | null): Plan {
  if (delayMs === null || delayMs === 0) return plan;
  if ('parallel' in plan) return { parallel: plan.parallel.map((part) => delayed(part, delayMs)) };
  if ('serial' in plan)
    return { serial: plan.serial.map((part, at) => (at > 0 ? part : delayed(part, delayMs))) };
  return changed(plan, { waitMs: (plan.waitMs ?? 0) + delayMs });
}

/** A target of a pool stays one: it is known by its class. */
function changed(target: Target, others: Pick<Target, 'ringMs' | 'waitMs'>): Target {
  return Object.assign(Object.create(Object.getPrototypeOf(target) as object) as Target, target, others);
}
