/** One connection, whatever is spoken on it: bytes as they are, TLS, or WebSocket messages. */
import { connect, type LookupFunction, type Socket } from 'node:net';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, StreamUser, TokenOwner } from '../base/world.ts';
import { limits } from './limits.ts';
import { plainTurns, type Turns } from './stream-turns.ts';

/** What carries the texts of a stream once it may be written to. */
export interface Carrier {
  readonly writable: boolean;
  /** What waits unsent. */
  readonly waitingBytes: number;
  write(text: string): void;
  /** Sends the rest, and says goodbye. */
  end(): void;
}

/** Opens a TCP connection; writing may begin at once. */
export function connectTcp(to: HostPort, user: StreamUser, turns: Turns = plainTurns): ByteStream {
  const socket = connect({ host: to.host, port: to.port, noDelay: true, lookup: addressesOnly });
  const stream = new SocketStream(socket, new Endpoint(to.host, to.port));
  stream.serve(user);
  stream.carry(carryBytes(socket, user, turns));
  socket.once('connect', () => stream.opened());
  return stream;
}

/**
 * Names are asked for by `Net.resolve`, and what it tells is judged. The system would find addresses for a name behind
 * all that, and read `012.0.0.5` as 10.0.0.5.
 */
export const addressesOnly: LookupFunction = (host, _options, done) => {
  const error = new Error(`expected an address to connect to, got ${JSON.stringify(host)}`);
  done(Object.assign(error, { code: 'ENOTFOUND' }), '');
};

/** Latin1 text over a socket, in both directions. */
export function carryBytes(socket: Socket, user: StreamUser, turns: Turns): Carrier {
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => user.data(text));
  return new ByteCarrier(socket, turns);
}

/** What one turn of the event loop writes leaves together: to hand a text to the kernel costs more than to make it. */
class ByteCarrier implements Carrier {
  private readonly socket: Socket;
  private readonly turns: Turns;
  private gathered = '';

  constructor(socket: Socket, turns: Turns) {
    this.socket = socket;
    this.turns = turns;
  }

  get writable(): boolean {
    return this.socket.writable;
  }

  get waitingBytes(): number {
    return this.socket.writableLength + this.gathered.length;
  }

  write(text: string): void {
    if (this.gathered === '') this.turns.later(this.send);
    this.gathered += text;
  }

  end(): void {
    this.send();
    this.socket.destroySoon();
  }

  private readonly send = (): void => {
    if (this.gathered !== '') this.socket.write(this.gathered, 'latin1');
    this.gathered = '';
  };
}

const unknownLocal = new Endpoint('0.0.0.0', 0);

/**
 * The life of one connection. TLS and WebSocket take their time: until `carry` says by what the texts travel, they
 * wait here, so that nothing is sent to a server that has not proved its name.
 */
export class SocketStream implements ByteStream {
  readonly remote: Endpoint;
  peerNames: readonly string[] = [];
  tokenOwner: TokenOwner | undefined = undefined;
  private socket: Socket;
  private user: StreamUser | undefined;
  private carrier: Carrier | undefined;
  private held: string[] = [];
  private heldBytes = 0;
  private knownLocal: Endpoint | undefined;
  private endedByUs = false;
  private endedByPeer = false;
  private failure: string | undefined;
  private grace: NodeJS.Timeout | undefined;

  constructor(socket: Socket, remote: Endpoint) {
    this.socket = socket;
    this.remote = remote;
  }

  /** 0.0.0.0:0 until connected. */
  get local(): Endpoint {
    const { localAddress, localPort } = this.socket;
    if (this.knownLocal === undefined && localAddress !== undefined && localPort !== undefined) {
      this.knownLocal = new Endpoint(localAddress, localPort);
    }
    return this.knownLocal ?? unknownLocal;
  }

  /** Tells the user of its end; called once. */
  serve(user: StreamUser): void {
    this.user = user;
    this.watch(this.socket);
  }

  /** From now on this socket, which lies above the first, is the connection. */
  layer(socket: Socket): void {
    this.socket = socket;
    this.watch(socket);
  }

  /** The texts travel by this; those that wait leave. */
  carry(carrier: Carrier): void {
    this.carrier = carrier;
    for (const text of this.held) carrier.write(text);
    this.held = [];
    if (this.endedByUs) carrier.end();
  }

  /** Whatever had to be agreed on is. */
  opened(): void {
    this.knownLocal = this.local;
    if (!this.endedByUs) this.user?.opened?.();
  }

  /** It breaks, for a reason that its socket does not tell. */
  fail(reason: string): void {
    this.failure ??= reason;
    this.socket.destroy();
  }

  /** A text that is refused is not queued, so no message is ever cut. */
  write(text: string): boolean {
    if (this.endedByUs) return false;
    const { carrier } = this;
    if (carrier === undefined) return this.hold(text);
    if (!carrier.writable || carrier.waitingBytes > limits.streamQueueBytes) return false;
    carrier.write(text);
    return true;
  }

  end(): void {
    if (this.endedByUs) return;
    this.endedByUs = true;
    this.carrier?.end();
    this.grace = setTimeout(() => this.socket.destroy(), limits.streamEndMs);
  }

  destroy(): void {
    this.endedByUs = true;
    this.socket.destroy();
  }

  private hold(text: string): boolean {
    if (this.socket.destroyed || this.heldBytes > limits.streamQueueBytes) return false;
    this.held.push(text);
    this.heldBytes += text.length;
    return true;
  }

  private watch(socket: Socket): void {
    socket.once('connect', () => this.local);
    socket.on('end', () => (this.endedByPeer = !this.endedByUs));
    socket.on('error', (error) => (this.failure ??= error.message));
    socket.on('close', () => {
      if (socket === this.socket) this.tellClosed();
    });
  }

  private tellClosed(): void {
    clearTimeout(this.grace);
    const { user } = this;
    this.user = undefined;
    if (user === undefined) return;
    if (this.endedByUs) user.closed('local', this.failure ?? '');
    else if (this.endedByPeer && this.failure === undefined) user.closed('end', '');
    else user.closed('error', this.failure ?? 'closed without a word');
  }
}
