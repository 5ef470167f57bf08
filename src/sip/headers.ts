/**
 * The header fields of one message: positions in its text, nothing copied.
 *
 *   text   INVITE sip:bob@example.com SIP/2.0␍␊Via: SIP/2.0/UDP …␍␊From: …␍␊ … ␍␊␍␊body
 *          │                                 │                               │    │
 *          0                              startsAt                        endsAt  bodyAt
 *
 * `index` holds four numbers a field: id, start of the line, start of the value, end of the value.
 * A field that no one edits leaves as it came. An edit splices the text; one that moves fields only moves their
 * positions, any other indexes the text again.
 */
import { SipError } from '../base/errors.ts';
import { guardAddition, guardChange, guardRemoval } from './edit-guard.ts';
import { HEADER_LINES_MAX, indexed, indexHeaders } from './header-index.ts';
import { type FieldName, fieldName, fullName, headerName, OTHER } from './header-table.ts';
import type { NameAddr } from './name-addr.ts';
import { isBlank, isTokenChar } from './scan.ts';
import type { ViaSpan } from './via.ts';

const CR = 13;
const LF = 10;

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
    return this.placeOf(fieldName(name), 0) >= 0;
  }

  /** The first line's value, unfolded; undefined when the field is missing. */
  get(name: string): string | undefined {
    const place = this.placeOf(fieldName(name), 0);
    return place < 0 ? undefined : this.value(place);
  }

  /** Every line's value, in order. A line may hold several values: see `splitList`. */
  all(name: string): readonly string[] {
    const values: string[] = [];
    const field = fieldName(name);
    for (let at = this.placeOf(field, 0); at >= 0; at = this.placeOf(field, at + 4))
      values.push(this.value(at));
    return values;
  }

  /** Replaces the first line's value and removes the other lines; adds the field when it is missing. */
  set(name: string, value: string | number): void {
    const field = fieldName(name);
    guardChange(this, field.id, value);
    const place = this.placeOf(field, 0);
    if (place < 0) {
      this.add(name, value, 'bottom');
      return;
    }
    const first = checkedValue(name, String(value));
    this.removeAfter(field, place + 4);
    const [from, to] = [this.valueStart(place), this.valueEnd(place)];
    if (isTrimmed(first)) this.spliceValue(place, from, to, first);
    else this.splice(from, to, first);
  }

  add(name: string, value: string | number, at: 'top' | 'bottom' = 'bottom'): void {
    const field = fieldName(name);
    guardAddition(this, field.id, value);
    const text = checkedValue(name, String(value));
    const line = `${checkedName(name)}: ${text}\r\n`;
    if (at === 'bottom' && isTrimmed(text) && this.index.length < HEADER_LINES_MAX * 4) {
      this.append(field.id, line, name.length + 2);
      return;
    }
    const place = this.placeOf(field, 0);
    const top = place < 0 ? this.startsAt : this.lineStart(place);
    const position = at === 'top' ? top : this.endsAt;
    this.splice(position, position, line);
  }

  /** One more line at the end: no other field moves, and nothing that was read of them is another now. */
  private append(id: number, line: string, valueAt: number): void {
    const { endsAt } = this;
    const index = this.index.slice();
    index.push(id, endsAt, endsAt + valueAt, endsAt + line.length - 2);
    this.text = replaced(this.text, endsAt, endsAt, line);
    this.index = index;
    this.endsAt += line.length;
    this.bodyAt += line.length;
    if (id === OTHER) return;
    const bit = 1 << id;
    if ((this.seen & bit) !== 0) this.twice |= bit;
    this.seen |= bit;
    this.forget();
  }

  remove(name: string): void {
    const field = fieldName(name);
    guardRemoval(this, field.id);
    this.removeAfter(field, 0);
  }

  /** Edits of the copy leave this one as it is. */
  copy(): Headers {
    const copy = new Headers(this.text, this.index, this.startsAt);
    copy.endsAt = this.endsAt;
    copy.bodyAt = this.bodyAt;
    copy.seen = this.seen;
    copy.twice = this.twice;
    copy.viaSeen = this.viaSeen;
    copy.cseqSeen = this.cseqSeen;
    copy.callIdSeen = this.callIdSeen;
    copy.fromTagSeen = this.fromTagSeen;
    copy.toTagSeen = this.toTagSeen;
    copy.fromSeen = this.fromSeen;
    copy.toSeen = this.toSeen;
    return copy;
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

  private removeAfter(field: FieldName, from: number): void {
    let at = this.placeOf(field, from);
    if (at < 0) return;
    const first = this.lineStart(at);
    let kept = '';
    let end = first;
    for (; at >= 0; at = this.placeOf(field, at + 4)) {
      kept += this.text.substring(end, this.lineStart(at));
      end = this.lineEnd(at);
    }
    this.splice(first, end, kept); // Once: each time all fields are found again.
  }

  private placeOf({ id, full }: FieldName, from: number): number {
    if (id !== OTHER) return this.findFrom(id, from);
    for (let i = from; i < this.index.length; i += 4)
      if (this.index[i] === OTHER && this.mayBe(i, full) && fullName(this.nameAt(i)) === full) return i;
    return -1;
  }

  /** Whether the name at a place begins as this one does, or is a compact form of one letter. */
  private mayBe(place: number, full: string): boolean {
    const start = this.lineStart(place);
    const first = this.text.charCodeAt(start);
    const wanted = full.charCodeAt(0);
    return first === wanted || (first | 32) === wanted || !isTokenChar(this.text.charCodeAt(start + 1));
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

/** A name that stands in a header line. */
export function checkedName(name: string): string {
  if (!fieldName(name).isToken)
    throw new SipError('BAD_HEADER', 500, `not a header name: ${JSON.stringify(name)}`);
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

/** Whether a value has neither nothing in it nor blanks around it: then it stands where it is written. */
function isTrimmed(value: string): boolean {
  return value !== '' && !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1));
}

/** A text as it goes on the wire, one character a byte: UTF-8 if it holds more than latin1. RFC 3261 §25.1 */
export function asBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 255) return Buffer.from(text, 'utf8').latin1Slice();
  }
  return text;
}
