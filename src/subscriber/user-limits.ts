/** How many calls users and domains may have at once, by their preferences. */
import type { NumberService } from '../route/services.ts';
import type { Caller } from '../route/services.ts';
import type { LimitService, Refusal, Ringing } from '../route/user-services.ts';
import type { CallLimits } from './call-limits.ts';
import type { Provisions } from './provisions.ts';

/** The preference of a user, or of all users of a domain. */
const USER_MAX = 'calls_max';
/** The preference of a domain. */
const DOMAIN_MAX = 'domain_calls_max';

const TOO_MANY: Refusal = { status: 403, reason: 'Too Many Calls' };

/** See {@link LimitService}. */
export class UserLimits implements LimitService {
  private readonly provisions: Provisions;
  private readonly numbers: NumberService;
  private readonly calls: CallLimits;

  constructor(provisions: Provisions, numbers: NumberService, calls: CallLimits) {
    this.provisions = provisions;
    this.numbers = numbers;
    this.calls = calls;
  }

  count({ req, uri }: Pick<Ringing, 'req' | 'uri'>, { user, domain }: Caller): Refusal | undefined {
    const ofUser = limitIn(this.provisions.preference(user, domain, USER_MAX));
    const ofDomain = limitIn(this.provisions.preference('', domain, DOMAIN_MAX));
    if ((ofUser === undefined && ofDomain === undefined) || req.method !== 'INVITE') return undefined;
    const isEmergency = this.numbers.isEmergency(uri, domain);
    const take = (owner: string, most: number | undefined): boolean =>
      most === undefined || this.calls.take(req, owner, isEmergency ? Infinity : most);
    return take(`${user}@${domain}`, ofUser) && take(domain, ofDomain) ? undefined : TOO_MANY;
  }

  callsOf({ user, domain }: Caller): number {
    return this.calls.countOf(`${user}@${domain}`);
  }
}

/** A limit that cannot be read holds nobody back, and none of them. */
function limitIn(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}
