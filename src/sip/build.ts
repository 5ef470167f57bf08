/** Messages made from messages: a response to a request, the ACK and the CANCEL for an INVITE. */
import { CALL_ID, CSEQ, FROM, fullName, ROUTE, TIMESTAMP, TO, VIA } from './header-table.ts';
import { indexHeaders } from './header-index.ts';
import { asBytes, checkedValue, Headers } from './headers.ts';
import { SipRequest } from './message.ts';
import { parseMessage } from './parse.ts';
import { assert } from '../base/assert.ts';
import { reasonPhrase, servedMethods } from './words.ts';

/** What a response says beyond its status. */
export interface ReplyParts {
  readonly reason?: string | undefined;
  /** Put into To when the request has no tag there; a 100 gets none. RFC 3261 §8.2.6.2. */
  readonly toTag?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | undefined;
  /** The methods that a 405 allows; those that we serve unless given. */
  readonly allow?: readonly string[] | undefined;
}

/** The text of a response. RFC 3261 §8.2.6. */
export function replyTo(request: SipRequest, status: number, parts: ReplyParts = {}): string {
  const { headers } = request;
  const { text, index } = headers;
  const { reason } = parts;
  let out = `SIP/2.0 ${status} ${reason === undefined ? reasonPhrase(status) : checkedValue('the reason', reason)}\r\n`;
  for (let place = 0; place < index.length; place += 4) {
    const id = index[place];
    if (id === VIA || id === FROM || id === CALL_ID || id === CSEQ) {
      out += text.substring(headers.lineStart(place), headers.lineEnd(place));
    } else if (id === TO) out += toLine(request, place, status, parts.toTag);
    else if (id === TIMESTAMP && status === 100) out += headers.line(place);
  }
  for (const [name, value] of parts.headers ?? []) out += `${name}: ${checkedValue(name, value)}\r\n`;
  if (status === 405) out += allowLine(request, parts);
  const body = asBytes(parts.body ?? '');
  return `${out}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** A 405 without Allow would leave who asks with nothing to try. RFC 3261 §21.4.6 */
function allowLine({ method }: SipRequest, { headers = [], allow = servedMethods }: ReplyParts): string {
  if (headers.some(([name]) => fullName(name) === 'allow')) return '';
  return `Allow: ${allow.filter((name) => name !== method).join(', ')}\r\n`;
}

function toLine(request: SipRequest, place: number, status: number, tag: string | undefined): string {
  const { headers, toTag } = request;
  if (status === 100 || tag === undefined || toTag !== '') return headers.line(place);
  const { text } = headers;
  return `${text.substring(headers.lineStart(place), headers.valueEnd(place))};tag=${tag}\r\n`;
}

/** The ACK for a final response other than 2xx: same branch, To of the response. RFC 3261 §17.1.1.3. */
export function ackFor(inviteText: string, response: Headers): string {
  const to = response.find(TO);
  return withinTransaction(inviteText, 'ACK', to < 0 ? undefined : response.line(to));
}

/**
 * The CANCEL for a pending INVITE: same branch, so that it finds the same transaction. RFC 3261 §9.1.
 * `reason` is the value of a Reason header field (RFC 3326).
 */
export function cancelFor(inviteText: string, reason = ''): string {
  return withinTransaction(inviteText, 'CANCEL', undefined, reason === '' ? '' : `Reason: ${reason}\r\n`);
}

/** Request-URI, topmost Via, From, To, Call-ID, CSeq number and Route of the INVITE, with another method. */
function withinTransaction(
  inviteText: string,
  method: 'ACK' | 'CANCEL',
  to: string | undefined,
  extra = '',
): string {
  const invite = parseMessage(inviteText);
  assert(invite.kind === 'request', 'what we sent is a request');
  const { headers } = invite;
  let out = `${method} ${invite.uriText} SIP/2.0\r\n${headers.line(headers.find(VIA))}`;
  for (let place = 0; place < headers.index.length; place += 4) {
    const id = headers.index[place];
    if (id === FROM || id === CALL_ID || id === ROUTE) out += headers.line(place);
    else if (id === TO) out += to ?? headers.line(place);
  }
  return `${out}CSeq: ${invite.cseq} ${method}\r\n${extra}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n`;
}

/** What a request of our own says. */
export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly (readonly [string, string | number])[];
  readonly body?: string;
  readonly contentType?: string;
}

/** A request of our own; the caller gives every header field but Content-Length and Content-Type. */
export function buildRequest(parts: RequestParts): SipRequest {
  const body = parts.body ?? '';
  let text = `${parts.method} ${parts.uri} SIP/2.0\r\n`;
  const startsAt = text.length;
  for (const [name, value] of parts.headers) text += `${name}: ${value}\r\n`;
  if (parts.contentType !== undefined) text += `Content-Type: ${parts.contentType}\r\n`;
  text += `Content-Length: ${body.length}\r\n\r\n${body}`;
  const index = indexHeaders(text, startsAt);
  assert(typeof index !== 'string', 'a request of our own is well formed');
  return new SipRequest(parts.method, new Headers(text, index, startsAt));
}
