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
  private kept: Failure | undefined = undefined;
  /** Challenges of all branches: the caller must answer each of them. §16.7 step 7. */
  private readonly challenges: string[] = [];

  get best(): Failure | undefined {
    return this.kept;
  }

  add(failure: Failure): void {
    if (failure.status === 401 || failure.status === 407) this.collectChallenges(failure.response);
    if (this.kept === undefined || rank(failure.status) < rank(this.kept.status)) this.kept = failure;
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
