/** Requests of ours that come back to us: they hold a branch of ours below their topmost Via. */
import { nineDigits } from '../base/digits.ts';
import { SipError } from '../base/errors.ts';
import type { SipRequest } from '../sip/message.ts';
import { LOOP_MARK_AT, type TransactionLayer } from '../transaction/layer.ts';
import type { Stem } from '../transaction/stem.ts';

/**
 * What the request stems from when it has been here before; undefined for a new one. Throws 482 when nothing was
 * changed since. RFC 3261 §16.3 step 4, RFC 5393 §4.2
 */
export function stemOf(request: SipRequest, loopMark: number, layer: TransactionLayer): Stem | undefined {
  const { text, startsAt } = request.headers;
  const { branchPrefix } = layer;
  let stem: Stem | undefined = undefined;
  for (let at = text.indexOf(branchPrefix, startsAt); at >= 0; at = text.indexOf(branchPrefix, at + 1)) {
    if (text.startsWith(nineDigits(loopMark), at + branchPrefix.length + LOOP_MARK_AT))
      throw new SipError('BAD_HEADER', 482, 'the request came back unchanged');
    stem ??= layer.stemAt(text, at);
  }
  return stem;
}
