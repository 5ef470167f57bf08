/**
 * Provisional responses that the caller acknowledges by PRACK, from the called side. RFC 3262 §3.
 * One waits for its PRACK at a time; the next ones wait behind it.
 */
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { SIXTY_FOUR_T1, T1 } from '../transaction/timers.ts';

/** Responses that may wait behind the one that is not acknowledged yet. */
export const RELIABLE_WAITING_MAX = 8;

/** One response; `write` puts it together once its number is known. */
interface Waiting {
  readonly write: (rseq: number) => string;
  readonly hasBody: boolean;
}

/** What its owner does. */
export interface ReliableUser {
  send(text: string): void;
  /** 64·T1 without a PRACK. */
  gaveUp(): void;
}

/** The reliable provisional responses of one early dialog. */
export class ReliableProvisionals {
  private readonly clock: Clock;
  private readonly cseq: number;
  private readonly user: ReliableUser;
  private readonly queue: Waiting[] = [];
  private rseq: number;
  private unacknowledged: Waiting | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private whenClear: (() => void) | undefined = undefined;

  /** `firstRSeq` is from 1 to 2^31 - 1, `cseq` that of the INVITE. */
  constructor(clock: Clock, firstRSeq: number, cseq: number, user: ReliableUser) {
    this.clock = clock;
    this.rseq = firstRSeq - 1;
    this.cseq = cseq;
    this.user = user;
  }

  /** False when too many wait already. */
  send(write: (rseq: number) => string, hasBody: boolean): boolean {
    if (this.queue.length >= RELIABLE_WAITING_MAX) return false;
    this.queue.push({ write, hasBody });
    if (this.unacknowledged === undefined) this.sendNext();
    return true;
  }

  /** Whether a 2xx must wait: an offer or answer of ours may not have arrived. RFC 3262 §3 */
  get holdsFinal(): boolean {
    return this.unacknowledged?.hasBody === true || this.queue.some(({ hasBody }) => hasBody);
  }

  /** Called once, when nothing holds the 2xx back any more. */
  onceClear(run: () => void): void {
    this.whenClear = run;
  }

  /** Takes a PRACK; false when it is for none of ours: 481. RFC 3262 §3 */
  acknowledge(prack: SipRequest): boolean {
    const said = /^(\d{1,10})\s+(\d{1,10})\s+INVITE$/.exec(prack.headers.get('RAck') ?? '');
    if (this.unacknowledged === undefined || said === null) return false;
    if (Number(said[1]) !== this.rseq || Number(said[2]) !== this.cseq) return false;
    this.timer?.cancel();
    this.unacknowledged = undefined;
    this.sendNext();
    if (!this.holdsFinal) this.clear();
    return true;
  }

  stop(): void {
    this.timer?.cancel();
    this.queue.length = 0;
    this.unacknowledged = undefined;
    this.whenClear = undefined;
  }

  private clear(): void {
    const run = this.whenClear;
    this.whenClear = undefined;
    run?.();
  }

  private sendNext(): void {
    const next = this.queue.shift();
    if (next === undefined) return;
    this.rseq++;
    this.unacknowledged = next;
    const text = next.write(this.rseq);
    this.user.send(text);
    this.repeat(text, T1, T1);
  }

  private repeat(text: string, waitMs: Millis, spentMs: Millis): void {
    this.timer = this.clock.after(waitMs, () => {
      if (spentMs >= SIXTY_FOUR_T1) {
        this.stop();
        this.user.gaveUp();
        return;
      }
      this.user.send(text);
      const nextMs = Math.min(waitMs * 2, SIXTY_FOUR_T1 - spentMs);
      this.repeat(text, nextMs, spentMs + nextMs);
    });
  }
}
