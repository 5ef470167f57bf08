/**
 * What goes over the control socket: a JSON document a line, each request answered by one line, in order.
 *
 *   → {"id":1,"command":"users.ls","args":{"domain":"example.com"}}
 *   ← {"id":1,"ok":true,"result":[…]}
 *   → {"id":2,"command":"calls.show","args":{"id":"7"}}
 *   ← {"id":2,"ok":false,"error":{"code":"NOT_FOUND","message":"no call 7","hint":"tandem calls ls"}}
 */
import { join } from 'node:path';
import { TandemError } from '../base/errors.ts';

/** One thing asked of a running exchange. */
export interface ControlRequest {
  readonly id: number;
  readonly command: string;
  readonly args: unknown;
}

/** A refusal, as it travels. `UNEXPECTED` is a mistake of our own. */
export interface ControlFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What comes back. */
export type ControlAnswer =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ControlFailure };

/** A longer request ends the connection. */
export const REQUEST_CHARACTERS_MAX = 1 << 20;
/** A longer answer is refused by the client. */
export const ANSWER_CHARACTERS_MAX = 64 << 20;
/** What fits in the address of a unix socket, on Linux and (fewer) on macOS. */
export const SOCKET_PATH_BYTES_MAX = 103;

/** Where the exchange with this data folder listens. */
export function controlSocketPath(dataFolder: string): string {
  const path = join(dataFolder, 'tandem.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  throw new TandemError(
    'DATA_FOLDER',
    `the path ${path} is longer than a socket's may be (${SOCKET_PATH_BYTES_MAX} bytes)`,
    { hint: 'set [data] folder to a shorter one' },
  );
}

/** Cuts a stream of text into lines; a line beyond the limit is told once, and nothing after it. */
export class LineReader {
  private readonly charactersMax: number;
  private readonly line: (text: string) => void;
  private readonly tooLong: () => void;
  private parts: string[] = [];
  private characters = 0;
  private stopped = false;

  constructor(charactersMax: number, line: (text: string) => void, tooLong: () => void) {
    this.charactersMax = charactersMax;
    this.line = line;
    this.tooLong = tooLong;
  }

  push(text: string): void {
    let from = 0;
    while (!this.stopped) {
      const end = text.indexOf('\n', from);
      this.keep(end < 0 ? text.slice(from) : text.slice(from, end));
      if (end < 0 || this.stopped) return;
      const whole = this.parts.join('');
      this.parts = [];
      this.characters = 0;
      this.line(whole);
      from = end + 1;
    }
  }

  private keep(part: string): void {
    this.parts.push(part);
    this.characters += part.length;
    if (this.characters <= this.charactersMax) return;
    this.stopped = true;
    this.parts = [];
    this.tooLong();
  }
}
