/** A response on its way back: our Via comes off, the rest leaves as it came. RFC 3261 §16.7 step 3. */
import { VIA } from '../sip/header-table.ts';
import type { SipResponse } from '../sip/message.ts';
import { topVia } from '../sip/via.ts';

/** `text` is the response's own, or the same with lines added at the end of its header fields. */
export function withoutTopVia(response: SipResponse, text: string = response.headers.text): string {
  const { headers } = response;
  const place = headers.find(VIA);
  const span = topVia(headers);
  if (span === undefined || span.valueEnd >= headers.valueEnd(place)) {
    return text.substring(0, headers.lineStart(place)) + text.substring(headers.lineEnd(place));
  }
  return text.substring(0, headers.valueStart(place)) + text.substring(span.valueEnd + 1).trimStart();
}
