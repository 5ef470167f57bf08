/** Bytes of a stream → whole SIP messages, by Content-Length. RFC 3261 §18.3. */
import { assert } from '../base/assert.ts';

/** More than this without a whole message is a peer gone wrong. */
const PENDING_BYTES_MAX = 262_144;
const CONTENT_LENGTH = /^(?:content-length|l)[ \t]*:[ \t]*(\d+)/im;

/** Gathers the chunks of one direction of one connection. */
export class Frames {
  private pending = '';

  /**
   * The messages that are whole now. Empty lines between them, used to keep a connection alive, are
   * dropped.
   */
  push(chunk: string): string[] {
    this.pending += chunk;
    const messages: string[] = [];
    for (let end = this.messageEnd(); end > 0; end = this.messageEnd()) {
      messages.push(this.pending.substring(0, end));
      this.pending = this.pending.substring(end);
    }
    assert(this.pending.length <= PENDING_BYTES_MAX, `a message within ${PENDING_BYTES_MAX} bytes of stream`);
    return messages;
  }

  private messageEnd(): number {
    while (this.pending.startsWith('\r\n')) this.pending = this.pending.substring(2);
    const headersEnd = this.pending.indexOf('\r\n\r\n');
    if (headersEnd < 0) return 0;
    const length = CONTENT_LENGTH.exec(this.pending.substring(0, headersEnd))?.[1] ?? '0';
    const end = headersEnd + 4 + Number(length);
    return end <= this.pending.length ? end : 0;
  }
}
