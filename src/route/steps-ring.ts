/**
 * What scripts did lately, packed in a ring of pages: none of it is on the JavaScript heap. When all pages are in use
 * the oldest one is written over. Steps of one call that are taken at one moment, with none of another call in between,
 * stand together behind one head:
 *
 *   word  0       2            4     5
 *       ┌───────┬────────────┬─────┬──────┬──────┬──────┬ ─ ─
 *       │ bytes │ at, double │ low │ high │ step │ step │
 *       └───────┴────────────┴─────┴──────┴──────┴──────┴ ─ ─
 *                              hash of the Call-ID
 *   word  0                        1        2
 *       ┌────────────────────────┬────────┬───────┐
 *  step │ phrase, bytes of texts │ number │ texts │
 *       └────────────────────────┴────────┴───────┘
 *
 * Three texts are those of the phrase, where it has a number; see steps-phrases.ts. A text ends with a zero byte. The
 * URI of a call that was written last is not written again (a script asks several services about one): its place in the
 * page and its length stand for it, behind a byte that UTF-8 has not.
 */
import { offHeap } from '../base/off-heap.ts';
import type { Millis } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import { Phrase, PHRASE_CHARACTERS_MAX, PhraseBook } from './steps-phrases.ts';
import { addPlainUri, type Pieces } from './steps-texts.ts';

/** All pages of one ring together. */
export const STEPS_BYTES_MAX = 32 << 20;
/** Bytes that the texts of one step have together; what is longer is cut. */
export const STEP_TEXTS_BYTES_MAX = 1_800;

const PAGE_BYTES = 1 << 18;
const GROUP_BYTES = 24;
const HEAD_BYTES = 8;
/** What a page must have left for one step more, with a head. */
const ROOM_BYTES = 8 + GROUP_BYTES + HEAD_BYTES + STEP_TEXTS_BYTES_MAX + 4;
/** In the place of a phrase that has no number stand kind and code, and its texts before the others. */
const BARE = 0x8000;
const CODE_SHIFT = 4;
const KIND_MASK = (1 << CODE_SHIFT) - 1;
const END = 0;
const SPACE = 0x20;
const AGAIN = 0xfe;
/** That byte, three for the place and two for the length. */
const AGAIN_BYTES = 6;
const ASCII_MAX = 0x7f;
const CHARACTER_BYTES_MAX = 4;
const NO_GROUP = -1;

/** What the steps of one call have in common: 64 bits of a hash of its Call-ID, a half each. */
export class CallMark {
  readonly low: number;
  readonly high: number;
  /** The URI that was written last for it, and where; of another turn it is gone. */
  uri: Uri | undefined = undefined;
  uriStart = 0;
  uriBytes = 0;
  uriTurn = 0;

  constructor(low: number, high: number) {
    this.low = low;
    this.high = high;
  }
}

/** One step, as it was put in. The first three texts are those of its phrase. */
export interface StepRecord {
  readonly kind: number;
  readonly code: number;
  readonly atMs: Millis;
  readonly number: number;
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
const NOBODY = new CallMark(0, 0);
const NO_PHRASE = new Phrase(0, 0, 0);

/** See the figures above. */
export class StepsRing implements Pieces {
  private readonly pages: Page[] = [];
  private readonly pagesMax: number;
  private readonly phrases = new PhraseBook();
  /** The page that is written now; -1 before the first step. */
  private at = -1;
  /** Another one for each page that is begun: what is remembered of places holds for one. */
  private turn = 0;
  private page = NO_PAGE;
  // The head that steps are put behind now.
  private group = NO_GROUP;
  private atMs: Millis = 0;
  private mark = NOBODY;
  // Where the step that is open is written: to which byte next, and how far at most.
  private isOpen = false;
  private start = 0;
  private to = 0;
  private end = 0;

  constructor(bytesMax = STEPS_BYTES_MAX) {
    this.pagesMax = Math.max(2, Math.floor(bytesMax / PAGE_BYTES));
  }

  /** What is in use of the machine's memory. */
  get bytes(): number {
    return this.pages.length * PAGE_BYTES;
  }

  /** Begins a step with what it says first; its other texts follow, then its end. */
  open(
    mark: CallMark,
    atMs: Millis,
    kind: number,
    code: number,
    number: number,
    first = '',
    second = '',
    third = '',
  ): void {
    if (this.isOpen) this.turn++; // The one before was never closed: it is written over.
    if (this.page.used + ROOM_BYTES > this.page.bytes.length) this.nextPage();
    const { words } = this.page;
    const isNext = atMs === this.atMs && mark.low === this.mark.low && mark.high === this.mark.high;
    if (!isNext || this.group === NO_GROUP) this.begin(mark, atMs);
    this.mark = mark;
    this.isOpen = true;
    const start = this.group + words[this.group >> 2]!;
    this.start = start;
    this.to = start + HEAD_BYTES;
    this.end = this.to + STEP_TEXTS_BYTES_MAX;
    words[(start >> 2) + 1] = number;
    const phrase = this.phrases.of(kind, code, first, second, third);
    words[start >> 2] = phrase === undefined ? BARE | (code << CODE_SHIFT) | kind : phrase.number;
    if (phrase !== undefined) return;
    // A stranger's endless method shall leave room for what was decided.
    for (const text of [first, second, third]) this.text(text.slice(0, PHRASE_CHARACTERS_MAX));
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
    const { mark } = this;
    if (uri === mark.uri && mark.uriTurn === this.turn && this.to + mark.uriBytes < this.end)
      return this.addAgain(mark.uriStart, mark.uriBytes);
    const start = this.to;
    addPlainUri(uri, this);
    const isWhole = this.to + CHARACTER_BYTES_MAX < this.end;
    mark.uri = isWhole && this.to - start > AGAIN_BYTES ? uri : undefined;
    mark.uriStart = start;
    mark.uriBytes = this.to - start;
    mark.uriTurn = this.turn;
  }

  endText(): void {
    if (this.to < this.end) this.page.bytes[this.to++] = END;
  }

  /** It takes as much of the step's room as if it stood there: what is told of one step stays as short. */
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
    const { page, start, to, group } = this;
    const { words } = page;
    words[start >> 2] = words[start >> 2]! | ((to - start - HEAD_BYTES) << 16);
    page.used = (to + 3) & ~3;
    words[group >> 2] = page.used - group;
    this.isOpen = false;
  }

  /** The steps of one Call-ID, oldest first, a page at a time: whoever asks may let others have their turn. */
  *of({ low, high }: CallMark): Generator<readonly StepRecord[]> {
    for (const page of [...this.pages.slice(this.at + 1), ...this.pages.slice(0, this.at + 1)]) {
      yield [...this.recordsIn(page, low, high)];
    }
  }

  private *recordsIn(page: Page, low: number, high: number): Generator<StepRecord> {
    const { words, doubles, used } = page;
    for (let group = 0; group < used;) {
      const word = group >> 2;
      const end = group + (words[word] ?? PAGE_BYTES);
      const atMs = doubles[(group >> 3) + 1] ?? 0;
      if (words[word + 4] === low && words[word + 5] === high)
        for (let step = group + GROUP_BYTES; step < end;) {
          const textsEnd = step + HEAD_BYTES + ((words[step >> 2] ?? 0) >>> 16);
          yield this.recordAt(page, step, textsEnd, atMs);
          step = (textsEnd + 3) & ~3;
        }
      group = (end + 7) & ~7;
    }
  }

  private recordAt({ words, bytes }: Page, step: number, end: number, atMs: Millis): StepRecord {
    const name = (words[step >> 2] ?? 0) & 0xffff;
    const number = words[(step >> 2) + 1] ?? 0;
    const texts = textsIn(bytes, step + HEAD_BYTES, end);
    if (name >= BARE)
      return { kind: name & KIND_MASK, code: (name & ~BARE) >> CODE_SHIFT, atMs, number, texts };
    const { kind, code, first, second, third } = this.phrases.at(name) ?? NO_PHRASE;
    return { kind, code, atMs, number, texts: [first, second, third, ...texts] };
  }

  /** A head for the steps that follow. */
  private begin({ low, high }: CallMark, atMs: Millis): void {
    const { words, doubles, used } = this.page;
    const group = (used + 7) & ~7;
    const word = group >> 2;
    words[word] = GROUP_BYTES;
    doubles[(group >> 3) + 1] = atMs;
    words[word + 4] = low;
    words[word + 5] = high;
    this.group = group;
    this.atMs = atMs;
  }

  private nextPage(): void {
    this.turn++;
    this.group = NO_GROUP;
    this.at = (this.at + 1) % this.pagesMax;
    const page = this.pages[this.at] ?? new Page();
    if (this.at === this.pages.length) this.pages.push(page);
    page.used = 0;
    this.page = page;
  }
}

function textsIn(bytes: Buffer, from: number, to: number): string[] {
  const texts: string[] = [];
  let text = '';
  for (let at = from; at < to;) {
    const first = bytes[at];
    if (first === AGAIN) {
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

/** Where what stands at this place byte by byte ends. */
function plainEnd(bytes: Buffer, from: number, to: number): number {
  let end = from;
  while (end < to && bytes[end] !== END && bytes[end] !== AGAIN) end++;
  return end;
}
