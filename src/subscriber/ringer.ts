/**
 * Rings one call for whoever is called, as he wishes.
 *
 *   his list of callers ─▶ always forwarded? ─▶ do not disturb? ─▶ his limit ─▶ his phones, or those of his group
 *                                 │                  │                │              │ busy, no answer, nobody there
 *                                 ▼                  ▼                ▼              ▼
 *                                 └──────────────── forwarding ◀──────┴──────────────┘
 *                                                       │ to one of ours: from the beginning, for him
 *                                                       └ elsewhere: `away`, if he may call there
 */
import type { FailureContext } from '../route/context.ts';
import type { FailureDecision, Relay, RelayOptions, Reply } from '../route/decision.ts';
import type { Callee, Ringing, RingOptions } from '../route/user-services.ts';
import { P_ASSERTED_IDENTITY } from '../sip/header-table.ts';
import { SipError } from '../base/errors.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddrList } from '../sip/name-addr.ts';
import { NO_PARAMS, type Uri } from '../sip/uri.ts';
import type { ForwardingKind } from '../store/schema-services.ts';
import type { Callees } from './callees.ts';
import { addDiversion, type DiversionReason, DIVERSIONS_MAX, diversionsOf, type Step } from './diversion.ts';
import { targetUri } from './field.ts';
import type { Forward } from './kinds-of-users.ts';
import { verdict } from './prefix-lists.ts';
import { isAnonymous } from './privacy.ts';
import { planOf } from './ring-plan.ts';

/** The preference by which a user is left alone. */
const DO_NOT_DISTURB = 'dnd';
/** The preference that says how long a user's phones ring. */
const RING_MS = 'ring_ms';
const YES = new Set(['1', 'true', 'yes', 'on']);

/** A failure route's context has the same words. */
type Asking = Ringing | FailureContext<never>;
/** What is done when a call is not forwarded. */
type Otherwise = () => FailureDecision;

/** One call, from him who was dialled to him who is rung in the end. */
export class Ringer {
  private readonly callees: Callees;
  private readonly c: Ringing;
  private readonly options: RingOptions;
  /** Whose wishes have been looked at: none comes twice. */
  private readonly visited = new Set<string>();
  /** How often it was forwarded before it came to us. */
  private readonly before: number;
  private readonly steps: Step[] = [];
  /** How many of them the request route wrote down: those are in every copy that a failure route gets. */
  private inRequest = 0;
  /** Which copy the steps were written into last. */
  private written: SipRequest;

  constructor(callees: Callees, c: Ringing, options: RingOptions) {
    this.callees = callees;
    this.c = c;
    this.options = options;
    this.before = diversionsOf(c.req);
    this.written = c.req;
  }

  /** For him who was dialled. */
  async ring(callee: Callee): Promise<Reply | Relay> {
    const { c } = this;
    const decision = await this.to(c, callee, () => c.reply(482, 'Forwarded In A Circle'));
    // Only a failure route's own `otherwise` passes, and none has run yet.
    return decision.do === 'relay' ? decision : (decision as Reply);
  }

  private async to(asking: Asking, callee: Callee, otherwise: Otherwise): Promise<FailureDecision> {
    this.visited.add(nameOf(callee));
    const barred = this.barred(asking, callee);
    if (barred !== undefined) return barred;
    const forwards = this.forwardsOf(callee);
    const always = forwards.get('always');
    if (always !== undefined) return this.divert(asking, callee, always, 'unconditional', otherwise);
    const busy = forwards.get('busy');
    if (this.wants(callee, DO_NOT_DISTURB)) {
      const alone: Otherwise = () => asking.reply(480, 'Do Not Disturb');
      return busy === undefined ? alone() : this.divert(asking, callee, busy, 'do-not-disturb', alone);
    }
    if (this.callees.parts.limits.count(asking, callee) !== undefined) {
      const isBusy: Otherwise = () => asking.reply(486);
      return busy === undefined ? isBusy() : this.divert(asking, callee, busy, 'user-busy', isBusy);
    }
    return this.phones(asking, callee, forwards);
  }

  private async phones(
    asking: Asking,
    callee: Callee,
    forwards: ReadonlyMap<ForwardingKind, Forward>,
  ): Promise<FailureDecision> {
    const found = await planOf(this.callees, callee, this.options);
    if (found === undefined) {
      const offline = forwards.get('offline') ?? this.fallbackOf(callee);
      const gone: Otherwise = () => asking.reply(480);
      return offline === undefined ? gone() : this.divert(asking, callee, offline, 'unavailable', gone);
    }
    const ringMs = forwards.get('no-answer')?.ringMs ?? found.ringMs ?? this.numberOf(callee, RING_MS);
    const mayGoOn = forwards.size > 0 || this.fallbackOf(callee) !== undefined;
    const options: RelayOptions<never> = {
      ...(ringMs === undefined ? {} : { ringMs }),
      ...(mayGoOn ? { onFailure: (f) => this.failed(f, callee, forwards) } : {}),
    };
    return asking.relay(found.plan, options);
  }

  private async failed(
    f: FailureContext<never>,
    callee: Callee,
    forwards: ReadonlyMap<ForwardingKind, Forward>,
  ): Promise<FailureDecision> {
    const pass: Otherwise = () => f.pass();
    const [forward, reason] = this.forwardAfter(f, callee, forwards);
    return forward === undefined ? pass() : this.divert(f, callee, forward, reason, pass);
  }

  /** Who declines for good (603) is not forwarded. */
  private forwardAfter(
    { status, timedOut }: FailureContext<never>,
    callee: Callee,
    forwards: ReadonlyMap<ForwardingKind, Forward>,
  ): readonly [Way | undefined, DiversionReason] {
    const fallback = this.fallbackOf(callee);
    if (status === 486 || status === 600) return [forwards.get('busy') ?? fallback, 'user-busy'];
    const isSilent = timedOut || status === 408 || status === 480;
    if (isSilent) return [forwards.get('no-answer') ?? forwards.get('offline') ?? fallback, 'no-answer'];
    return status >= 500 && status < 600
      ? [forwards.get('offline') ?? fallback, 'unavailable']
      : [undefined, 'no-answer'];
  }

  // ─── forwarding ──────────────────────────────────────────────────────────────────────────────

  private async divert(
    asking: Asking,
    callee: Callee,
    { target }: Way,
    reason: DiversionReason,
    otherwise: Otherwise,
  ): Promise<FailureDecision> {
    const to = targetUri(target, callee.domain);
    if (to === undefined || this.before + this.steps.length >= DIVERSIONS_MAX) return otherwise();
    const next = this.callees.find(to, callee.domain);
    if (next === undefined) return this.away(asking, callee, to, reason, otherwise);
    if (this.visited.has(nameOf(next))) return otherwise();
    this.note(asking, callee, to, reason);
    return this.to(asking, next, otherwise);
  }

  /** He who forwards pays, so he must be allowed to call there. */
  private async away(
    asking: Asking,
    callee: Callee,
    to: Uri,
    reason: DiversionReason,
    otherwise: Otherwise,
  ): Promise<FailureDecision> {
    const { away } = this.options;
    if (away === undefined || this.callees.parts.callers.objection(callee, to) !== undefined)
      return otherwise();
    const plan = await away(to, callee);
    if (plan === undefined) return otherwise();
    this.note(asking, callee, to, reason);
    return asking.relay(plan);
  }

  private note(asking: Asking, { user, domain }: Callee, to: Uri, reason: DiversionReason): void {
    const { req } = asking;
    // Each failure route gets the request as the request route left it.
    if (req !== this.written) for (const step of this.steps.slice(this.inRequest)) addDiversion(req, step);
    this.written = req;
    const step: Step = { from: { scheme: 'sip', user, host: domain, params: NO_PARAMS }, to, reason };
    addDiversion(req, step);
    this.steps.push(step);
    if (asking === this.c) this.inRequest = this.steps.length;
  }

  // ─── wishes ──────────────────────────────────────────────────────────────────────────────────

  /** A forwarded call still comes from him who began it. */
  private barred(asking: Asking, callee: Callee): Reply | undefined {
    const { provisions, numbers } = this.callees.parts;
    if (provisions.lists.size === 0 && provisions.globalList.size === 0) return undefined;
    const asserted = assertedUri(asking);
    const uris = asserted === undefined ? [asking.from.uri] : [asserted, asking.from.uri];
    const anonymous = isAnonymous(asking.req, asking.from);
    const party = {
      number: numbers.e164(asserted ?? asking.from.uri, callee.domain),
      uris,
      isAnonymous: anonymous,
    };
    if (verdict(provisions, callee, 'in', party) !== 'block') return undefined;
    // RFC 5079 §4
    return anonymous ? asking.reply(433, 'Anonymity Disallowed') : asking.reply(603);
  }

  /** Those that are in force now. */
  private forwardsOf({ user, domain }: Callee): ReadonlyMap<ForwardingKind, Forward> {
    const { provisions, hours } = this.callees.parts;
    if (provisions.forwards.size === 0) return NO_FORWARDS;
    const inForce = provisions.forwards
      .ofOwner(`${user}@${domain}`)
      .filter(({ enabled, schedule }) => enabled && (schedule === null || hours.areOpen(schedule, domain)));
    return new Map(inForce.map((forward) => [forward.kind, forward]));
  }

  private fallbackOf({ user, domain, group }: Callee): Way | undefined {
    const fallback = group
      ? this.callees.parts.provisions.ringGroups.get(`${user}\t${domain}`)?.fallback
      : null;
    return fallback === null || fallback === undefined ? undefined : { target: fallback };
  }

  private wants({ user, domain }: Callee, name: string): boolean {
    const said = this.callees.parts.provisions.preference(user, domain, name);
    return said !== undefined && YES.has(said.toLowerCase());
  }

  private numberOf({ user, domain }: Callee, name: string): number | undefined {
    const value = Number(this.callees.parts.provisions.preference(user, domain, name));
    return value > 0 ? value : undefined;
  }
}

/** Where a call goes instead. */
type Way = Pick<Forward, 'target'>;

const NO_FORWARDS: ReadonlyMap<ForwardingKind, Forward> = new Map();

function nameOf({ user, domain }: Callee): string {
  return `${user}@${domain}`;
}

/** What we, or a trusted peer, assert of the caller; `auth.identity()` has taken out what others claim. */
function assertedUri({ req }: Asking): Uri | undefined {
  const value = req.headers.raw(P_ASSERTED_IDENTITY);
  try {
    return value === undefined ? undefined : parseNameAddrList(value)[0]?.uri;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}
