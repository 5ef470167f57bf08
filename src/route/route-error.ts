/** What a script throws to refuse from wherever it is, also from a function that its routes call. */
import { SipError } from '../base/errors.ts';
import { linesBytes, reasonBytes } from '../sip/answer-limits.ts';
import { checkedStatus } from './checked.ts';
import type { Reply } from './decision.ts';

/**
 * Thrown within a route it is the answer; the log has it with its line.
 *
 * @example
 * throw new RouteError(484, 'Address Incomplete');
 */
export class RouteError extends SipError {
  /** `reason` goes to the caller. */
  constructor(status: number, reason: string, headers: Readonly<Record<string, string>> = {}) {
    super('ROUTE_REFUSED', checkedStatus(status, 300), reason, headers);
    reasonBytes(reason);
    linesBytes(Object.entries(headers));
  }

  /** The decision that it comes to. */
  get reply(): Reply {
    return { do: 'reply', status: this.status, reason: this.message, headers: Object.entries(this.headers) };
  }
}
