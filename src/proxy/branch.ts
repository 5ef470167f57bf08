/** One branch of a forked request: a target and its client transaction. */
import type { Millis } from '../base/world.ts';
import type { SipResponse } from '../sip/message.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import { USER_TIMER } from '../transaction/timer-codes.ts';
import { TIMER_C } from '../transaction/timers.ts';
import type { Fork } from './fork.ts';
import type { Target } from './plan.ts';
import type { ResponseContext } from './response-context.ts';

/** How long a branch may be silent before it counts as dead, unless its target says otherwise. */
export const REPLY_MS = 5_000;
/** How long a phone rings when another target comes after it. */
export const RING_MS = 30_000;
/** A branch that we cancelled because its ring time was over has this long to say 487. */
export const CANCEL_MS = 2_000;

const replyTimer = USER_TIMER;
const ringTimer = USER_TIMER + 1;
const cancelTimer = USER_TIMER + 2;

/** Lives from the launch of its target to its final status. */
export class Branch implements ClientUser {
  readonly context: ResponseContext;
  readonly target: Target;
  readonly index: number;
  /** The part of the plan this branch is a leaf of. */
  readonly parent: Fork | undefined;
  client: ClientTransaction | undefined = undefined;
  /** Its final status, 0 while it lasts; 408 when nobody answered. */
  status = 0;
  timedOut = false;
  private readonly ringMs: Millis;
  private provisional = false;
  /** When timer C, or the ring time, runs out. */
  private dueAt = 0;

  constructor(
    context: ResponseContext,
    target: Target,
    index: number,
    parent: Fork | undefined,
    ringMs: Millis,
  ) {
    this.context = context;
    this.target = target;
    this.index = index;
    this.parent = parent;
    this.ringMs = ringMs;
  }

  get ended(): boolean {
    return this.status !== 0;
  }

  begin(client: ClientTransaction, text: string, replyMs: Millis): void {
    this.client = client;
    client.begin(text);
    if (client.isInvite) client.startUserTimer(replyMs, replyTimer);
  }

  /** The caller gave up, or another branch won. */
  cancel(reason?: string): void {
    if (this.ended) return;
    // Before a provisional response there is no CANCEL (§9.1): a 200 may still come first, and counts.
    if (this.client?.isInvite) this.client.cancel(reason);
    else this.end(487);
  }

  response(client: ClientTransaction, response: SipResponse): void {
    const { status } = response;
    if (status < 200) {
      if (this.ended) return;
      this.waitForFinal(client, status);
      // RFC 4320 §4.1: a request that is no INVITE gets no provisional response but 100.
      if (status > 100 && client.isInvite) this.context.provisional(this, response);
      return;
    }
    const late = this.ended;
    this.status = status;
    if (status < 300) this.context.succeeded(this, response);
    else if (!late) this.context.refused(this, response);
  }

  failed(_client: ClientTransaction, why: 'timeout' | 'transport'): void {
    if (this.ended) return;
    this.timedOut = why === 'timeout';
    this.end(why === 'timeout' ? 408 : 503);
  }

  timer(client: ClientTransaction, code: number): void {
    if (this.ended) return;
    if (code === replyTimer) {
      if (!this.provisional) this.giveUp(client);
    } else if (code === cancelTimer) this.end(408);
    else if (this.context.now() < this.dueAt) {
      const seconds = Math.ceil((this.dueAt - this.context.now()) / 1000); // Whole ones, so that delays are few.
      client.startUserTimer(seconds * 1000, ringTimer);
    } else this.ringOver(client);
  }

  private giveUp(client: ClientTransaction): void {
    this.timedOut = true;
    client.cancel();
    this.end(408);
  }

  /** RFC 3261 §16.8: the ring time, or timer C, is over. A 200 that crosses our CANCEL still wins. */
  private ringOver(client: ClientTransaction): void {
    this.timedOut = true;
    client.cancel();
    client.startUserTimer(CANCEL_MS, cancelTimer);
  }

  /** Timer C runs anew with each provisional response but 100 (§16.7 step 2); a ring time does not. */
  private waitForFinal(client: ClientTransaction, status: number): void {
    if (!client.isInvite) return;
    const first = !this.provisional;
    this.provisional = true;
    const timerC = this.ringMs >= TIMER_C;
    if (first || (timerC && status > 100)) this.dueAt = this.context.now() + this.ringMs;
    if (first) client.startUserTimer(this.ringMs, ringTimer);
  }

  /** Ends without a response to keep. */
  end(status: number): void {
    this.status = status;
    this.context.branchEnded(this);
  }
}
