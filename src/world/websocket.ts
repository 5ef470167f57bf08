/** SIP over WebSocket: one message a WebSocket message, in both directions. RFC 7118, RFC 6455 */
import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, ConnectOptions, HostPort, Millis, StreamUser } from '../base/world.ts';
import { limits } from './limits.ts';
import { type Carrier, SocketStream } from './tcp.ts';
import { openTls, provenNames } from './tls.ts';
import type { TLSSocket } from 'node:tls';

/** RFC 7118 §4.1 */
const SUB_PROTOCOL = 'sip';

const socketLimits = {
  perMessageDeflate: false,
  maxPayload: limits.webSocketMessageBytes,
  maxFragments: limits.webSocketFragments,
  skipUTF8Validation: true, // A header field may hold any byte; the parser judges.
} as const;

interface Waiting {
  readonly user: StreamUser;
  readonly opened: (carrier: Carrier) => void;
}

/** Makes WebSockets of connections that came in. */
export class WebSocketAcceptor {
  private readonly origins: ReadonlySet<string>;
  private readonly pingMs: Millis;
  private readonly http: Server;
  private readonly upgrades: WebSocketServer;
  private readonly waiting = new WeakMap<object, Waiting>();

  /** `origins`: the pages that may connect; empty: all. */
  constructor(origins: readonly string[], pingMs: Millis = limits.webSocketPingMs) {
    this.origins = new Set(origins);
    this.pingMs = pingMs;
    this.upgrades = new WebSocketServer({
      ...socketLimits,
      noServer: true,
      clientTracking: false,
      handleProtocols: () => SUB_PROTOCOL,
    });
    this.http = createServer({ maxHeaderSize: limits.upgradeHeadBytes }, (_, response) => {
      response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' }).end('SIP over WebSocket only\n');
    });
    this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket as Socket, head));
  }

  /** `opened` is told by what the messages travel, once the other side has asked for the sub-protocol `sip`. */
  accept(socket: Socket, user: StreamUser, opened: (carrier: Carrier) => void): void {
    this.waiting.set(socket, { user, opened });
    this.http.emit('connection', socket);
  }

  private upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const waiting = this.waiting.get(socket);
    const { origin } = request.headers;
    // Whoever sends no Origin is no browser, and led there by no page. RFC 6455 §10.2
    if (origin !== undefined && this.origins.size > 0 && !this.origins.has(origin.toLowerCase())) {
      refuse(socket, '403 Forbidden');
    } else if (waiting === undefined || !offersSip(request)) refuse(socket, '400 Bad Request');
    else {
      this.upgrades.handleUpgrade(request, socket, head, (webSocket) => {
        keepAlive(webSocket, this.pingMs);
        waiting.opened(carryMessages(webSocket, waiting.user));
      });
    }
  }
}

/** Opens a WebSocket, over TLS for `wss`. What is written meanwhile waits. */
export function connectWebSocket(to: HostPort, user: StreamUser, options: ConnectOptions): ByteStream {
  const remote = new Endpoint(to.host, to.port);
  const secure: TLSSocket | undefined = options.kind === 'wss' ? openTls(to, options) : undefined;
  const socket = secure ?? connect({ host: to.host, port: to.port, noDelay: true });
  const stream = new SocketStream(socket, remote);
  stream.serve(user);
  const begin = (): void => {
    if (secure !== undefined) stream.peerNames = provenNames(secure);
    const webSocket = new WebSocket(`ws://${remote.key}`, SUB_PROTOCOL, {
      ...socketLimits,
      createConnection: () => socket,
    });
    webSocket.on('error', (error) => stream.fail(error.message));
    webSocket.on('open', () => {
      stream.carry(carryMessages(webSocket, user));
      stream.opened();
    });
  };
  socket.once(secure === undefined ? 'connect' : 'secureConnect', begin);
  return stream;
}

/** Text frames carry UTF-8 (RFC 6455 §5.6): a message that is none travels in a binary one. RFC 7118 §4.2 */
function carryMessages(webSocket: WebSocket, user: StreamUser): Carrier {
  webSocket.on('message', (bytes: Buffer) => user.data(bytes.toString('latin1')));
  webSocket.on('error', () => webSocket.terminate()); // Its socket tells the stream.
  return {
    get writable() {
      return webSocket.readyState === WebSocket.OPEN;
    },
    get waitingBytes() {
      return webSocket.bufferedAmount;
    },
    write: (text) => {
      const bytes = Buffer.from(text, 'latin1');
      webSocket.send(bytes, { binary: !isUtf8(bytes) });
    },
    end: () => webSocket.close(1000),
  };
}

/** A browser that went away without a word is noticed by a ping that has no answer. RFC 6455 §5.5.2 */
function keepAlive(webSocket: WebSocket, pingMs: Millis): void {
  let heard = true;
  const timer = setInterval(() => {
    if (!heard) webSocket.terminate();
    else if (webSocket.readyState === WebSocket.OPEN) webSocket.ping();
    heard = false;
  }, pingMs);
  webSocket.on('pong', () => (heard = true));
  webSocket.on('message', () => (heard = true));
  webSocket.on('close', () => clearInterval(timer));
}

function offersSip(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim().toLowerCase() === SUB_PROTOCOL);
}

function refuse(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
