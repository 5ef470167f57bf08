/**
 * What a number costs, roughly, and who may call it. A user has a right by his group of that name, or by everybody's.
 * A right to the wider holds for the narrower: international, national, local. Premium numbers need their own.
 */
import type { Right } from '../route/user-services.ts';
import type { Provisions } from './provisions.ts';

/** Where a domain is, and what is dear. */
export interface RightRules {
  /** `49`; empty: every number is international. */
  countryCode(domain: string): string;
  /** `30`; empty: no number is local. */
  areaCode(domain: string): string;
  /** Prefixes such as `+4990`. */
  readonly premium: readonly string[];
  /** What a user may who is in none of the four groups, nor is his domain. */
  readonly withoutGroups: readonly Right[];
}

const RIGHTS: readonly Right[] = ['local', 'national', 'international', 'premium'];
/** From the narrowest to the widest. */
const WIDER: readonly Right[] = ['local', 'national', 'international'];

/** What a number of the world is, seen from a domain. */
export function rightFor(rules: RightRules, number: string, domain: string): Right {
  if (rules.premium.some((prefix) => number.startsWith(prefix))) return 'premium';
  const country = rules.countryCode(domain);
  if (country === '' || !number.startsWith(`+${country}`)) return 'international';
  const area = rules.areaCode(domain);
  return area !== '' && number.startsWith(`+${country}${area}`) ? 'local' : 'national';
}

/** Whether a user has it. */
export function hasRight(
  provisions: Provisions,
  rules: RightRules,
  user: string,
  domain: string,
  right: Right,
): boolean {
  const own = RIGHTS.filter((group) => provisions.isIn(group, user, domain));
  const held = own.length === 0 ? rules.withoutGroups : own;
  if (right === 'premium') return held.includes('premium');
  return WIDER.slice(WIDER.indexOf(right)).some((wider) => held.includes(wider));
}
