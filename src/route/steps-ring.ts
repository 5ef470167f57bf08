/**
 * What scripts did lately, packed in a ring of pages: none of it is on the JavaScript heap. When all pages are in use
 * the oldest one is written over.
 *
 *   word  0      1                        2    3       4     5      6       7
 *       ┌──────┬─────────────────────────┬────────────┬─────┬──────┬───────┬──────┬───────────────┐
 *       │bytes │kind, code, bytes of text│ at, double │ low │ high │number │ flag │ text in UTF-8 │
 *       └──────┴─────────────────────────┴────────────┴─────┴──────┴───────┴──────┴───────────────┘
 *                                                     hash of the Call-ID
 */
import type { Millis } from '../base/world.ts';

/** All pages of one ring together. */
export const STEPS_BYTES_MAX = 32 << 20;
/** Characters of one record; what is longer is cut. */
export const STEP_TEXT_MAX = 600;

const PAGE_BYTES = 1 << 18;
const HEAD_BYTES = 32;
const BYTES_A_CHARACTER = 3;
const TEXT_BYTES_MAX = STEP_TEXT_MAX * BYTES_A_CHARACTER;
const RECORD_BYTES_MAX = HEAD_BYTES + TEXT_BYTES_MAX + 8;

/** One record, as it was put in. `kind` and `code` are bytes. */
export interface StepRecord {
  readonly kind: number;
  readonly code: number;
  readonly atMs: Millis;
  readonly number: number;
  readonly flag: number;
  readonly text: string;
}

/** A page and the views on it. */
class Page {
  readonly bytes = Buffer.from(new ArrayBuffer(PAGE_BYTES));
  readonly words = new Int32Array(this.bytes.buffer);
  readonly doubles = new Float64Array(this.bytes.buffer);
  used = 0;
}

/** See the figure above. */
export class StepsRing {
  private readonly pages: Page[] = [];
  private readonly pagesMax: number;
  /** The page that is written now; -1 before the first record. */
  private at = -1;

  constructor(bytesMax = STEPS_BYTES_MAX) {
    this.pagesMax = Math.max(2, Math.floor(bytesMax / PAGE_BYTES));
  }

  /** What is in use of the machine's memory. */
  get bytes(): number {
    return this.pages.length * PAGE_BYTES;
  }

  put(
    kind: number,
    code: number,
    atMs: Millis,
    low: number,
    high: number,
    number: number,
    flag: number,
    text: string,
  ): void {
    let page = this.pages[this.at];
    if (page === undefined || page.used + RECORD_BYTES_MAX > PAGE_BYTES) page = this.nextPage();
    const start = page.used;
    const word = start >> 2;
    const { words, bytes } = page;
    const cut = text.length > STEP_TEXT_MAX ? text.substring(0, STEP_TEXT_MAX) : text;
    const length = bytes.utf8Write(cut, start + HEAD_BYTES, TEXT_BYTES_MAX);
    const size = (HEAD_BYTES + length + 7) & ~7;
    words[word] = size;
    words[word + 1] = kind | (code << 8) | (length << 16);
    page.doubles[(start >> 3) + 1] = atMs;
    words[word + 4] = low;
    words[word + 5] = high;
    words[word + 6] = number;
    words[word + 7] = flag;
    page.used = start + size;
  }

  /** The records of one Call-ID, oldest first, a page at a time: whoever asks may let others have their turn. */
  *of(low: number, high: number): Generator<readonly StepRecord[]> {
    for (const page of [...this.pages.slice(this.at + 1), ...this.pages.slice(0, this.at + 1)]) {
      yield [...recordsIn(page, low, high)];
    }
  }

  private nextPage(): Page {
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

function* recordsIn({ words, doubles, bytes, used }: Page, low: number, high: number): Generator<StepRecord> {
  for (let start = 0; start < used;) {
    const word = start >> 2;
    const head = words[word + 1] ?? 0;
    if (words[word + 4] === low && words[word + 5] === high) {
      yield {
        kind: head & 0xff,
        code: (head >>> 8) & 0xff,
        atMs: doubles[(start >> 3) + 1] ?? 0,
        number: words[word + 6] ?? 0,
        flag: words[word + 7] ?? 0,
        text: bytes.toString('utf8', start + HEAD_BYTES, start + HEAD_BYTES + (head >>> 16)),
      };
    }
    start += words[word] ?? PAGE_BYTES;
  }
}
