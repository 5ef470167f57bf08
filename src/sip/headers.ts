/**
 * The header fields of one message: positions in its text, nothing copied.
 *
 *   text   INVITE sip:bob@example.com SIP/2.0␍␊Via: SIP/2.0/UDP …␍␊From: …␍␊ … ␍␊␍␊body
 *          │                                 │                               │    │
 *          0                              startsAt                        endsAt  bodyAt
 *
 * `index` holds four numbers a field: id, start of the line, start of the value, end of the value.
 * A field that no one edits leaves as it came. An edit splices the text and indexes it again.
 */
import { bytesOf } from '../base/bytes.ts';
import { SipError } from '../base/errors.ts';
import { fullName, headerId, headerIdAt, headerName, OTHER, usualNameAt } from './header-table.ts';
import type { NameAddr } from './name-addr.ts';
import { isBlank, runEnd, skipBlanks, TOKEN } from './scan.ts';
import type { ViaSpan } from './via.ts';

/** More header lines than this are refused. */
export const HEADER_LINES_MAX = 256;
/** Lines of them that a request leaves to us and the script: what we sent we read again, for its ACK and its CANCEL. */
export const OWN_LINES = 16;

/** The fields of one message. */
export class Headers {
  text: string;
  index: readonly number[];
  startsAt: number;
  /** Where the empty line begins. */
  endsAt: number;
  bodyAt: number;
  /** One bit for each id that is present, and for each that stands more than once. */
  seen: number;
  twice: number;
  /** What was read of the text already, as long as it stands. */
  viaSeen: ViaSpan | undefined = undefined;
  cseqSeen: number | undefined = undefined;
  callIdSeen: string | undefined = undefined;
  fromTagSeen: string | undefined = undefined;
  toTagSeen: string | undefined = undefined;
  fromSeen: NameAddr | undefined = undefined;
  toSeen: NameAddr | undefined = undefined;

  constructor(text: string, index: readonly number[], startsAt: number) {
    this.text = text;
    this.index = index;
    this.startsAt = startsAt;
    this.endsAt = indexed.endsAt;
    this.bodyAt = indexed.bodyAt;
    this.seen = indexed.seen;
    this.twice = indexed.twice;
  }

  // ─── by position: for the core, which edits by splicing ───────────────────────────────────────

  /** The place in `index` of the first field with this id, or -1. */
  find(id: number): number {
    if ((this.seen & (1 << id)) === 0) return -1;
    return this.findFrom(id, 0);
  }

  /** The same, beginning at a place in `index`. */
  findFrom(id: number, from: number): number {
    const index = this.index;
    for (let i = from; i < index.length; i += 4) if (index[i] === id) return i;
    return -1;
  }

  lineStart(place: number): number {
    return this.index[place + 1]!;
  }

  valueStart(place: number): number {
    return this.index[place + 2]!;
  }

  valueEnd(place: number): number {
    return this.index[place + 3]!;
  }

  /** Where the line after this field begins. */
  lineEnd(place: number): number {
    return place + 4 < this.index.length ? this.index[place + 5]! : this.endsAt;
  }

  /** The whole line as it came, with its line end. */
  line(place: number): string {
    return this.text.substring(this.lineStart(place), this.lineEnd(place));
  }

  value(place: number): string {
    return unfold(this.text.substring(this.valueStart(place), this.valueEnd(place)));
  }

  /** The first value of a known field. */
  raw(id: number): string | undefined {
    const place = this.find(id);
    return place < 0 ? undefined : this.value(place);
  }

  // ─── by name: for scripts and services ───────────────────────────────────────────────────────

  has(name: string): boolean {
    return this.placeOf(name, 0) >= 0;
  }

  /** The first line's value, unfolded; undefined when the field is missing. */
  get(name: string): string | undefined {
    const place = this.placeOf(name, 0);
    return place < 0 ? undefined : this.value(place);
  }

  /** Every line's value, in order. A line may hold several values: see `splitList`. */
  all(name: string): readonly string[] {
    const values: string[] = [];
    for (let at = this.placeOf(name, 0); at >= 0; at = this.placeOf(name, at + 4))
      values.push(this.value(at));
    return values;
  }

  /** Replaces the first line's value and removes the other lines; adds the field when it is missing. */
  set(name: string, value: string | number): void {
    const place = this.placeOf(name, 0);
    if (place < 0) {
      this.add(name, value, 'bottom');
      return;
    }
    const first = checkedValue(name, String(value));
    this.removeAfter(name, place + 4);
    this.splice(this.valueStart(place), this.valueEnd(place), first);
  }

  add(name: string, value: string | number, at: 'top' | 'bottom' = 'bottom'): void {
    const line = `${checkedName(name)}: ${checkedValue(name, String(value))}\r\n`;
    const place = this.placeOf(name, 0);
    const top = place < 0 ? this.startsAt : this.lineStart(place);
    const position = at === 'top' ? top : this.endsAt;
    this.splice(position, position, line);
  }

  remove(name: string): void {
    this.removeAfter(name, 0);
  }

  /** Replaces [from, to) of the text and finds the fields again. */
  splice(from: number, to: number, insert: string): void {
    const text = replaced(this.text, from, to, insert);
    const startsAt = from < this.startsAt ? this.startsAt + insert.length - (to - from) : this.startsAt;
    const index = indexHeaders(text, startsAt);
    if (typeof index === 'string')
      throw new SipError('BAD_HEADER', 500, `an edit broke the message: ${index}`);
    this.text = text;
    this.index = index;
    this.startsAt = startsAt;
    this.endsAt = indexed.endsAt;
    this.bodyAt = indexed.bodyAt;
    this.seen = indexed.seen;
    this.twice = indexed.twice;
    this.forget();
  }

  /** Replaces [from, to) inside the value of one field by text without a line break: the fields only move. */
  spliceValue(place: number, from: number, to: number, insert: string): void {
    const moved = insert.length - (to - from);
    const index = this.index.slice();
    index[place + 3]! += moved;
    for (let i = place + 4; i < index.length; i += 4) {
      index[i + 1]! += moved;
      index[i + 2]! += moved;
      index[i + 3]! += moved;
    }
    this.text = replaced(this.text, from, to, insert);
    this.index = index;
    this.endsAt += moved;
    this.bodyAt += moved;
    this.forget();
  }

  private forget(): void {
    this.viaSeen = undefined;
    this.cseqSeen = undefined;
    this.callIdSeen = undefined;
    this.fromTagSeen = undefined;
    this.toTagSeen = undefined;
    this.fromSeen = undefined;
    this.toSeen = undefined;
  }

  private removeAfter(name: string, from: number): void {
    let at = this.placeOf(name, from);
    if (at < 0) return;
    const first = this.lineStart(at);
    let kept = '';
    let end = first;
    for (; at >= 0; at = this.placeOf(name, at + 4)) {
      kept += this.text.substring(end, this.lineStart(at));
      end = this.lineEnd(at);
    }
    this.splice(first, end, kept); // Once: each time all fields are found again.
  }

  private placeOf(name: string, from: number): number {
    const id = headerId(name);
    if (id !== OTHER) return this.findFrom(id, from);
    const wanted = fullName(name);
    for (let i = from; i < this.index.length; i += 4) {
      if (this.index[i] === OTHER && fullName(this.nameAt(i)) === wanted) return i;
    }
    return -1;
  }

  /** The field's name as the peer wrote it. */
  nameAt(place: number): string {
    if (this.index[place] !== OTHER) return headerName(this.index[place]!);
    const start = this.lineStart(place);
    return this.text.substring(start, this.text.indexOf(':', start)).trimEnd();
  }
}

/** Joined, not added up: a sum is kept in parts, and every look at a character goes through them ever after. */
function replaced(text: string, from: number, to: number, insert: string): string {
  return [text.substring(0, from), insert, text.substring(to)].join('');
}

/** What the last call of `indexHeaders` found beside the fields; read at once by its caller. */
export const indexed = { endsAt: 0, bodyAt: 0, seen: 0, twice: 0, bareLineFeeds: false };

/** The message stops within its header fields. */
export const MISSING_END = 'the empty line after the header fields is missing';

/** Where an index is put together before it is known how long it will be. */
const scratch: number[] = Array.from({ length: HEADER_LINES_MAX * 4 }, () => 0);

const CR = 13;
const LF = 10;
const SP = 32;
const TAB = 9;
const COLON = 58;

/** What stands before a colon and names no field. */
const NO_NAME = -1;

/**
 * Finds the header fields that begin at `startsAt`. Folded lines are part of their field (§7.3.1).
 * A CR alone is no line end here but may be one to the next parser, which would see a field that we did not: refused.
 * Answers the index, or in words what is wrong.
 */
export function indexHeaders(text: string, startsAt: number): readonly number[] | string {
  const bytes = bytesOf(text);
  let count = 0;
  let seen = 0;
  let twice = 0;
  let bareLineFeeds = false;
  let at = startsAt;
  let carriageReturn = text.indexOf('\r', at);
  for (;;) {
    const c = bytes[at];
    if (c === CR && bytes[at + 1] === LF) {
      indexed.bodyAt = at + 2;
      break;
    }
    if (c === LF) {
      indexed.bodyAt = at + 1;
      bareLineFeeds = true;
      break;
    }
    if (at >= text.length) return MISSING_END;
    let end = at - 1;
    do {
      end = text.indexOf('\n', end + 1);
      if (end < 0) return MISSING_END;
      if (carriageReturn === end - 1) carriageReturn = text.indexOf('\r', end);
      else if (carriageReturn < 0 || carriageReturn > end) bareLineFeeds = true;
      else return 'a CR stands alone';
    } while (isSpOrTab(bytes[end + 1]!));
    const usual = usualNameAt(bytes, at);
    const colon = usual === undefined ? colonAt(bytes, at, end) : at + usual.length;
    if (colon === end) return 'a header field has no colon';
    const id = usual === undefined ? nameIdAt(text, at, colon) : usual.id;
    if (id === NO_NAME) return 'a header field has no name';
    let valueEnd = end;
    while (valueEnd > colon + 1 && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    const value = skipBlanks(bytes, colon + 1, valueEnd);
    if (id !== OTHER) {
      const bit = 1 << id;
      if ((seen & bit) !== 0) twice |= bit;
      seen |= bit;
    }
    if (count === scratch.length) return `more than ${HEADER_LINES_MAX} header lines`;
    scratch[count] = id;
    scratch[count + 1] = at;
    scratch[count + 2] = value;
    scratch[count + 3] = valueEnd;
    count += 4;
    at = end + 1;
  }
  indexed.endsAt = at;
  indexed.seen = seen;
  indexed.twice = twice;
  indexed.bareLineFeeds = bareLineFeeds;
  return scratch.slice(0, count);
}

/** The first colon in [from, to), or `to`. */
function colonAt(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== COLON) at++;
  return at;
}

/** The id of the name before a colon, blanks between them left out; NO_NAME when it is no token. */
function nameIdAt(text: string, from: number, colon: number): number {
  const bytes = bytesOf(text);
  let end = colon;
  while (end > from && isSpOrTab(bytes[end - 1]!)) end--;
  const id = headerIdAt(bytes, from, end - from);
  return id === OTHER && !isTokenBetween(text, from, end) ? NO_NAME : id;
}

function isSpOrTab(c: number): boolean {
  return c === SP || c === TAB;
}

/** Whether a character may stand in a token. */
export function isTokenChar(c: number): boolean {
  return TOKEN[c] === 1;
}

/** Whether the whole text is a token. */
export function isToken(text: string): boolean {
  return isTokenBetween(text, 0, text.length);
}

/** Whether [from, to) is a token. */
export function isTokenBetween(text: string, from: number, to: number): boolean {
  return to > from && runEnd(bytesOf(text), from, to, TOKEN) === to;
}

/** A folded value on one line. RFC 3261 §7.3.1: any LWS may be replaced by one space. */
function unfold(value: string): string {
  if (!value.includes('\n')) return value;
  // Line by line: one expression over all of it would look at a long run of blanks once for each of them.
  return value.split('\n').map(withoutBlanks).join(' ');
}

/** Not `trim`: that takes the byte A0 too, which ends many a letter in UTF-8. */
function withoutBlanks(line: string): string {
  let from = 0;
  let to = line.length;
  while (from < to && isBlank(line.charCodeAt(from))) from++;
  while (to > from && isBlank(line.charCodeAt(to - 1))) to--;
  return line.substring(from, to);
}

function checkedName(name: string): string {
  if (!isToken(name)) throw new SipError('BAD_HEADER', 500, `not a header name: ${JSON.stringify(name)}`);
  return name;
}

/** A value set by a script must not begin a header field of its own. What is beyond latin1 becomes UTF-8. */
export function checkedValue(name: string, value: string): string {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c > 255) return checkedValue(name, asBytes(value));
    if (c === CR || c === LF || c === 0) {
      throw new SipError('BAD_HEADER', 500, `a line break or NUL in the value of ${name}`);
    }
  }
  return value;
}

/** A text as it goes on the wire, one character a byte: UTF-8 if it holds more than latin1. RFC 3261 §25.1 */
export function asBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 255) return Buffer.from(text, 'utf8').latin1Slice();
  }
  return text;
}
