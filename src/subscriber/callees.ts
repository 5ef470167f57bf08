/** Who is called: an account, an alias, a number or a ring group; and how he is rung. */
import type { Target } from '../proxy/plan.ts';
import type { Relay, Reply } from '../route/decision.ts';
import type { Caller, NumberService } from '../route/services.ts';
import type {
  Callee,
  CalleeService,
  CallerService,
  LimitService,
  Ringing,
  RingOptions,
} from '../route/user-services.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Uri } from '../sip/uri.ts';
import { splitAccount } from './field.ts';
import type { Hours } from './hours.ts';
import type { Provisions } from './provisions.ts';
import { Ringer } from './ringer.ts';

/** What this service stands on. */
export interface CalleeParts {
  readonly provisions: Provisions;
  readonly hours: Hours;
  readonly numbers: NumberService;
  readonly limits: LimitService;
  readonly callers: Pick<CallerService, 'objection'>;
  readonly isAccount: (user: string, domain: string) => boolean;
  readonly isLocal: (host: string) => boolean;
  readonly lookup: (aor: Uri) => Promise<readonly Target[]>;
  /** Whose turn it is, by ring group; it outlives the script. */
  readonly turns: Map<string, number>;
}

/** See {@link CalleeService}. */
export class Callees implements CalleeService {
  readonly parts: CalleeParts;

  constructor(parts: CalleeParts) {
    this.parts = parts;
  }

  find(dialled: Uri, domain?: string): Callee | undefined {
    const { isLocal, numbers, provisions } = this.parts;
    const isOurs = dialled.scheme === 'tel' || isLocal(dialled.host);
    if (!isOurs || dialled.user === undefined) return undefined;
    if (dialled.scheme !== 'tel') {
      const user = canonicalEscapes(dialled.user);
      // Who dials our address instead of our domain means his own.
      const named = this.named(user, dialled.host) ?? (domain && this.named(user, domain));
      if (named) return named;
    }
    if (provisions.numbers.size === 0) return undefined;
    const number = numbers.e164(dialled, domain ?? dialled.host);
    const found = number === undefined ? undefined : provisions.numbers.get(number);
    if (found?.state !== 'active' || found.target === null) return undefined;
    const target = splitAccount(found.target);
    return this.named(target.user, target.domain);
  }

  ring(c: Ringing, callee: Callee, options: RingOptions = {}): Promise<Reply | Relay> {
    return new Ringer(this, c, options).ring(callee);
  }

  /** An account or a group of that name, or who has it as an alias. */
  private named(user: string, domain: string): Callee | undefined {
    const itself = this.itself(user, domain);
    if (itself !== undefined) return itself;
    const alias = this.parts.provisions.aliasOf(user, domain);
    if (alias === undefined) return undefined;
    const meant: Caller = splitAccount(alias);
    return this.itself(meant.user, meant.domain);
  }

  private itself(user: string, domain: string): Callee | undefined {
    const { ringGroups } = this.parts.provisions;
    if (ringGroups.size > 0 && ringGroups.get(`${user}\t${domain}`) !== undefined)
      return { user, domain, group: true };
    return this.parts.isAccount(user, domain) ? { user, domain, group: false } : undefined;
  }
}
