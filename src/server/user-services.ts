/** What scripts are given for people: callers, callees, limits and schedules. */
import type { Target } from '../proxy/plan.ts';
import type { Services } from '../route/services.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { CallLimits } from '../subscriber/call-limits.ts';
import { Callees } from '../subscriber/callees.ts';
import { Callers } from '../subscriber/callers.ts';
import { Hours } from '../subscriber/hours.ts';
import { Provisions } from '../subscriber/provisions.ts';
import type { RightRules } from '../subscriber/rights.ts';
import { UserLimits } from '../subscriber/user-limits.ts';
import type { World } from '../base/world.ts';
import type { Settings } from './settings.ts';

/** What outlives a script. */
export interface UserState {
  readonly provisions: Provisions;
  readonly hours: Hours;
  readonly calls: CallLimits;
  /** Whose turn it is, by ring group. */
  readonly turns: Map<string, number>;
}

/** One for the whole exchange. Without provisions there are none, and what a script sets is kept in memory. */
export function makeUserState(
  { clock, log }: Pick<World, 'clock' | 'log'>,
  provisions: Provisions | undefined,
): UserState {
  const unreadable = (table: string, why: string): void => log.warn('a row cannot be read', { table, why });
  const known = provisions ?? new Provisions({ writer: new MemoryWriter(clock), clock, unreadable });
  return {
    provisions: known,
    hours: new Hours(known, clock),
    calls: new CallLimits(clock),
    turns: new Map(),
  };
}

/** What these services stand on. */
export interface UserServiceParts {
  readonly state: UserState;
  readonly settings: Settings;
  readonly isLocal: (host: string) => boolean;
  readonly isAccount: (user: string, domain: string) => boolean;
  readonly isTrusted: (target: Target) => boolean;
  readonly others: Pick<Services, 'auth' | 'location' | 'numbers' | 'permissions'>;
}

/** The real ones, for one generation of a script. */
export function userServices(
  parts: UserServiceParts,
): Pick<Services, 'callers' | 'callees' | 'limits' | 'schedules'> {
  const { state, settings, isLocal, isAccount, isTrusted, others } = parts;
  const { provisions, hours } = state;
  const { numbers, permissions, location } = others;
  const callers = new Callers({
    provisions,
    rules: rightRules(settings),
    numbers,
    permissions,
    isAccount,
    isTrusted,
    digestIfOurs: others.auth.digestIfOurs(),
  });
  const limits = new UserLimits(provisions, numbers, state.calls);
  const lookup = location.lookup.bind(location);
  const callees = new Callees({ ...state, numbers, limits, callers, isAccount, isLocal, lookup });
  return { callers, callees, limits, schedules: hours };
}

function rightRules({ numbers, rights }: Settings): RightRules {
  const ofDomain = new Map(numbers.domains.map((rules) => [rules.domain, rules]));
  return {
    countryCode: (domain) => (ofDomain.get(domain) ?? numbers).country_code,
    areaCode: (domain) => (ofDomain.get(domain) ?? numbers).area_code,
    premium: rights.premium,
    withoutGroups: rights.without_groups,
  };
}
