/** One branch of a forked request: a target and its client transaction. */
import type { Millis } from '../base/world.ts';
import type { SipResponse } from '../sip/message.ts';
import type { Redirected } from '../sip/redirection.ts';
import { retryAfterMs } from '../sip/retry-after.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import { USER_TIMER } from '../transaction/timer-codes.ts';
import { TIMER_C } from '../transaction/timers.ts';
import type { Hops } from '../transport/locate.ts';
import type { Hop } from '../transport/transports.ts';
import type { Fork } from './fork.ts';
import type { Target } from './plan.ts';
import { isFollowed, mayBeGivenUp } from './reply-times.ts';
import type { BranchEnd, PlanFailure } from './relay-options.ts';
import type { ResponseContext } from './response-context.ts';

/** How long a phone rings when another target comes after it. */
export const RING_MS = 30_000;
/** A branch that we cancelled because its ring time was over has this long to say 487. */
export const CANCEL_MS = 2_000;

const replyTimer = USER_TIMER;
const ringTimer = USER_TIMER + 1;
const cancelTimer = USER_TIMER + 2;

/** What was heard of the hop at hand: nothing, a 100, a provisional response that goes on to the caller. */
const NOTHING = 0;
const TRYING = 1;
const PROGRESS = 2;

/** Lives from the launch of its target to its final status. */
export class Branch implements ClientUser {
  readonly context: ResponseContext;
  readonly target: Target;
  readonly index: number;
  /** The part of the plan this branch is a leaf of. */
  readonly parent: Fork | undefined;
  /** The transaction at hand; none while the name of the next hop is looked up. */
  client: ClientTransaction | undefined = undefined;
  /** Where else it may go, when its target has a name; see fail-over.ts. */
  hops: Hops | undefined = undefined;
  /** What we wrote into its request; kept only with `hops`. */
  recordRoute = '';
  /** Its final status, 0 while it lasts; 408 when nobody answered. */
  status = 0;
  timedOut = false;
  /** Where a redirection leads; kept only for a failure route. */
  contacts: readonly Redirected[] | undefined = undefined;
  /** Whether nothing comes after it in the plan. */
  readonly isLast: boolean;
  private readonly ringMs: Millis;
  private heard = NOTHING;
  private cancelled = false;
  /** When timer C, or the ring time, runs out. */
  private dueAt = 0;

  constructor(
    context: ResponseContext,
    target: Target,
    index: number,
    parent: Fork | undefined,
    isLast: boolean,
    ringMs: Millis,
  ) {
    this.context = context;
    this.target = target;
    this.index = index;
    this.parent = parent;
    this.isLast = isLast;
    this.ringMs = ringMs;
  }

  get ended(): boolean {
    return this.status !== 0;
  }

  /** Whether it ended because nothing at all came from where it went last. */
  get wasSilent(): boolean {
    return this.status === 408 && this.heard === NOTHING;
  }

  begin(client: ClientTransaction, text: string): void {
    this.client = client;
    this.heard = NOTHING;
    client.begin(text);
    if (client.isInvite || this.hops?.mayHaveMore === true || this.mayBeGivenUp) this.awaitReply(client);
  }

  private get mayBeGivenUp(): boolean {
    return mayBeGivenUp(this, this.context.options);
  }

  private awaitReply(client: ClientTransaction): void {
    client.startUserTimer(this.context.replyMs(this.target), replyTimer);
  }

  /** The caller gave up, or another branch won. */
  cancel(reason?: string): void {
    if (this.ended) return;
    this.cancelled = true;
    // Before a provisional response there is no CANCEL (§9.1): a 200 may still come first, and counts.
    if (this.client?.isInvite) this.client.cancel(reason);
    else this.end(487);
  }

  response(client: ClientTransaction, response: SipResponse): void {
    const { status } = response;
    if (client !== this.client && !this.takesOver(client, status)) return;
    // Before anybody sees it, the script or the caller.
    if (status > 100) this.context.options.cleanReply?.(response.headers, client.flow);
    if (this.hops !== undefined && this.heard === NOTHING) this.hops.answered();
    if (status < 200) {
      if (this.ended) return;
      this.waitForFinal(client, status);
      // RFC 4320 §4.1: a request that is no INVITE gets no provisional response but 100.
      if (status > 100 && client.isInvite) this.context.provisional(this, response);
      return;
    }
    if (status === 503 && this.hops !== undefined && !this.ended) return this.unavailable(client, response);
    this.final(response);
  }

  failed(client: ClientTransaction, why: 'timeout' | 'transport'): void {
    if (this.ended || client !== this.client) return;
    const end = (): void => {
      this.timedOut = why === 'timeout';
      this.end(why === 'timeout' ? 408 : 503);
    };
    if (why === 'timeout' && this.heard !== NOTHING) end();
    else this.goOn(client, undefined, end);
  }

  timer(client: ClientTransaction, code: number): void {
    if (this.ended || client !== this.client) return;
    if (code === replyTimer) {
      if (this.heard === NOTHING) this.giveUp(client);
    } else if (code === cancelTimer) this.end(408);
    else if (this.context.now() < this.dueAt) {
      const seconds = Math.ceil((this.dueAt - this.context.now()) / 1000); // Whole ones, so that delays are few.
      client.startUserTimer(seconds * 1000, ringTimer);
    } else this.ringOver(client);
  }

  /** Ends without a response to keep. */
  end(status: number): void {
    this.status = status;
    this.context.branchEnded(this);
  }

  private final(response: SipResponse): void {
    const late = this.ended;
    this.status = response.status;
    if (response.status < 300) this.context.succeeded(this, response);
    else if (!late) this.context.refused(this, response);
  }

  private giveUp(client: ClientTransaction): void {
    if (client.isInvite) {
      client.cancel();
      return this.goOn(client, undefined, () => {
        this.timedOut = true;
        this.end(408);
      });
    }
    this.goOn(client, undefined, () => {
      const { context, mayBeGivenUp: mayEnd } = this;
      const leadsOn = isFollowed(this, context.options) || (mayEnd && context.hasToTell);
      if (leadsOn || client.user !== this) {
        this.timedOut = leadsOn;
        return this.end(408);
      }
      // A 408 may not be told, RFC 4320 §4.1: until timer F it may still answer, or there may be something to tell.
      this.client = client;
      if (mayEnd) this.awaitReply(client);
    });
  }

  /** RFC 3261 §16.8: the ring time, or timer C, is over. A 200 that crosses our CANCEL still wins. */
  private ringOver(client: ClientTransaction): void {
    this.timedOut = true;
    client.cancel();
    client.startUserTimer(CANCEL_MS, cancelTimer);
  }

  /** Timer C runs anew with each provisional response but 100 (§16.7 step 2); a ring time does not. */
  private waitForFinal(client: ClientTransaction, status: number): void {
    const first = this.heard === NOTHING;
    if (status > 100) this.heard = PROGRESS;
    else if (first) this.heard = TRYING;
    if (!client.isInvite) return;
    const timerC = this.ringMs >= TIMER_C;
    if (first || (timerC && status > 100)) this.dueAt = this.context.now() + this.ringMs;
    if (first) client.startUserTimer(this.ringMs, ringTimer);
  }

  // ─── other hops ──────────────────────────────────────────────────────────────────────────────

  private unavailable(client: ClientTransaction, response: SipResponse): void {
    this.goOn(client, response, () => this.final(response));
  }

  /** To the next hop if there is one and it may be tried, see fail-over.ts; otherwise this failure is the end. */
  private goOn(client: ClientTransaction, response: SipResponse | undefined, otherwise: () => void): void {
    const { hops, recordRoute } = this;
    if (hops === undefined) return otherwise();
    hops.failed(response && retryAfterMs(response));
    const text = client.requestText;
    if (text === undefined || this.cancelled || this.heard === PROGRESS) return otherwise();
    const next = hops.next();
    if (next === undefined) return otherwise();
    const failed = { text, recordRoute, response };
    this.client = undefined;
    const send = (hop: Hop | undefined): void => {
      if (hop !== undefined) this.context.sendAgain(this, failed, hop);
      else if (!this.ended) otherwise();
    };
    if (!(next instanceof Promise)) return send(next);
    next.then(send).catch((error: unknown) => this.context.spoilt(this, error));
  }

  /**
   * Whether a hop that was given up has the last word after all: by any 2xx to an INVITE, since each is a call, and by
   * the first final response to any other request; by a 2xx to that also where nobody was waited for any more.
   */
  private takesOver(client: ClientTransaction, status: number): boolean {
    if (status < 200) return false;
    if (client.isInvite ? status >= 300 : this.ended && (this.status !== 408 || status >= 300)) return false;
    if (client.isInvite) this.client?.cancel();
    else if (this.client !== undefined) this.client.user = undefined;
    this.client = client;
    return true;
  }
}

/** What the branches of a plan came to; `status`: the best failure. */
export function planFailure(branches: readonly Branch[], status: number): PlanFailure {
  const ends = branches.map(endOf);
  return { status, timedOut: ends.length > 0 && ends.every((end) => end.timedOut), ends };
}

function endOf({ target, status, timedOut, contacts }: Branch): BranchEnd {
  return contacts === undefined ? { target, status, timedOut } : { target, status, timedOut, contacts };
}
