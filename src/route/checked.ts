/** What a script gives to a decision is looked at where it says so: a mistake is told with its line. */

/** A decision ends the request: a 1xx would leave its sender waiting for good. */
export function checkedStatus(status: number, from: number): number {
  if (Number.isInteger(status) && status >= from && status <= 699) return status;
  const hint = status >= 100 && status < 200 ? '; c.progress() sends a 1xx' : '';
  throw new RangeError(`a status from ${from} to 699 expected, not ${status}${hint}`);
}

/** Of what is said before the answer. */
export function checkedProgress(status: number): number {
  if (Number.isInteger(status) && status >= 100 && status < 200) return status;
  throw new RangeError(`a status from 100 to 199 expected, not ${status}; c.reply() answers`);
}

/** How much a contact is preferred. RFC 3261 §20.10 */
export function checkedQ(q: number): number {
  if (q >= 0 && q <= 1) return q;
  throw new RangeError(`a q from 0 to 1 expected, not ${q}`);
}

/** The compiler sees to that, where it is asked. */
export function checkedDecision<T>(decision: T): T {
  if (decision !== undefined) return decision;
  throw new TypeError('a route returned nothing where a decision is expected');
}
