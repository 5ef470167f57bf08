import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, Listener, Logger, StreamUser } from '../base/world.ts';
import { limits } from './limits.ts';

/** Opens a TCP listener. Rejects with a Node-style `code`. */
export async function listenTcp(
  at: HostPort,
  accept: (stream: ByteStream) => StreamUser,
  log: Logger,
): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => {
    const { remoteAddress, remotePort } = socket;
    // Gone before we looked: there is nobody to tell.
    if (remoteAddress === undefined || remotePort === undefined) socket.destroy();
    else {
      const stream = new SocketStream(socket, new Endpoint(remoteAddress, remotePort));
      stream.serve(accept(stream));
    }
  });
  const listening = once(server, 'listening');
  server.listen({ host: at.host, port: at.port, ipv6Only: at.host.includes(':') });
  await listening;
  server.on('error', (error) =>
    log.warn('a TCP connection could not be accepted', { reason: error.message }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP listener has an address');
  return { local: new Endpoint(address.address, address.port), close: () => void server.close() };
}

/** Opens a TCP connection; writing may begin at once. */
export function connectTcp(to: HostPort, user: StreamUser): ByteStream {
  const socket = connect({ host: to.host, port: to.port, noDelay: true });
  const stream = new SocketStream(socket, new Endpoint(to.host, to.port));
  stream.serve(user);
  return stream;
}

const unknownLocal = new Endpoint('0.0.0.0', 0);

class SocketStream implements ByteStream {
  readonly remote: Endpoint;
  private readonly socket: Socket;
  private knownLocal: Endpoint | undefined;
  private endedByUs = false;
  private endedByPeer = false;
  private failure: string | undefined;
  private grace: NodeJS.Timeout | undefined;

  constructor(socket: Socket, remote: Endpoint) {
    this.socket = socket;
    this.remote = remote;
    socket.setEncoding('latin1');
  }

  /** 0.0.0.0:0 until connected. */
  get local(): Endpoint {
    const { localAddress, localPort } = this.socket;
    if (this.knownLocal === undefined && localAddress !== undefined && localPort !== undefined) {
      this.knownLocal = new Endpoint(localAddress, localPort);
    }
    return this.knownLocal ?? unknownLocal;
  }

  serve(user: StreamUser): void {
    this.socket.on('connect', () => this.local);
    this.socket.on('data', (text: string) => user.data(text));
    this.socket.on('end', () => (this.endedByPeer = !this.endedByUs));
    this.socket.on('error', (error) => (this.failure = error.message));
    this.socket.on('close', () => {
      clearTimeout(this.grace);
      if (this.endedByUs) user.closed('local', this.failure ?? '');
      else if (this.endedByPeer && this.failure === undefined) user.closed('end', '');
      else user.closed('error', this.failure ?? 'closed without a word');
    });
  }

  /** A text that is refused is not queued, so no message is ever cut. */
  write(text: string): boolean {
    if (this.endedByUs || !this.socket.writable) return false;
    if (this.socket.writableLength > limits.streamQueueBytes) return false;
    this.socket.write(text, 'latin1');
    return true;
  }

  end(): void {
    if (this.endedByUs) return;
    this.endedByUs = true;
    this.socket.destroySoon();
    this.grace = setTimeout(() => this.socket.destroy(), limits.streamEndMs);
  }

  destroy(): void {
    this.endedByUs = true;
    this.socket.destroy();
  }
}
