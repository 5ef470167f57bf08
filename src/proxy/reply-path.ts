/** A response on its way back: our Via comes off, the rest leaves as it came. RFC 3261 §16.7 step 3. */
import { VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';
import { topVia } from '../sip/via.ts';

/** A range of a text, and what takes its place. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly put: string;
}

/** `text` is the response's own, or the same with lines added at the end of its header fields. */
export function withoutTopVia(response: SipResponse, text: string = response.headers.text): string {
  return edited(text, [topViaCut(response.headers)]);
}

/** What is left out when our Via comes off. */
export function topViaCut(headers: Headers): Edit {
  const place = headers.find(VIA);
  const span = topVia(headers);
  if (span === undefined || span.valueEnd >= headers.valueEnd(place))
    return { from: headers.lineStart(place), to: headers.lineEnd(place), put: '' };
  let to = span.valueEnd + 1;
  while (isBlankOrBreak(headers.text.charCodeAt(to))) to++;
  return { from: headers.valueStart(place), to, put: '' };
}

/** The text with all edits made, which stand in the order of their places. */
export function edited(text: string, edits: readonly Edit[]): string {
  let out = '';
  let at = 0;
  for (const { from, to, put } of edits) {
    out += text.substring(at, from) + put;
    at = to;
  }
  return out + text.substring(at);
}

function isBlankOrBreak(c: number): boolean {
  return c === 32 || c === 9 || c === 13 || c === 10;
}
