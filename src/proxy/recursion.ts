/** Redirections that are followed, not passed: the Contacts of a 3xx become branches. RFC 3261 §16.5, §16.7 step 4 */
import type { SipResponse } from '../sip/message.ts';
import { redirectedTo } from '../sip/redirection.ts';
import type { Uri } from '../sip/uri.ts';
import { placeOf } from './dialog-guard.ts';
import { byPreference, type Plan, type Target } from './plan.ts';

/** Contacts that one request follows in all, unless its script says less. */
export const RECURSION_MAX = 8;

/** How far redirections are followed. */
export interface RecursionOptions {
  readonly max: number;
  /** Whether a Contact may be followed: whoever redirects must not choose what others pay for. */
  readonly mayFollow: (uri: Uri) => boolean;
}

/** What one request has followed so far. */
export class Recursion {
  private readonly options: RecursionOptions;
  private readonly isSips: boolean;
  /** No URI is tried twice, whoever named it. §16.5 */
  private readonly tried = new Set<string>();
  private followed = 0;

  /** `isSips`: of the Request-URI. From sips none leads to sip, nor the other way. RFC 5630 §5.3 */
  constructor(options: RecursionOptions, isSips: boolean) {
    this.options = options;
    this.isSips = isSips;
  }

  /** This URI has been tried already, redirected to or not. */
  note(uri: Uri): void {
    this.tried.add(placeOf(uri));
  }

  /** The Contacts to try in place of the branch that said so, equal `q` together; undefined when there are none. */
  planFor(response: SipResponse): Plan | undefined {
    const targets: Target[] = [];
    for (const redirected of redirectedTo(response)) {
      if (this.followed === this.options.max) break;
      const { uri } = redirected;
      if ((uri.scheme === 'sips') !== this.isSips || this.tried.has(placeOf(uri))) continue;
      if (!this.options.mayFollow(uri)) continue;
      this.note(uri);
      this.followed++;
      targets.push(redirected);
    }
    return targets.length === 0 ? undefined : byPreference(targets);
  }
}
