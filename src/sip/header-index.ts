/** Where the header fields of a text stand: four numbers a field, found in one pass. RFC 3261 §7.3.1. */
import { bytesOf } from '../base/bytes.ts';
import { headerIdAt, OTHER, usualNameAt } from './header-table.ts';
import { isBlank, isTokenBetween, skipBlanks } from './scan.ts';

/** More header lines than this are refused. */
export const HEADER_LINES_MAX = 256;
/** Lines of them that a request leaves to us and the script: what we sent we read again, for its ACK and its CANCEL. */
export const OWN_LINES = 16;

/** What the last call of `indexHeaders` found beside the fields; read at once by its caller. */
export const indexed = { endsAt: 0, bodyAt: 0, seen: 0, twice: 0, bareLineFeeds: false };

/** What was found in the head of a text that is parsed next; `indexed` still tells the rest. */
const ahead: { text: string; index: readonly number[] } = { text: '', index: [] };

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
  if (text === ahead.text && text !== '') return takeAhead();
  ahead.text = '';
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

/** The fields of this text are those that were just found in its head: they need not be looked for again. */
export function indexedAhead(text: string, index: readonly number[]): void {
  ahead.text = text;
  ahead.index = index;
}

/** Once: whoever gets an index may change it. */
function takeAhead(): readonly number[] {
  ahead.text = '';
  return ahead.index;
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

/** Whether a line that begins so goes on with the field before it. RFC 3261 §7.3.1 */
export function isSpOrTab(c: number): boolean {
  return c === SP || c === TAB;
}
