/**
 * A stream of bytes → whole messages. RFC 3261 §18.3, §7.5.
 *
 *   ␍␊␍␊ INVITE … ␍␊ Content-Length: 4 ␍␊␍␊ body REGISTER …
 *   └─┬─┘└──────────── head ─────────────┘└─┬─┘
 *   keep-alive                          as many bytes as Content-Length says
 *
 * Every byte is looked at a bounded number of times, however slowly the bytes trickle in.
 */
import { CONTENT_LENGTH } from './header-table.ts';
import { indexedAhead, indexHeaders } from './header-index.ts';
import { Headers } from './headers.ts';
import { contentLength, FIRST_LINES_MAX, MESSAGE_BYTES_MAX } from './parse.ts';

/** Why a stream cannot be read any further, and what to answer to the request that broke it. */
export interface BrokenStream {
  readonly status: number;
  readonly why: string;
  /** The start line and header fields, as far as they could be told apart; '' otherwise. */
  readonly head: string;
}

/** A head longer than this is refused. */
export const HEAD_BYTES_MAX = 65_535;

const CR = 13;
const LF = 10;

/** Cuts one stream into messages. */
export class Framer {
  broken: BrokenStream | undefined = undefined;
  /** Pings of CRLF CRLF that wait for their pong. RFC 5626 §3.5.1 */
  keepAlives = 0;
  private parts: string[] = [];
  private length = 0;
  private text = '';
  /** How far `text` has been searched for the end of the head. */
  private searched = 0;
  /** The length of the message at the front, 0 until its head is complete. */
  private messageLength = 0;
  private lineBreaks = 0;
  /** The last byte before a start line was a CR, whose LF may be yet to come. */
  private afterCr = false;
  /** Of the parts that are not joined yet: how many were looked at, and how the last of them ended. */
  private partsSeen = 0;
  private lastSeen = '';

  /** Whether a message has begun and is not complete. */
  get waiting(): boolean {
    return this.length > 0;
  }

  push(text: string): void {
    if (this.broken !== undefined) return;
    this.parts.push(text);
    this.length += text.length;
  }

  /** The next whole message; undefined when more bytes are needed or the stream is broken. */
  next(): string | undefined {
    if (this.broken !== undefined || this.length === 0) return undefined;
    // While a body is awaited its parts need not be joined: joining at each byte would be quadratic.
    if (this.messageLength > 0 && this.length < this.messageLength) return undefined;
    if (this.messageLength === 0 && this.text !== '' && this.parts.length > 0 && !this.mayHoldHead())
      return undefined;
    this.join();
    if (this.messageLength > 0) return this.take(this.text.substring(0, this.messageLength));
    this.skipKeepAlive();
    const head = this.findHead();
    if (head === undefined || this.length < this.messageLength) return undefined;
    const { text, index } = head;
    const message = text.length === this.messageLength ? text : this.text.substring(0, this.messageLength);
    indexedAhead(message, index);
    return this.take(message);
  }

  private take(message: string): string {
    this.drop(message.length);
    return message;
  }

  /** Whether the head may be complete now: looks at what is new, so that a slow sender costs us no more than a fast. */
  private mayHoldHead(): boolean {
    const seen = this.lastSeen + this.parts.slice(this.partsSeen).join('');
    this.partsSeen = this.parts.length;
    this.lastSeen = seen.slice(-3);
    return seen.includes('\n\r\n') || seen.includes('\n\n') || this.length > HEAD_BYTES_MAX;
  }

  private join(): void {
    if (this.parts.length === 0) return;
    this.text =
      this.text === '' && this.parts.length === 1 ? this.parts[0]! : this.text + this.parts.join('');
    this.parts = [];
    this.partsSeen = 0;
    this.lastSeen = this.text.slice(-3);
  }

  private drop(count: number): void {
    this.text = this.text.substring(count);
    this.length = this.text.length;
    this.searched = 0;
    this.messageLength = 0;
  }

  /**
   * Line ends before a start line are skipped (§7.5); two together ask for a pong. A CR without its LF counts as one:
   * else whoever sends nothing but these would be heard for ever, and be no ping.
   */
  private skipKeepAlive(): void {
    let at = 0;
    for (; at < this.text.length; at++) {
      const c = this.text.charCodeAt(at);
      if (c !== LF && c !== CR) break;
      if (c === LF || this.afterCr) this.lineBreaks++;
      this.afterCr = c === CR;
      if (this.lineBreaks === 2) {
        this.keepAlives++;
        this.lineBreaks = 0;
      }
    }
    if (at < this.text.length) {
      this.lineBreaks = 0;
      this.afterCr = false;
    }
    if (at > 0) this.drop(at);
  }

  /** Finds the empty line and what Content-Length says; nothing when more is needed or the stream is broken. */
  private findHead(): Headers | undefined {
    const bodyAt = this.bodyStart();
    if (bodyAt < 0) {
      if (this.length > HEAD_BYTES_MAX) this.break(513, 'the header part is too long', this.firstLines());
      return undefined;
    }
    const lineFeed = this.text.indexOf('\n');
    const head = this.text.substring(0, bodyAt);
    const index = indexHeaders(head, lineFeed + 1);
    if (typeof index === 'string') return this.break(400, index, this.firstLines());
    const headers = new Headers(head, index, lineFeed + 1);
    const place = headers.find(CONTENT_LENGTH);
    if (place < 0) return this.break(400, 'Content-Length is missing on a stream', head);
    if ((headers.twice & (1 << CONTENT_LENGTH)) !== 0)
      return this.break(400, 'Content-Length stands twice', head);
    const length = contentLength(headers, place);
    if (length < 0) return this.break(400, 'Content-Length is no number', head);
    if (bodyAt + length > MESSAGE_BYTES_MAX) return this.break(413, 'the message is too long', head);
    this.messageLength = bodyAt + length;
    return headers;
  }

  /** Where the body begins: behind the first empty line; -1 when it has not come yet. */
  private bodyStart(): number {
    let at = this.text.indexOf('\n', this.searched);
    while (at >= 0) {
      const next = this.text.charCodeAt(at + 1);
      if (next === LF) return at + 2;
      if (next === CR && this.text.charCodeAt(at + 2) === LF) return at + 3;
      // The line end at the very end may be followed by the rest of the empty line.
      if (at + 2 >= this.text.length) break;
      at = this.text.indexOf('\n', at + 1);
    }
    this.searched = at < 0 ? this.text.length : at;
    return -1;
  }

  /** A head of the first whole lines: enough to answer most requests whose own cannot be read. */
  private firstLines(): string {
    let end = 0;
    for (let lines = 0; lines < FIRST_LINES_MAX; lines++) {
      const lineEnd = this.text.indexOf('\n', end);
      if (lineEnd < 0) break;
      end = lineEnd + 1;
    }
    return `${this.text.substring(0, end)}\r\n`;
  }

  private break(status: number, why: string, head: string): undefined {
    this.broken = { status, why, head };
    this.parts = [];
    this.text = '';
    this.length = 0;
    return undefined;
  }
}
