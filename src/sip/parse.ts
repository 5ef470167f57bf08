/** Bytes → request or response, header fields unparsed: one index pass over one string. RFC 3261 §7. */
import { CONTENT_LENGTH, MANDATORY_MASK } from './header-table.ts';
import { HEADER_LINES_MAX, indexed, indexHeaders, isSpOrTab, MISSING_END } from './header-index.ts';
import { Headers } from './headers.ts';
import { isTokenBetween } from './scan.ts';
import { type Method, SipRequest, SipResponse } from './message.ts';

/** What cannot be a message. `headers` are there when the fields could still be read, so that it can be answered. */
export interface BadMessage {
  readonly kind: 'bad';
  /** What to answer when it is a request. */
  readonly status: number;
  readonly why: string;
  /** Empty when not even a request line was found. */
  readonly method: Method;
  readonly headers: Headers | undefined;
}

/** A message longer than this is refused. */
export const MESSAGE_BYTES_MAX = 65_535;

/** Of a head that cannot be read so many lines are: what an answer is made of stands at the top. RFC 3261 §7.3.1 */
export const FIRST_LINES_MAX = 32;

/** What an answer is made of. RFC 3261 §8.2.6.2 */
const ANSWER_FIELD = /^(?:v|via|f|from|t|to|i|call-id|cseq)[ \t]*:/i;

const VERSION = 'SIP/2.0';
const CR = 13;
const SLASH = 47;

const USUAL_METHODS: readonly Method[] = [
  'ACK',
  'BYE',
  'INFO',
  'REFER',
  'PRACK',
  'INVITE',
  'CANCEL',
  'UPDATE',
  'NOTIFY',
  'OPTIONS',
  'MESSAGE',
  'PUBLISH',
  'REGISTER',
  'SUBSCRIBE',
];

/** Never throws. Bytes behind the Content-Length of a datagram are cut off (§18.3). */
export function parseMessage(text: string): SipRequest | SipResponse | BadMessage {
  const lineFeed = text.indexOf('\n');
  if (lineFeed < 0) return bad(400, 'the start line has no end');
  const lineEnd = text.charCodeAt(lineFeed - 1) === CR ? lineFeed - 1 : lineFeed;
  const index = indexHeaders(text, lineFeed + 1);
  if (index === MISSING_END) return cutShort(text, lineFeed, lineEnd);
  if (typeof index === 'string') return broken(text, index);
  const carriageReturn = text.indexOf('\r');
  if (carriageReturn >= 0 && carriageReturn < lineEnd) return broken(text, 'a CR stands alone');
  if (hasBareNul(text, indexed.bodyAt)) return broken(text, 'a NUL stands alone');
  if (indexed.bareLineFeeds || lineEnd === lineFeed) return parseMessage(withCrlf(text, indexed.bodyAt));
  if (isVersionInOddCase(text)) return parseMessage(`${VERSION}${text.substring(VERSION.length)}`);
  const headers = new Headers(text, index, lineFeed + 1);
  const cut = cutBody(headers);
  const message = text.startsWith('SIP/')
    ? parseStatusLine(headers, lineEnd)
    : parseRequestLine(headers, lineEnd);
  return cut === '' || message.kind === 'bad' ? message : bad(400, cut, methodOf(message), headers);
}

/**
 * Whoever we send this to may know CRLF alone as a line end: he must see the fields and the body that we saw.
 */
function withCrlf(text: string, bodyAt: number): string {
  return text.substring(0, bodyAt).replace(/\r?\n/g, '\r\n') + text.substring(bodyAt);
}

/** Whether a text is a response: no method holds a slash, and a version begins so, in any letter case (§7.1). */
export function isResponseText(text: string): boolean {
  return (
    text.charCodeAt(3) === SLASH && (text.startsWith('SIP/') || text.substring(0, 4).toUpperCase() === 'SIP/')
  );
}

/** Of a response. Whoever gets it from us may know capitals alone, in which it is to be sent (§7.1). */
function isVersionInOddCase(text: string): boolean {
  if (text.charCodeAt(3) !== SLASH || text.startsWith(VERSION)) return false;
  return text.substring(0, VERSION.length).toUpperCase() === VERSION;
}

/**
 * A request with a line that cannot be read is answered when those can that an answer is made of: all others are left
 * out.
 */
function broken(text: string, why: string): BadMessage {
  const lines = answerLines(text);
  const head = withCrlf(lines, lines.length);
  const startsAt = head.indexOf('\n') + 1;
  const index = indexHeaders(head, startsAt);
  if (typeof index === 'string' || head.includes('\0', startsAt)) return bad(400, why);
  const headers = new Headers(head, index, startsAt);
  const { method } = parseRequestLine(headers, startsAt - 2);
  const isWhole = (headers.seen & MANDATORY_MASK) === MANDATORY_MASK;
  return isWhole && method !== '' ? bad(400, why, method, headers) : bad(400, why);
}

/** The first line, and those fields among the next ones that an answer is made of, as a head. */
function answerLines(text: string): string {
  let lineEnd = text.indexOf('\n');
  let head = text.substring(0, lineEnd + 1);
  for (let lines = 0; lines < FIRST_LINES_MAX; lines++) {
    const start = lineEnd + 1;
    do lineEnd = text.indexOf('\n', lineEnd + 1);
    while (lineEnd >= 0 && isSpOrTab(text.charCodeAt(lineEnd + 1)));
    if (lineEnd < 0 || lineEnd === start || (text.charCodeAt(start) === CR && lineEnd === start + 1)) break;
    const line = text.substring(start, lineEnd + 1);
    if (ANSWER_FIELD.test(line)) head += line;
  }
  return `${head}\r\n`;
}

/** A NUL is allowed behind a backslash in quotes; anywhere else it ends a line or a text for many a parser. */
function hasBareNul(text: string, bodyAt: number): boolean {
  for (let at = text.indexOf('\0'); at >= 0 && at < bodyAt; at = text.indexOf('\0', at + 1)) {
    if (text[at - 1] !== '\\') return true;
  }
  return false;
}

/** The fields are read as far as they came, so that a request that was cut short can be answered. */
function cutShort(text: string, lineFeed: number, lineEnd: number): BadMessage {
  const index = indexHeaders(`${text}\r\n\r\n`, lineFeed + 1);
  if (typeof index === 'string') return broken(text, MISSING_END);
  const headers = new Headers(`${text}\r\n\r\n`, index, lineFeed + 1);
  const message = parseRequestLine(headers, lineEnd);
  return bad(400, MISSING_END, message.method, headers);
}

function methodOf(message: SipRequest | SipResponse): Method {
  return message.kind === 'request' ? message.method : '';
}

function parseRequestLine(headers: Headers, lineEnd: number): SipRequest | BadMessage {
  const { text } = headers;
  const space = text.indexOf(' ');
  if (space <= 0 || space >= lineEnd) return bad(400, 'the request line has no method');
  const method = knownMethod(text, space) ?? text.substring(0, space);
  if (!isTokenBetween(text, 0, space)) return bad(400, 'the method is no token');
  const second = text.indexOf(' ', space + 1);
  if (second <= space + 1 || second >= lineEnd)
    return bad(400, 'the request line has no Request-URI', method, headers);
  if (!isVersion2(text, second + 1, lineEnd))
    return badVersion(text.substring(second + 1, lineEnd), method, headers);
  return new SipRequest(method, headers);
}

/** `SIP/2.0`, in any letter case (§7.1). */
function isVersion2(text: string, at: number, end: number): boolean {
  return (
    end - at === VERSION.length &&
    (text.startsWith(VERSION, at) || text.substring(at, end).toUpperCase() === VERSION)
  );
}

function badVersion(version: string, method: Method, headers: Headers): BadMessage {
  const other = /^SIP\/\d+\.\d+$/i.test(version);
  return other
    ? bad(505, `SIP version ${version}`, method, headers)
    : bad(
        400,
        'the request line is not method, Request-URI and version with one space between',
        method,
        headers,
      );
}

function parseStatusLine(headers: Headers, lineEnd: number): SipResponse | BadMessage {
  const { text } = headers;
  if (!text.startsWith('SIP/2.0 ')) return bad(400, 'the status line is not of SIP/2.0');
  let status = 0;
  for (let i = 8; i < 11; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return bad(400, 'the status code is no number');
    status = status * 10 + digit;
  }
  const after = text.charCodeAt(11);
  if ((after !== 32 && lineEnd > 11) || status < 100 || status > 699)
    return bad(400, 'the status code is not 100 to 699');
  return new SipResponse(status, headers);
}

/** Applies Content-Length to a datagram: answers '' or what is wrong. */
function cutBody(headers: Headers): string {
  const place = headers.find(CONTENT_LENGTH);
  if (place < 0) return addLength(headers);
  const length = contentLength(headers, place);
  if (length < 0) return 'Content-Length is no number';
  if ((headers.twice & (1 << CONTENT_LENGTH)) !== 0) return 'Content-Length stands twice';
  const there = headers.text.length - headers.bodyAt;
  if (length > there) return `Content-Length says ${length}, the body has ${there} bytes`;
  if (length < there) headers.text = headers.text.substring(0, headers.bodyAt + length);
  return '';
}

/**
 * A datagram may do without; sent on over a stream, its body would be taken for the next message (§18.3).
 */
function addLength(headers: Headers): string {
  if (headers.index.length === HEADER_LINES_MAX * 4)
    return `more than ${HEADER_LINES_MAX - 1} header lines and no length`;
  const { bodyAt, endsAt, text } = headers;
  headers.splice(endsAt, endsAt, `Content-Length: ${text.length - bodyAt}\r\n`);
  return '';
}

/** The number in the Content-Length at this place; -1 when it is none, or above what any message may have. */
export function contentLength(headers: Headers, place: number): number {
  const { text } = headers;
  const end = headers.valueEnd(place);
  let at = headers.valueStart(place);
  if (at === end) return -1;
  let length = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
    if (length > 0x7fffffff) return -1;
  }
  return length;
}

function bad(status: number, why: string, method: Method = '', headers?: Headers): BadMessage {
  return { kind: 'bad', status, why, method, headers };
}

/** The usual methods without a copy. */
function knownMethod(text: string, length: number): Method | undefined {
  const known = length < 32 ? methods[methodPlace(length, text.charCodeAt(0))] : undefined;
  return known !== undefined && text.startsWith(known) ? known : undefined;
}

/** By length and first letter: no two share a place. */
const methods: (Method | undefined)[] = Array.from({ length: 1024 }, () => undefined);
for (const method of USUAL_METHODS) methods[methodPlace(method.length, method.charCodeAt(0))] = method;

function methodPlace(length: number, first: number): number {
  return (length << 5) | (first & 31);
}
