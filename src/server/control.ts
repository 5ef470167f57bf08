/**
 * The control socket of a running exchange: how the command line speaks to it. A unix socket in the data
 * folder that only the exchange's own user may open.
 */
import { unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { TandemError } from '../base/errors.ts';
import { LineReader, REQUEST_CHARACTERS_MAX } from './control-lines.ts';
import type { ControlAnswer, ControlFailure, ControlRequest } from './control-lines.ts';

/** Connections at once; one more is closed unheard. */
export const CONTROL_CONNECTIONS_MAX = 16;
/** Requests of one connection that may wait for their turn; one more ends the connection. */
export const CONTROL_WAITING_MAX = 64;
/** A connection that says nothing for so long is closed. */
export const CONTROL_IDLE_MS = 60_000;

const OWNER_ONLY = 0o177;

/** Carries out one command; what it throws is the answer. */
export type ControlHandler = (args: unknown) => Promise<unknown>;

/** Listens, and answers each line by the handler of its command. */
export class ControlServer {
  private readonly path: string;
  private readonly handlers: ReadonlyMap<string, ControlHandler>;
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  constructor(path: string, handlers: Readonly<Record<string, ControlHandler>>) {
    this.path = path;
    this.handlers = new Map(Object.entries(handlers));
  }

  /** A socket file left behind by a crash is replaced; one that answers is another exchange's. */
  async start(): Promise<void> {
    if (await answers(this.path)) {
      throw new TandemError('CONFLICT', `another exchange listens on ${this.path}`, {
        hint: 'stop it, or start this one with --data and another folder',
      });
    }
    removeIfThere(this.path);
    const server = createServer((socket) => this.accept(socket));
    server.maxConnections = CONTROL_CONNECTIONS_MAX;
    await listenPrivately(server, this.path);
    this.server = server;
  }

  /** Ends every connection; the socket file goes with the listener. */
  async stop(): Promise<void> {
    const server = this.server;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroySoon();
    await closed;
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    const conversation = new Conversation(socket, this.handlers);
    const reader = new LineReader(
      REQUEST_CHARACTERS_MAX,
      (line) => conversation.hear(line),
      () => conversation.refuse(`a request has at most ${REQUEST_CHARACTERS_MAX} characters`),
    );
    socket.setEncoding('utf8');
    socket.setTimeout(CONTROL_IDLE_MS, () => socket.destroy());
    socket.on('data', (text: string) => reader.push(text));
    socket.on('close', () => this.sockets.delete(socket));
    // The command line went away in mid-sentence: `close` follows, and nobody is left to tell.
    socket.on('error', () => socket.destroy());
  }
}

/** One connection: its requests are carried out one after the other. */
class Conversation {
  private readonly socket: Socket;
  private readonly handlers: ReadonlyMap<string, ControlHandler>;
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(socket: Socket, handlers: ReadonlyMap<string, ControlHandler>) {
    this.socket = socket;
    this.handlers = handlers;
  }

  hear(line: string): void {
    const request = parseRequest(line);
    if (request === undefined)
      return this.refuse('a request is {"id":1,"command":"…","args":{…}} on one line');
    if (this.waiting === CONTROL_WAITING_MAX)
      return this.refuse(`at most ${CONTROL_WAITING_MAX} requests wait`);
    this.waiting++;
    this.last = this.last.then(async () => {
      this.write(await this.carryOut(request));
      this.waiting--;
    });
  }

  refuse(message: string): void {
    this.write({ id: 0, ok: false, error: { code: 'USAGE', message } });
    this.socket.destroySoon();
  }

  private async carryOut(request: ControlRequest): Promise<ControlAnswer> {
    const handler = this.handlers.get(request.command);
    if (handler === undefined) {
      const error = { code: 'USAGE', message: `the exchange knows no command ${request.command}` };
      return { id: request.id, ok: false, error };
    }
    try {
      return { id: request.id, ok: true, result: (await handler(request.args)) ?? null };
    } catch (error) {
      return { id: request.id, ok: false, error: describe(error) };
    }
  }

  private write(answer: ControlAnswer): void {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(answer)}\n`);
  }
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    const value = JSON.parse(line) as Partial<ControlRequest> | null;
    if (typeof value?.id !== 'number' || typeof value.command !== 'string') return undefined;
    return { id: value.id, command: value.command, args: value.args ?? {} };
  } catch {
    // No JSON is no request; the caller says so to the peer.
    return undefined;
  }
}

function describe(error: unknown): ControlFailure {
  if (error instanceof TandemError) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: 'UNEXPECTED',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/** Whether somebody listens there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** The file is made inside `listen`: the mask is narrow just then, so others have no moment to enter. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(OWNER_ONLY);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}
