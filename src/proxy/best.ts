/** Which failure goes back to the caller. RFC 3261 §16.7 steps 5 to 7. */
import { PROXY_AUTHENTICATE, WWW_AUTHENTICATE } from '../sip/header-table.ts';
import type { SipResponse } from '../sip/message.ts';

/** The best failure so far: a response from a branch, or a status of our own. */
export interface Failure {
  readonly status: number;
  readonly response: SipResponse | undefined;
}

/** Gathers the failures of all branches and knows the best. */
export class BestFailure {
  private refusal: Failure | undefined = undefined;
  private redirection: Failure | undefined = undefined;
  /** Those of earlier relays of the same request. */
  private earlier: BestFailure | undefined = undefined;
  /** What the caller is told when nobody was asked: 503, where it was for want of room at those who would have been. */
  unasked = 480;
  /** Challenges of all branches: the caller must answer each of them. §16.7 step 7. */
  private readonly challenges: string[] = [];

  get best(): Failure | undefined {
    const { refusal, redirection } = this;
    return redirection === undefined || (refusal !== undefined && refusal.status >= 600)
      ? refusal
      : redirection;
  }

  /** What goes back when nobody is left who could answer: a response, or a status of our own. */
  forCaller(isInvite: boolean): Failure {
    const { best } = this;
    if (best === undefined) return { status: this.unasked, response: undefined };
    // A 503 would take the caller's whole traffic away from us: §16.7 step 6.
    if (best.status === 503) return { status: 500, response: undefined };
    return best.status === 408 && !isInvite ? { status: 408, response: undefined } : best;
  }

  /** Whether there is one that a caller may be told of a request that is no INVITE. RFC 4320 §4.1 */
  get hasToTell(): boolean {
    return [this, this.earlier].some((of) => of?.best !== undefined && of.best.status !== 408);
  }

  add(failure: Failure): void {
    if (failure.status === 401 || failure.status === 407) this.collectChallenges(failure.response);
    if (failure.status < 400) this.redirection ??= failure;
    else this.refusal = better(this.refusal, failure);
  }

  /**
   * A failure route has gone on from those of an earlier relay. They count where the caller is told the best of all,
   * but for a redirection: going on has decided about that. §16.7 step 4
   */
  goOnFrom(before: BestFailure): void {
    this.earlier = new BestFailure();
    this.earlier.take(before.ofRequest());
  }

  /** The best of the whole request; from now on those of earlier relays are among these. */
  ofRequest(): BestFailure {
    if (this.earlier !== undefined) this.take(this.earlier);
    this.earlier = undefined;
    return this;
  }

  private take({ refusal, challenges }: BestFailure): void {
    this.challenges.unshift(...challenges);
    this.refusal = this.refusal === undefined ? refusal : better(refusal, this.refusal);
  }

  /** The text of the chosen response with every challenge in it, our Via still on top. */
  textWithChallenges(response: SipResponse): string {
    const { headers } = response;
    if ((response.status !== 401 && response.status !== 407) || this.challenges.length < 2)
      return headers.text;
    const own = new Set<string>();
    for (const id of [WWW_AUTHENTICATE, PROXY_AUTHENTICATE]) {
      for (let at = headers.findFrom(id, 0); at >= 0; at = headers.findFrom(id, at + 4))
        own.add(headers.line(at));
    }
    const more = this.challenges.filter((line) => !own.has(line)).join('');
    return headers.text.substring(0, headers.endsAt) + more + headers.text.substring(headers.endsAt);
  }

  private collectChallenges(response: SipResponse | undefined): void {
    if (response === undefined) return;
    const { headers } = response;
    for (const id of [WWW_AUTHENTICATE, PROXY_AUTHENTICATE]) {
      for (let at = headers.findFrom(id, 0); at >= 0; at = headers.findFrom(id, at + 4)) {
        this.challenges.push(headers.line(at));
      }
    }
  }
}

/** Of equal ones the first. */
function better(first: Failure | undefined, second: Failure): Failure {
  return first === undefined || rank(second.status) < rank(first.status) ? second : first;
}

/**
 * Lower is better: 6xx first, then the lowest class; within 4xx those that tell the caller how to go on; a 503 last
 * of its class, because it speaks of the callee's server and not of ours (step 6).
 */
function rank(status: number): number {
  if (status >= 600) return 0;
  if (status === 401 || status === 407 || status === 415 || status === 420 || status === 484) return 400;
  if (status === 503) return 699;
  return Math.floor(status / 100) * 100 + (status === 408 || status === 487 ? 98 : 50);
}
