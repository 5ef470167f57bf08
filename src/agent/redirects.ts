/** Redirections of callees: followed where the script wants that, by one call no further than its limit. */
import type { SipResponse } from '../sip/message.ts';
import { groupsByQ, type Redirected, redirectedTo } from '../sip/redirection.ts';
import { printUri, type Uri } from '../sip/uri.ts';
import type { CalleePlan } from './hunt.ts';

/** Contacts that one call follows in all, unless its script says less. */
export const REDIRECTS_MAX = 8;

/** Whether and where to they are followed. */
export interface RedirectOptions {
  /** Whether a callee's redirection is followed, or how many Contacts of them. Default false. RFC 3261 §8.1.3.4 */
  readonly recurse?: boolean | number;
  /** Whether a Contact may be followed. Unless given: if it leads to us, since whoever redirects chooses who pays. */
  readonly mayRecurse?: (uri: Uri) => boolean;
}

/** What one call has followed so far. */
export class Redirects {
  private readonly max: number;
  private readonly mayFollow: (uri: Uri) => boolean;
  /** No URI is rung twice, whoever named it. */
  private readonly rung = new Set<string>();
  private followed = 0;

  constructor({ recurse = false, mayRecurse }: RedirectOptions, isOwn: (uri: Uri) => boolean) {
    this.max = recurse === true ? REDIRECTS_MAX : Number(recurse);
    this.mayFollow = mayRecurse ?? isOwn;
  }

  /** This URI is rung, redirected to or not. */
  note(uri: Uri): void {
    if (this.max > 0) this.rung.add(printUri(uri));
  }

  /** Whom to ring in place of the callee who said so; undefined when nobody is. */
  planFor(response: SipResponse): CalleePlan | undefined {
    if (this.max === 0) return undefined;
    const callees: Redirected[] = [];
    for (const redirected of redirectedTo(response)) {
      if (this.followed === this.max) break;
      if (this.rung.has(printUri(redirected.uri)) || !this.mayFollow(redirected.uri)) continue;
      this.followed++;
      this.note(redirected.uri);
      callees.push(redirected);
    }
    if (callees.length === 0) return undefined;
    return { serial: groupsByQ(callees).map((group) => ({ parallel: group })) };
  }
}
