/** Max-Forwards: how often a request may be sent on. RFC 3261 §8.1.1.6 */

/**
 * What a request gets that has none, and what is left of one that has more. RFC 3261 §16.6 step 3
 * Departs from RFC 3261 §16.6 because whoever writes 255 would have a circle run three times as long at our expense.
 */
export const MAX_FORWARDS_MOST = 70;
