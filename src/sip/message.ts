/** SipRequest and SipResponse: the text of a message and what is read from it when asked. RFC 3261 §7. */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import { reasonBytes } from './answer-limits.ts';
import { replaceBody } from './body.ts';
import { checkPrintable } from './checked-uri.ts';
import { CALL_ID, CSEQ, FROM, TO, VIA } from './header-table.ts';
import { checkedValue, type Headers } from './headers.ts';
import { type NameAddr, parseNameAddr } from './name-addr.ts';
import { isBlank, skipBlanks } from './scan.ts';
import { parseUriBetween, printUri, type Uri } from './uri.ts';
import { reasonPhrase } from './words.ts';

/** The usual methods; any token may be one. */
export type Method =
  | 'INVITE'
  | 'ACK'
  | 'BYE'
  | 'CANCEL'
  | 'OPTIONS'
  | 'REGISTER'
  | 'PRACK'
  | 'UPDATE'
  | 'INFO'
  | 'REFER'
  | 'SUBSCRIBE'
  | 'NOTIFY'
  | 'PUBLISH'
  | 'MESSAGE'
  | (string & {});

/** A request; its text is changed through `headers`, `uri`, `uriText` and `setBody`. */
export class SipRequest {
  readonly kind = 'request';
  readonly method: Method;
  readonly headers: Headers;
  private parsedUri: Uri | undefined;
  /** The first Request-URI, once another has taken its place. */
  private firstUri: string | undefined;

  constructor(method: Method, headers: Headers) {
    this.method = method;
    this.headers = headers;
    this.parsedUri = undefined;
    this.firstUri = undefined;
  }

  /** The Request-URI as it is written. */
  get uriText(): string {
    const { text, startsAt } = this.headers;
    return text.substring(this.method.length + 1, uriEnd(text, startsAt));
  }

  set uriText(uri: string) {
    const { text, startsAt } = this.headers;
    const value = checkedValue('Request-URI', uri);
    this.firstUri ??= this.uriText;
    this.headers.splice(this.method.length + 1, uriEnd(text, startsAt), value);
    this.parsedUri = undefined;
  }

  /** The Request-URI as it came, whatever it has become since; undefined when it is still the one. */
  get uriReceived(): string | undefined {
    return this.firstUri;
  }

  /** Throws SipError 400 or 416 when it is malformed or of a scheme we do not know. */
  get uri(): Uri {
    return (this.parsedUri ??= this.readUri());
  }

  set uri(uri: Uri) {
    checkPrintable('the Request-URI', uri);
    this.uriText = printUri(uri);
  }

  private readUri(): Uri {
    const { text, startsAt } = this.headers;
    return parseUriBetween(text, this.method.length + 1, uriEnd(text, startsAt));
  }

  /** Whether the Request-URI, which has been read, is a sips URI: nothing but TLS will do. RFC 3261 §26.2.2 */
  get isSips(): boolean {
    const { text } = this.headers;
    const fourth = this.method.length + 4;
    return (text.charCodeAt(fourth) | 32) === 115 && text.charCodeAt(fourth + 1) === 58;
  }

  get callId(): string {
    return (this.headers.callIdSeen ??= this.headers.raw(CALL_ID) ?? '');
  }

  /** The sequence number of CSeq. */
  get cseq(): number {
    return cseqNumber(this.headers);
  }

  /** Throws SipError 400 or 416 when it cannot be read. */
  get from(): NameAddr {
    return (this.headers.fromSeen ??= parseNameAddr(this.headers.raw(FROM) ?? ''));
  }

  /** Throws SipError 400 or 416 when it cannot be read. */
  get to(): NameAddr {
    return (this.headers.toSeen ??= parseNameAddr(this.headers.raw(TO) ?? ''));
  }

  get fromTag(): string {
    return (this.headers.fromTagSeen ??= tagOf(this.headers, FROM));
  }

  /** Empty outside a dialog. */
  get toTag(): string {
    return (this.headers.toTagSeen ??= tagOf(this.headers, TO));
  }

  /** Latin1: one character a byte. */
  get body(): string {
    return this.headers.text.substring(this.headers.bodyAt);
  }

  /** Another body: text or bytes, 60 KB with the header fields; '' for none. `type`: what its Content-Type becomes. */
  setBody(body: string | Uint8Array, type?: string): void {
    replaceBody(this.headers, body, type);
  }

  /** The message as it stands, edits included. */
  get text(): string {
    return this.headers.text;
  }

  /** Edits of the copy leave this one as it is. */
  copy(): SipRequest {
    const copy = new SipRequest(this.method, this.headers.copy());
    copy.parsedUri = this.parsedUri;
    copy.firstUri = this.firstUri;
    return copy;
  }
}

/** A response; its text is changed through `headers`, `reason`, `setStatus` and `setBody`. */
export class SipResponse {
  readonly kind = 'response';
  readonly headers: Headers;
  private code: number;

  constructor(status: number, headers: Headers) {
    this.code = status;
    this.headers = headers;
  }

  get status(): number {
    return this.code;
  }

  get reason(): string {
    return this.headers.text.substring(12, this.headers.startsAt).trimEnd();
  }

  set reason(reason: string) {
    this.setStatusLine(this.code, reason);
  }

  /** Another status of its kind: what began, answered or refused a call still does. RFC 3261 §7.2 */
  setStatus(status: number, reason?: string): void {
    if (!Number.isInteger(status) || status <= 100 || status > 699 || kindOf(status) !== kindOf(this.code))
      throw new SipError('BAD_MESSAGE', 500, `a ${this.code} cannot become a ${status}`);
    this.setStatusLine(status, reason ?? reasonPhrase(status));
  }

  /** The method of CSeq: what this responds to. */
  get method(): Method {
    return cseqMethod(this.headers);
  }

  /** Whether its CSeq is that of a request; nothing is copied. RFC 3261 §17.1.3 */
  answers(method: Method, cseq: number): boolean {
    const { headers } = this;
    const { text } = headers;
    const place = headers.find(CSEQ);
    if (place < 0 || cseqNumber(headers) !== cseq) return false;
    const end = headers.valueEnd(place);
    const at = end - method.length;
    return at > headers.valueStart(place) && text.startsWith(method, at) && isBlank(text.charCodeAt(at - 1));
  }

  get callId(): string {
    return (this.headers.callIdSeen ??= this.headers.raw(CALL_ID) ?? '');
  }

  get cseq(): number {
    return cseqNumber(this.headers);
  }

  get fromTag(): string {
    return (this.headers.fromTagSeen ??= tagOf(this.headers, FROM));
  }

  get toTag(): string {
    return (this.headers.toTagSeen ??= tagOf(this.headers, TO));
  }

  get body(): string {
    return this.headers.text.substring(this.headers.bodyAt);
  }

  /** See {@link SipRequest.setBody}. */
  setBody(body: string | Uint8Array, type?: string): void {
    replaceBody(this.headers, body, type);
  }

  get text(): string {
    return this.headers.text;
  }

  /** Whether a second Via stands below ours: without one nobody is left to send this to. */
  get hasNextVia(): boolean {
    const { headers } = this;
    const first = headers.find(VIA);
    if ((headers.twice & (1 << VIA)) !== 0) return true;
    return headers.value(first).includes(',');
  }

  private setStatusLine(status: number, reason: string): void {
    const { headers } = this;
    reasonBytes(reason);
    headers.splice(8, headers.startsAt - 2, `${status} ${checkedValue('the reason', reason)}`);
    this.code = status;
  }
}

/** What is no nonsense. */
export type SipMessage = SipRequest | SipResponse;

const SP = 32;

/** 1: provisional, 2: a success, 3: a failure or a redirection. */
function kindOf(status: number): number {
  return Math.min(3, Math.floor(status / 100));
}

/** Where the Request-URI ends: at the last space of the request line. */
function uriEnd(text: string, startsAt: number): number {
  const bytes = bytesOf(text);
  let at = startsAt - 1;
  while (bytes[at] !== SP) at--;
  return at;
}

/** The number in CSeq; -1 when it is no number from 0 to 2^31 - 1. RFC 3261 §8.1.1.5. */
export function cseqNumber(headers: Headers): number {
  return (headers.cseqSeen ??= readCseq(headers));
}

function readCseq(headers: Headers): number {
  const place = headers.find(CSEQ);
  if (place < 0) return -1;
  const bytes = bytesOf(headers.text);
  const end = headers.valueEnd(place);
  let at = headers.valueStart(place);
  let value = -1;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    value = (value < 0 ? 0 : value) * 10 + digit;
    if (value > 0x7fffffff) return -1;
  }
  return value;
}

/** The method in CSeq; empty when there is none. */
export function cseqMethod(headers: Headers): Method {
  const place = headers.find(CSEQ);
  if (place < 0) return '';
  const value = headers.value(place);
  let at = 0;
  while (at < value.length && value.charCodeAt(at) >= 48 && value.charCodeAt(at) <= 57) at++;
  while (at < value.length && (value.charCodeAt(at) === SP || value.charCodeAt(at) === 9)) at++;
  return value.substring(at);
}

/** The `tag` parameter of From or To; empty when there is none. Skips quoted strings and what stands in `<…>`. */
export function tagOf(headers: Headers, id: number): string {
  const place = headers.find(id);
  if (place < 0) return '';
  const { text } = headers;
  const bytes = bytesOf(text);
  const end = headers.valueEnd(place);
  let at = nextParam(text, headers.valueStart(place), end);
  while (at >= 0) {
    const name = skipBlanks(bytes, at + 1, end);
    if (isTagName(bytes, name)) {
      const equals = skipBlanks(bytes, name + 3, end);
      if (bytes[equals] === 61 && equals < end) {
        const from = skipBlanks(bytes, equals + 1, end);
        return text.substring(from, paramEnd(bytes, from, end));
      }
    }
    at = nextParam(text, name, end);
  }
  return '';
}

/** The next `;` outside quoted strings and brackets, or -1. */
function nextParam(text: string, from: number, end: number): number {
  const bytes = bytesOf(text);
  let quoted = false;
  let at = from;
  for (; at < end; at++) {
    const c = bytes[at];
    if (c === 92 && quoted) at++;
    else if (c === 34) quoted = !quoted;
    else if (quoted) continue;
    else if (c === 60) {
      const close = text.indexOf('>', at);
      if (close < 0 || close >= end) return -1;
      at = close;
    } else if (c === 59) return at;
  }
  return -1;
}

function isTagName(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! | 32) === 116 && (bytes[at + 1]! | 32) === 97 && (bytes[at + 2]! | 32) === 103;
}

function paramEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const c = bytes[at]!;
    if (c === 59 || c === 44 || isBlank(c)) break;
  }
  return at;
}
