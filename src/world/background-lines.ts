import { write, writeSync } from 'node:fs';

/** Lines that wait for a slow reader take at most so many bytes. */
export const LINES_WAITING_BYTES_MAX = 4 << 20;
/** A reader that is behind is tried again after so long. */
const TRY_AGAIN_MS = 10;

/**
 * Lines to a file descriptor, written in the background: a reader that has stopped, or a full disk behind it, must not
 * stop the calls. What does not fit is left out, and the next line that fits is preceded by the number of those.
 */
export class BackgroundLines {
  private readonly fd: number;
  private waiting = '';
  private leftOut = 0;
  private writing = false;
  /** The other end is gone, and there is nowhere else to say so. */
  private gone = false;

  constructor(fd: number) {
    this.fd = fd;
    process.on('exit', this.writeTheRest);
  }

  readonly add = (line: string): void => {
    if (this.gone) return;
    if (this.waiting.length + line.length > LINES_WAITING_BYTES_MAX) {
      this.leftOut++;
      return;
    }
    if (this.leftOut > 0)
      this.waiting += `${this.leftOut} lines were left out here: nobody read them in time\n`;
    this.leftOut = 0;
    this.waiting += line;
    if (!this.writing) this.writeWaiting();
  };

  private writeWaiting(): void {
    this.writing = true;
    const bytes = Buffer.from(this.waiting);
    this.waiting = '';
    this.writeOut(bytes);
  }

  private writeOut(bytes: Buffer): void {
    write(this.fd, bytes, (error, written) => {
      const rest = error === null ? bytes.subarray(written) : bytes;
      if (error?.code === 'EAGAIN') setTimeout(() => this.writeOut(rest), TRY_AGAIN_MS).unref();
      else if (error !== null) this.giveUp();
      else if (rest.length > 0) this.writeOut(rest);
      else if (this.waiting !== '') this.writeWaiting();
      else this.writing = false;
    });
  }

  private giveUp(): void {
    this.gone = true;
    this.waiting = '';
  }

  /** The last lines say why the process ends. */
  private readonly writeTheRest = (): void => {
    const bytes = Buffer.from(this.waiting);
    this.waiting = '';
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.fd, bytes, at);
    } catch {
      this.giveUp(); // Nobody is left to be told.
    }
  };
}
