/** The other end of the control socket, for the command line. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { errorCodes, TandemError } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import { ANSWER_CHARACTERS_MAX, LineReader } from './control-lines.ts';
import type { ControlAnswer, ControlFailure } from './control-lines.ts';

/** An exchange that does not answer within this counts as not running. */
export const CONTROL_ANSWER_MS = 1000;

interface Waiter {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Asks a running exchange. One request at a time; `close` when done. */
export class ControlClient {
  private readonly socket: Socket;
  private waiter: Waiter | undefined;
  private nextId = 1;
  /** Whether it was given more time than an exchange needs to answer by itself. */
  private isLong = false;

  private constructor(socket: Socket, path: string) {
    this.socket = socket;
    const reader = new LineReader(
      ANSWER_CHARACTERS_MAX,
      (line) => this.hear(JSON.parse(line) as ControlAnswer),
      () => this.fail(notRunning(path, 'its answer is too long')),
    );
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => reader.push(text));
    socket.on('timeout', () =>
      this.fail(this.isLong ? unanswered(path) : notRunning(path, 'it does not answer')),
    );
    socket.on('error', (error) => this.fail(notRunning(path, error.message)));
    socket.on('close', () => this.fail(notRunning(path, 'it closed the connection')));
  }

  /** Undefined when nobody listens there. */
  static open(path: string): Promise<ControlClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      const failed = (): void => resolve(undefined);
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        resolve(new ControlClient(socket, path));
      });
    });
  }

  /** The result; a refusal is thrown as the error it was. */
  ask(command: string, args: unknown, answerMs = CONTROL_ANSWER_MS): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
      this.isLong = answerMs > CONTROL_ANSWER_MS;
      this.socket.setTimeout(answerMs);
      this.socket.write(`${JSON.stringify({ id: this.nextId++, command, args })}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private hear(answer: ControlAnswer): void {
    const waiter = this.waiter;
    this.waiter = undefined;
    this.socket.setTimeout(0);
    if (answer.ok) waiter?.resolve(answer.result);
    else waiter?.reject(asError(answer.error));
  }

  private fail(error: TandemError): void {
    this.socket.destroy();
    this.waiter?.reject(error);
    this.waiter = undefined;
  }
}

/** The error of a command that needs a running exchange. */
export function notRunning(path: string, why: string): TandemError {
  return new TandemError('NOT_RUNNING', `cannot reach the exchange at ${path}\n${why}`, {
    hint: 'start it:   tandem start',
  });
}

/** It runs, but what it was asked to change has not come to its disk. */
function unanswered(path: string): TandemError {
  return new TandemError('NOT_RUNNING', `the exchange at ${path} has not answered in time`, {
    hint: 'what was asked may still be done: its log says whether its database is away',
  });
}

function asError(failure: ControlFailure): Error {
  if (!isErrorCode(failure.code)) return new Error(failure.message);
  const options = failure.hint === undefined ? {} : { hint: failure.hint };
  return new TandemError(failure.code, failure.message, options);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
