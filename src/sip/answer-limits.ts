/** How long an answer may be that a script makes: with what we add it fits in a datagram, or it is refused at once. */
import { refused } from '../base/options.ts';
import { EDITED_BYTES_MAX } from './body.ts';
import { CALL_ID, CSEQ, FROM, TO, VIA } from './header-table.ts';
import { asBytes } from './headers.ts';
import type { SipRequest } from './message.ts';

/** The reason phrase. */
export const REASON_BYTES_MAX = 4_096;
/** All header lines that a script adds. */
export const LINES_BYTES_MAX = 16_384;
/** The body. */
export const BODY_BYTES_MAX = 49_152;
/** So little fits on top of any request: nobody who asks at length makes a script fail. */
const SHORT_BYTES = 1_024;
/** The colon and the blank behind a name, and the line break. */
const LINE_EXTRA_BYTES = 4;

/** What an answer says beside its status. */
export interface AnswerTexts {
  readonly reason?: string | undefined;
  readonly headers?: readonly (readonly [string, string | number])[] | undefined;
  readonly body?: string | undefined;
}

/** Throws INVALID unless a part, and the whole answer to this request, are short enough. RFC 3261 §8.2.6.2 */
export function checkAnswerLength(request: SipRequest, { reason, headers = [], body }: AnswerTexts): void {
  const said = reasonBytes(reason) + linesBytes(headers) + bodyBytes(body);
  if (said <= SHORT_BYTES) return;
  checkBytes(
    'an answer with what it repeats of the request',
    said + repeatedBytes(request),
    EDITED_BYTES_MAX,
  );
}

/** The same of a reason alone; returns how long it is. */
export function reasonBytes(reason: string | undefined): number {
  return reason === undefined ? 0 : checkBytes('the reason of an answer', bytesIn(reason), REASON_BYTES_MAX);
}

/** The same of header lines alone. */
export function linesBytes(headers: readonly (readonly [string, string | number])[]): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + LINE_EXTRA_BYTES + bytesIn(String(value));
  return checkBytes('the header lines of an answer', bytes, LINES_BYTES_MAX);
}

function bodyBytes(body: string | undefined): number {
  return body === undefined ? 0 : checkBytes('the body of an answer', bytesIn(body), BODY_BYTES_MAX);
}

/** What `replyTo` takes from the request. */
function repeatedBytes({ headers }: SipRequest): number {
  let bytes = 0;
  for (let place = 0; place < headers.index.length; place += 4) {
    const id = headers.index[place];
    if (id === VIA || id === FROM || id === TO || id === CALL_ID || id === CSEQ)
      bytes += headers.lineEnd(place) - headers.lineStart(place);
  }
  return bytes;
}

function bytesIn(text: string): number {
  return asBytes(text).length;
}

function checkBytes(what: string, bytes: number, most: number): number {
  if (bytes > most) throw refused(what, `${most} bytes at most`, bytes);
  return bytes;
}
