/** Who calls, what he may say of himself, and whom he may call. */
import type { Target } from '../proxy/plan.ts';
import type { RequestContext } from '../route/context.ts';
import type { RequestDecision } from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller, NumberService, PermissionService } from '../route/services.ts';
import type { CallerService, Refusal, Right } from '../route/user-services.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import { aorOf, NO_PARAMS, type Uri } from '../sip/uri.ts';
import { splitAccount, targetUri } from './field.ts';
import { verdict } from './prefix-lists.ts';
import { hidden, isImpossible, mustHide, privacyOf } from './privacy.ts';
import type { Provisions } from './provisions.ts';
import { hasRight, rightFor, type RightRules } from './rights.ts';

/** What these services stand on. */
export interface CallerParts {
  readonly provisions: Provisions;
  readonly rules: RightRules;
  readonly numbers: NumberService;
  readonly permissions: Pick<PermissionService, 'groupOf'>;
  readonly isAccount: (user: string, domain: string) => boolean;
  /** Challenges who claims one of our domains. */
  readonly digestIfOurs: Middleware<{}, { caller: Caller | undefined }>;
  /** Whether a target is within the trust domain of RFC 3325. */
  readonly isTrusted: (target: Target) => boolean;
}

/** The preference that names which of his numbers a caller shows. */
const SHOWN_NUMBER = 'caller_number';

/** See {@link CallerService}. */
export class Callers implements CallerService {
  private readonly parts: CallerParts;

  constructor(parts: CallerParts) {
    this.parts = parts;
  }

  known(): Middleware<{}, { caller: Caller | undefined }> {
    const { permissions, digestIfOurs, isAccount } = this.parts;
    return (c, next) => {
      const group = permissions.groupOf(c);
      if (group === undefined) return digestIfOurs(this.asOwner(c), next);
      const { user, domain } = splitAccount(group);
      return next({ caller: user !== '' && isAccount(user, domain) ? { user, domain } : undefined });
    };
  }

  present(): Middleware<{ caller?: Caller | undefined }> {
    return (c, next) => {
      const { caller } = c.var;
      const shown = caller === undefined ? undefined : this.shownNumber(c.from.uri, caller);
      if (caller !== undefined && shown !== undefined)
        c.req.headers.set('P-Asserted-Identity', `<sip:${shown}@${caller.domain};user=phone>`);
      const asked = privacyOf(c.req);
      if (isImpossible(asked)) return c.reply(500, 'Privacy Cannot Be Had');
      const decision = next();
      if (!mustHide(asked) || c.method !== 'INVITE') return decision;
      const hide = (done: RequestDecision): RequestDecision =>
        hidden(c as unknown as RequestContext<never>, done, this.parts.isTrusted); // It looks at no variables.
      return decision instanceof Promise ? decision.then(hide) : hide(decision);
    };
  }

  meant(caller: Caller, dialled: Uri): Uri {
    const { speedDials } = this.parts.provisions;
    if (speedDials.size === 0 || dialled.user === undefined) return dialled;
    const code = unescapedCode(dialled.user);
    const { user, domain } = caller;
    const found = speedDials.get(`${user}\t${domain}\t${dialled.host || domain}\t${code}`);
    const target = found ?? speedDials.get(`${user}\t${domain}\t${domain}\t${code}`);
    return (target && targetUri(target.target, domain)) ?? dialled;
  }

  objection(caller: Caller, dialled: Uri): Refusal | undefined {
    const { provisions, numbers, rules } = this.parts;
    const { user, domain } = caller;
    if (numbers.isEmergency(dialled, domain)) return undefined;
    const number = numbers.e164(dialled, domain);
    const said = verdict(provisions, caller, 'out', { number, uris: [dialled] });
    if (said === 'block') return { status: 403, reason: 'Number Blocked' };
    if (number === undefined || this.isOwn(number)) return undefined;
    const right = rightFor(rules, number, domain);
    if (hasRight(provisions, rules, user, domain, right)) return undefined;
    return { status: 403, reason: `No Right To ${TITLES[right]} Calls` };
  }

  rightFor(dialled: Uri, domain: string): Right | undefined {
    const number = this.parts.numbers.e164(dialled, domain);
    return number === undefined ? undefined : rightFor(this.parts.rules, number, domain);
  }

  isIn(group: string, { user, domain }: Caller): boolean {
    return this.parts.provisions.isIn(group, user, domain);
  }

  /** A call to a number of ours leaves us nowhere, and costs nothing. */
  private isOwn(number: string): boolean {
    return this.parts.provisions.numbers.get(number)?.state === 'active';
  }

  /** The number that his From shows, if it is his; else the one he has chosen; else his first. */
  private shownNumber(from: Uri, { user, domain }: Caller): string | undefined {
    const { provisions, numbers } = this.parts;
    const own = provisions.numbers.ofOwner(`${user}@${domain}`);
    if (own.length === 0) return undefined;
    const isHis = (number: string | undefined): boolean => own.some((one) => one.number === number);
    const inFrom = numbers.e164(from, domain);
    if (isHis(inFrom)) return inFrom;
    const chosen = provisions.preference(user, domain, SHOWN_NUMBER);
    return isHis(chosen) ? chosen : own[0]?.number;
  }

  /**
   * The request as if its From named the account itself, when it names an alias or a number: so the one who has it can
   * prove that it is his, and nobody else. The request that goes on has the From that it came with.
   */
  private asOwner(c: RequestContext<{}>): RequestContext<{}> {
    const account = c.method === 'REGISTER' ? undefined : this.ownerOf(c.from.uri);
    if (account === undefined) return c;
    const { user, domain } = splitAccount(account);
    const uri: Uri = { scheme: 'sip', user, host: domain, params: NO_PARAMS };
    return Object.create(c, { from: { value: { ...c.from, uri } } }) as RequestContext<{}>; // The rest is c's.
  }

  /** The account that has this address as an alias or a number; undefined when it names itself, or nobody. */
  private ownerOf(from: Uri): string | undefined {
    const { provisions, numbers, isAccount } = this.parts;
    if (provisions.aliases.size === 0 && provisions.numbers.size === 0) return undefined;
    const { user, domain } = splitAccount(aorOf(from));
    if (isAccount(user, domain)) return undefined;
    const alias = provisions.aliasOf(user, domain);
    if (alias !== undefined) return alias;
    const number = numbers.e164(from, domain);
    const found = number === undefined ? undefined : provisions.numbers.get(number);
    return found?.state === 'active' ? (found.target ?? undefined) : undefined;
  }
}

const TITLES: Readonly<Record<Right, string>> = {
  local: 'Local',
  national: 'National',
  international: 'International',
  premium: 'Premium',
};

/** `*1#`, however a phone has escaped it. */
function unescapedCode(user: string): string {
  return canonicalEscapes(user).replaceAll('%23', '#');
}
