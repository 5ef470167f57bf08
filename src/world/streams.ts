/** Stream listeners and connections of every kind: TCP, TLS, WebSocket, WebSocket within TLS. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Endpoint } from '../base/endpoint.ts';
import type {
  ByteStream,
  ConnectOptions,
  HostPort,
  Listener,
  ListenOptions,
  Logger,
  StreamUser,
  TlsIdentity,
  TokenOwner,
} from '../base/world.ts';
import { readProxyHeader } from './proxy-header.ts';
import type { Turns } from './stream-turns.ts';
import { type Carrier, carryBytes, connectTcp, SocketStream } from './tcp.ts';
import { connectTls, provenNames, TlsAcceptor } from './tls.ts';
import { connectWebSocket, WebSocketAcceptor } from './websocket.ts';

type Accept = (stream: ByteStream) => StreamUser;

/** Opens a listener. Rejects with a Node-style `code`. */
export async function listenStream(
  at: HostPort,
  accept: Accept,
  options: ListenOptions,
  log: Logger,
  turns: Turns,
): Promise<Listener> {
  const listener = new StreamListener(accept, options, log, turns);
  await listener.open(at);
  return listener;
}

/** Connects; what is written meanwhile waits. */
export function connectStream(
  to: HostPort,
  user: StreamUser,
  options: ConnectOptions,
  turns: Turns,
): ByteStream {
  const counted = turns.of(user);
  if (options.kind === 'tcp') return connectTcp(to, counted, turns);
  if (options.kind === 'tls') return connectTls(to, counted, options, turns);
  return connectWebSocket(to, counted, options);
}

class StreamListener implements Listener {
  private readonly accept: Accept;
  private readonly options: ListenOptions;
  private readonly log: Logger;
  private readonly turns: Turns;
  private readonly balancers: ReadonlySet<string>;
  private readonly tls: TlsAcceptor | undefined;
  private readonly webSocket: WebSocketAcceptor | undefined;
  private readonly server: Server;
  private bound: Endpoint | undefined = undefined;

  constructor(accept: Accept, options: ListenOptions, log: Logger, turns: Turns) {
    this.accept = accept;
    this.options = options;
    this.log = log;
    this.turns = turns;
    this.balancers = new Set(options.proxyProtocolFrom ?? []);
    const { kind, tls } = options;
    const secure = kind === 'tls' || kind === 'wss';
    if (secure && tls === undefined) throw new TypeError(`a ${kind} listener needs a certificate`);
    // A browser asked for a certificate would ask its user: on a WebSocket nobody is.
    const identity = kind === 'wss' && tls !== undefined ? { ...tls, clients: 'none' as const } : tls;
    this.tls = secure && identity !== undefined ? new TlsAcceptor(identity) : undefined;
    this.webSocket =
      kind === 'ws' || kind === 'wss'
        ? new WebSocketAcceptor(options.origins ?? [], options.messageMs)
        : undefined;
    this.server = createServer({ noDelay: true }, (socket) => this.arrive(socket));
  }

  async open(at: HostPort): Promise<void> {
    const listening = once(this.server, 'listening');
    this.server.listen({ host: at.host, port: at.port, ipv6Only: at.host.includes(':') });
    await listening;
    const address = this.server.address();
    if (address !== null && typeof address === 'object')
      this.bound = new Endpoint(address.address, address.port);
    this.server.on('error', (error) =>
      this.log.warn('a connection could not be accepted', { reason: error.message }),
    );
  }

  get local(): Endpoint {
    if (this.bound === undefined) throw new TypeError('a listener has an address');
    return this.bound;
  }

  renew(tls: TlsIdentity): void {
    const { kind } = this.options;
    this.tls?.renew(kind === 'wss' ? { ...tls, clients: 'none' } : tls);
  }

  close(): void {
    this.server.close();
  }

  private arrive(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    // Gone before we looked: there is nobody to tell.
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const remote = new Endpoint(remoteAddress, remotePort);
    if (!this.balancers.has(remoteAddress)) this.serve(socket, remote);
    else readProxyHeader(socket, this.options.setupMs, (client) => this.serve(socket, client ?? remote));
  }

  private serve(socket: Socket, remote: Endpoint): void {
    const stream = new SocketStream(socket, remote);
    const user = this.turns.of(this.accept(stream));
    stream.serve(user);
    if (socket.destroyed) return; // There was no room for it.
    if (this.tls === undefined) this.speak(socket, stream, user);
    else this.secure(this.tls, socket, stream, user);
  }

  private secure(tls: TlsAcceptor, socket: Socket, stream: SocketStream, user: StreamUser): void {
    tls.accept(socket, {
      secured: (secured) => {
        stream.peerNames = provenNames(secured);
        stream.layer(secured);
        this.speak(secured, stream, user);
      },
      failed: (reason) => stream.fail(reason),
    });
  }

  private speak(socket: Socket, stream: SocketStream, user: StreamUser): void {
    if (this.webSocket === undefined) {
      stream.carry(carryBytes(socket, user, this.turns));
      stream.opened();
    } else {
      const { admit } = this.options;
      const opened = (carrier: Carrier, owner: TokenOwner | undefined): void => {
        stream.tokenOwner = owner;
        stream.carry(carrier);
        stream.opened();
      };
      this.webSocket.accept(socket, user, opened, admit && ((token) => admit(token, stream.remote)));
    }
  }
}
