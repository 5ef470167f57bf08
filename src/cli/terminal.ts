/**
 * Where the command line speaks: stdout takes the result, stderr everything else.
 * Colour only where someone looks at it and does not mind.
 */
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { TandemError } from '../base/errors.ts';
import { escapeWithinLines } from '../base/escape-controls.ts';

/** A terminal that does not say how wide it is. */
const COLUMNS_USUAL = 80;
/** No secret, no answer to a question is longer. */
const LINE_CHARACTERS_MAX = 4096;
/** Ends a question that is answered with Ctrl-C. */
const EXIT_INTERRUPTED = 130;
/** The name of this program before a word of its own: at the start of a line, or after blanks that set it off. */
const OUR_COMMAND = /(?<=^| {2}|: +)tandem (?=[a-z])/gm;

/** Stdin, or what stands in for it. */
export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean };
/** Stdout or stderr, or what stands in for them. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Stdin, stdout and stderr, and what may be done with them. No text of a stranger steers what they lead to. */
export class Terminal {
  /** Set by `--no-color`. */
  plain = false;
  private readonly stdin: Input;
  private readonly stdout: Output;
  private readonly stderr: Output;
  private readonly env: NodeJS.ProcessEnv;

  constructor(stdin: Input, stdout: Output, stderr: Output, env: NodeJS.ProcessEnv) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.env = env;
  }

  /** A line of the result, or several. */
  result(text: string): void {
    this.stdout.write(`${escapeWithinLines(text)}\n`);
  }

  /** What goes into a file goes there as it is; somebody who only looks at it is shown it like any result. */
  file(text: string): void {
    if (this.stdout.isTTY) this.result(text);
    else this.stdout.write(`${text}\n`);
  }

  /** A line for the person: progress, hints, warnings. */
  note(text: string): void {
    this.stderr.write(`${escapeWithinLines(this.asTyped(text))}\n`);
  }

  /** The error itself in red, where colour is wanted. */
  complaint(text: string): void {
    const [first = '', ...rest] = escapeWithinLines(this.asTyped(text)).split('\n');
    this.stderr.write(`${[this.paint(first), ...rest].join('\n')}\n`);
  }

  /** How wide a table may be; undefined when the result goes into a pipe or a file and is never cut. */
  get columns(): number | undefined {
    return this.stdout.isTTY ? (this.stdout.columns ?? COLUMNS_USUAL) : undefined;
  }

  /** Whether a question would be heard. */
  get asks(): boolean {
    return this.stdin.isTTY === true;
  }

  /** Whether the terminal we were started from has been closed. */
  get isGone(): boolean {
    if (!this.stdout.isTTY) return false;
    try {
      closeSync(openSync('/dev/tty', 'r'));
      return false;
    } catch {
      // ENXIO: there is none any more.
      return true;
    }
  }

  /** Asks for one line; `hidden` does not show what is typed. */
  async ask(question: string, hidden: boolean): Promise<string> {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    this.stderr.write(question);
    const reader = createInterface({
      input: this.stdin,
      output: hidden ? silent : this.stderr,
      terminal: true,
    });
    try {
      return await new Promise<string>((resolve) => {
        reader.once('line', resolve);
        reader.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
        reader.once('close', () => resolve(''));
      });
    } finally {
      reader.close();
      if (hidden) this.stderr.write('\n');
    }
  }

  /** The first line of what is piped in. */
  async firstLine(): Promise<string> {
    let text = '';
    for await (const chunk of this.stdin) {
      text += String(chunk);
      if (text.includes('\n')) break;
      if (text.length > LINE_CHARACTERS_MAX) {
        throw new TandemError('USAGE', `the line on stdin is longer than ${LINE_CHARACTERS_MAX} characters`);
      }
    }
    return text.split(/\r?\n/, 1)[0] ?? '';
  }

  /** `tandem users ls` as this person must type it: the launcher says how it was called. */
  asTyped(text: string): string {
    const command = this.env['TANDEM_COMMAND'];
    return command === undefined ? text : text.replaceAll(OUR_COMMAND, `${command} `);
  }

  private paint(text: string): string {
    const colour =
      this.stderr.isTTY === true && !this.plain && !this.env['NO_COLOR'] && this.env['TERM'] !== 'dumb';
    return colour ? `\u001b[31m${text}\u001b[0m` : text;
  }
}
