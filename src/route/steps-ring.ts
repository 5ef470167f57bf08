/**
 * What scripts did lately, packed in a ring of pages: none of it is on the JavaScript heap. When all pages are in use
 * the oldest one is written over.
 *
 *   word  0      1                         2    3       4     5      6       7
 *       ┌──────┬──────────────────────────┬────────────┬─────┬──────┬───────┬──────┬───────┐
 *       │bytes │kind, code, bytes of texts│ at, double │ low │ high │number │ flag │ texts │
 *       └──────┴──────────────────────────┴────────────┴─────┴──────┴───────┴──────┴───────┘
 *                                                       hash of the Call-ID
 *
 * A text ends with a zero byte. One that comes again and again (a service, a method, a line of a script) is a word: its
 * number stands for it, behind a byte that UTF-8 has not. The URI that was written last is not written again (a script
 * asks several services about one): its place in the page and its length stand for it, behind another such byte.
 */
import { offHeap } from '../base/off-heap.ts';
import type { Millis } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import { addPlainUri, type Pieces } from './steps-texts.ts';

/** All pages of one ring together. */
export const STEPS_BYTES_MAX = 32 << 20;
/** Bytes that the texts of one record have together; what is longer is cut. */
export const STEP_TEXTS_BYTES_MAX = 1_800;
/** Words with a number, and how long one may be, for a stranger chooses methods; others are texts like any. */
export const WORDS_MAX = 4_096;
export const WORD_LENGTH_MAX = 64;

const PAGE_BYTES = 1 << 18;
const HEAD_BYTES = 32;
const END = 0;
const SPACE = 0x20;
const WORD = 0xff;
const WORD_BYTES = 4;
const AGAIN = 0xfe;
/** That byte, three for the place and two for the length. */
const AGAIN_BYTES = 6;
const ASCII_MAX = 0x7f;
const CHARACTER_BYTES_MAX = 4;
const RECORD_BYTES_MAX = HEAD_BYTES + STEP_TEXTS_BYTES_MAX + 8;

/** One record, as it was put in. `kind` and `code` are bytes. */
export interface StepRecord {
  readonly kind: number;
  readonly code: number;
  readonly atMs: Millis;
  readonly number: number;
  readonly flag: number;
  readonly texts: readonly string[];
}

/** A page and the views on it. */
class Page {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  used = 0;

  constructor(size = PAGE_BYTES) {
    this.bytes = offHeap(size);
    this.words = new Int32Array(this.bytes.buffer);
    this.doubles = new Float64Array(this.bytes.buffer);
  }
}

const NO_PAGE = new Page(0);

/** See the figure above. */
export class StepsRing implements Pieces {
  private readonly pages: Page[] = [];
  private readonly pagesMax: number;
  /** The page that is written now; -1 before the first record. */
  private at = -1;
  // Where the record that is open is written: to which byte next, and how far at most.
  private page = NO_PAGE;
  private to = 0;
  private end = 0;
  // The URI that was written last, and where in the page.
  private lastUri: Uri | undefined = undefined;
  private uriStart = 0;
  private uriEnd = 0;
  private readonly words: string[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(bytesMax = STEPS_BYTES_MAX) {
    this.pagesMax = Math.max(2, Math.floor(bytesMax / PAGE_BYTES));
  }

  /** What is in use of the machine's memory. */
  get bytes(): number {
    return this.pages.length * PAGE_BYTES;
  }

  /** Begins a record; its words and texts follow, then its end. */
  open(
    kind: number,
    code: number,
    atMs: Millis,
    low: number,
    high: number,
    number: number,
    flag: number,
  ): void {
    let page = this.pages[this.at];
    if (page === undefined || page.used + RECORD_BYTES_MAX > PAGE_BYTES) page = this.nextPage();
    const start = page.used;
    if (this.uriEnd > start) this.lastUri = undefined; // The record before was never closed: it is written over.
    const word = start >> 2;
    const { words } = page;
    words[word + 1] = kind | (code << 8);
    page.doubles[(start >> 3) + 1] = atMs;
    words[word + 4] = low;
    words[word + 5] = high;
    words[word + 6] = number;
    words[word + 7] = flag;
    this.page = page;
    this.to = start + HEAD_BYTES;
    this.end = this.to + STEP_TEXTS_BYTES_MAX;
  }

  /** A text that comes again and again. */
  word(text: string): void {
    const number = this.numbers.get(text) ?? this.newWord(text);
    if (number === undefined || this.to + WORD_BYTES > this.end) return this.text(text);
    const { bytes } = this.page;
    bytes[this.to++] = WORD;
    bytes[this.to++] = number & 0xff;
    bytes[this.to++] = number >> 8;
    bytes[this.to++] = END;
  }

  text(text: string): void {
    this.add(text);
    this.endText();
  }

  /** A piece of a text. */
  add(piece: string): void {
    const { bytes } = this.page;
    const last = this.end - 1;
    const { length } = piece;
    let { to } = this;
    for (let i = 0; i < length && to < last; i++) {
      const code = piece.charCodeAt(i);
      if (code > ASCII_MAX) {
        to += bytes.utf8Write(piece.substring(i).replaceAll('\0', ' '), to, last - to);
        break;
      }
      bytes[to++] = code === END ? SPACE : code;
    }
    this.to = to;
  }

  /** A URI that is a piece of a text. */
  addUri(uri: Uri): void {
    const length = this.uriEnd - this.uriStart;
    if (uri === this.lastUri && this.to + length < this.end) return this.addAgain(this.uriStart, length);
    const start = this.to;
    addPlainUri(uri, this);
    const isWhole = this.to + CHARACTER_BYTES_MAX < this.end;
    this.lastUri = isWhole && this.to - start > AGAIN_BYTES ? uri : undefined;
    this.uriStart = start;
    this.uriEnd = this.to;
  }

  endText(): void {
    if (this.to < this.end) this.page.bytes[this.to++] = END;
  }

  /** It takes as much of the record's room as if it stood there: what is told of one record stays as short. */
  private addAgain(start: number, length: number): void {
    const { bytes } = this.page;
    bytes[this.to++] = AGAIN;
    bytes[this.to++] = start & 0xff;
    bytes[this.to++] = (start >> 8) & 0xff;
    bytes[this.to++] = start >> 16;
    bytes[this.to++] = length & 0xff;
    bytes[this.to++] = length >> 8;
    this.end -= length - AGAIN_BYTES;
  }

  close(): void {
    const { page, to } = this;
    const start = page.used;
    const word = start >> 2;
    const size = (to - start + 7) & ~7;
    page.words[word] = size;
    page.words[word + 1] = (page.words[word + 1] ?? 0) | ((to - start - HEAD_BYTES) << 16);
    page.used = start + size;
  }

  /** The records of one Call-ID, oldest first, a page at a time: whoever asks may let others have their turn. */
  *of(low: number, high: number): Generator<readonly StepRecord[]> {
    for (const page of [...this.pages.slice(this.at + 1), ...this.pages.slice(0, this.at + 1)]) {
      yield [...this.recordsIn(page, low, high)];
    }
  }

  private *recordsIn(
    { words, doubles, bytes, used }: Page,
    low: number,
    high: number,
  ): Generator<StepRecord> {
    for (let start = 0; start < used;) {
      const word = start >> 2;
      const head = words[word + 1] ?? 0;
      if (words[word + 4] === low && words[word + 5] === high) {
        const texts = start + HEAD_BYTES;
        yield {
          kind: head & 0xff,
          code: (head >>> 8) & 0xff,
          atMs: doubles[(start >> 3) + 1] ?? 0,
          number: words[word + 6] ?? 0,
          flag: words[word + 7] ?? 0,
          texts: this.textsIn(bytes, texts, texts + (head >>> 16)),
        };
      }
      start += words[word] ?? PAGE_BYTES;
    }
  }

  private textsIn(bytes: Buffer, from: number, to: number): string[] {
    const texts: string[] = [];
    let text = '';
    for (let at = from; at < to;) {
      const first = bytes[at];
      if (first === WORD) {
        text = this.words[bytes.readUInt16LE(at + 1)] ?? '';
        at += WORD_BYTES - 1;
      } else if (first === AGAIN) {
        const start = bytes.readUIntLE(at + 1, 3);
        text += bytes.toString('utf8', start, start + bytes.readUInt16LE(at + 4));
        at += AGAIN_BYTES;
      } else if (first === END) {
        texts.push(text);
        text = '';
        at++;
      } else {
        const end = plainEnd(bytes, at, to);
        text += bytes.toString('utf8', at, end);
        at = end;
      }
    }
    return texts;
  }

  private newWord(text: string): number | undefined {
    const number = this.words.length;
    if (number === WORDS_MAX || text.length > WORD_LENGTH_MAX) return undefined;
    this.words.push(text);
    this.numbers.set(text, number);
    return number;
  }

  private nextPage(): Page {
    this.lastUri = undefined;
    if (this.pages.length < this.pagesMax) {
      this.at = this.pages.length;
      const page = new Page();
      this.pages.push(page);
      return page;
    }
    this.at = (this.at + 1) % this.pagesMax;
    const page = this.pages[this.at] as Page; // All pages are there by now.
    page.used = 0;
    return page;
  }
}

/** Where what stands at this place byte by byte ends. */
function plainEnd(bytes: Buffer, from: number, to: number): number {
  let end = from;
  while (end < to && bytes[end] !== END && bytes[end] !== AGAIN) end++;
  return end;
}
