/** SIP over WebSocket: one message a WebSocket message, in both directions. RFC 7118, RFC 6455 */
import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, ConnectOptions, HostPort, Millis, StreamUser, TokenOwner } from '../base/world.ts';
import { limits } from './limits.ts';
import { addressesOnly, type Carrier, SocketStream } from './tcp.ts';
import { openTls, provenNames } from './tls.ts';
import type { TLSSocket } from 'node:tls';
import { FrameProgress } from './websocket-frames.ts';

/** RFC 7118 §4.1 */
const SUB_PROTOCOL = 'sip';
/** Begins the sub-protocol that is none but a token. */
const BEARER = 'bearer.';
const TOKEN_PARAMS = ['access_token', 'token'] as const;
/** RFC 6455 §4.2.2: another one is told which we speak. RFC 9110 §15.5.22 wants the field Upgrade beside it. */
const VERSION = '13';
const SPEAKS_VERSION = `Upgrade: websocket\r\nSec-WebSocket-Version: ${VERSION}\r\n`;
/** RFC 6750 §3.1 */
const INVALID_TOKEN = 'WWW-Authenticate: Bearer error="invalid_token"\r\n';

const socketLimits = {
  perMessageDeflate: false,
  maxPayload: limits.webSocketMessageBytes,
  maxFragments: limits.webSocketFragments,
  skipUTF8Validation: true, // A header field may hold any byte; the parser judges.
} as const;

interface Waiting {
  readonly user: StreamUser;
  readonly opened: (carrier: Carrier, owner: TokenOwner | undefined) => void;
  readonly admit: Admit | undefined;
}

/** Whose a token is; undefined refuses who brings it. */
type Admit = (token: string) => TokenOwner | undefined;

/** Makes WebSockets of connections that came in. */
export class WebSocketAcceptor {
  private readonly origins: ReadonlySet<string>;
  private readonly messageMs: Millis;
  private readonly pingMs: Millis;
  private readonly http: Server;
  private readonly upgrades: WebSocketServer;
  private readonly waiting = new WeakMap<object, Waiting>();

  /** `origins`: the pages that may connect; empty: all. `messageMs`: see `ListenOptions`. */
  constructor(
    origins: readonly string[],
    messageMs: Millis = limits.webSocketMessageMs,
    pingMs: Millis = limits.webSocketPingMs,
  ) {
    this.origins = new Set(origins);
    this.messageMs = messageMs;
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

  /**
   * `opened` is told by what the messages travel, once the other side has asked for the sub-protocol `sip`, and whose
   * it is where it brought a token and `admit` takes it.
   */
  accept(socket: Socket, user: StreamUser, opened: Waiting['opened'], admit?: Admit): void {
    this.waiting.set(socket, { user, opened, admit });
    this.http.emit('connection', socket);
  }

  private upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const waiting = this.waiting.get(socket);
    const { origin } = request.headers;
    // Whoever sends no Origin is no browser, and led there by no page. RFC 6455 §10.2
    if (origin !== undefined && this.origins.size > 0 && !this.origins.has(origin.toLowerCase())) {
      refuse(socket, '403 Forbidden');
    } else if (request.headers['sec-websocket-version'] !== VERSION) {
      refuse(socket, '426 Upgrade Required', SPEAKS_VERSION);
    } else if (waiting === undefined || !offersSip(request)) refuse(socket, '400 Bad Request');
    else {
      const token = waiting.admit === undefined ? undefined : tokenOf(request);
      const owner = token === undefined ? undefined : waiting.admit?.(token);
      if (token !== undefined && owner === undefined)
        return refuse(socket, '401 Unauthorized', INVALID_TOKEN);
      this.upgrades.handleUpgrade(request, socket, head, (webSocket) => {
        keepAlive(webSocket, this.pingMs);
        cutLate(socket, this.messageMs);
        waiting.opened(carryMessages(webSocket, waiting.user), owner);
      });
    }
  }
}

/** Opens a WebSocket, over TLS for `wss`. What is written meanwhile waits. */
export function connectWebSocket(to: HostPort, user: StreamUser, options: ConnectOptions): ByteStream {
  const remote = new Endpoint(to.host, to.port);
  const secure: TLSSocket | undefined = options.kind === 'wss' ? openTls(to, options) : undefined;
  const { host, port } = to;
  const socket = secure ?? connect({ host, port, noDelay: true, lookup: addressesOnly });
  const stream = new SocketStream(socket, remote);
  stream.serve(user);
  const begin = (): void => {
    if (secure !== undefined) stream.peerNames = provenNames(secure);
    const { token } = options;
    const protocols = token === undefined ? [SUB_PROTOCOL] : [SUB_PROTOCOL, BEARER + token];
    const webSocket = new WebSocket(`ws://${remote.key}`, protocols, {
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

/**
 * A browser that went away without a word is noticed by a ping that has no answer. RFC 6455 §5.5.2. One that sends
 * nothing but pings, as fast as it can, would have us do nothing but answer.
 */
function keepAlive(webSocket: WebSocket, pingMs: Millis): void {
  let heard = true;
  let controls = 0;
  const count = (): void => {
    if (++controls > limits.webSocketControls) webSocket.terminate();
  };
  const timer = setInterval(() => {
    if (!heard) webSocket.terminate();
    else if (webSocket.readyState === WebSocket.OPEN) webSocket.ping();
    heard = false;
    controls = 0;
  }, pingMs);
  webSocket.on('ping', count);
  webSocket.on('pong', () => {
    heard = true;
    count();
  });
  webSocket.on('message', () => (heard = true));
  webSocket.on('close', () => clearInterval(timer));
}

/** Who begins a message, or a frame, and does not end it in time is cut; control frames in between win him none. */
function cutLate(socket: Socket, messageMs: Millis): void {
  const frames = new FrameProgress();
  let late: NodeJS.Timeout | undefined;
  const relax = (): void => {
    clearTimeout(late);
    late = undefined;
  };
  socket.on('data', (bytes: Buffer) => {
    frames.push(bytes);
    if (late !== undefined && frames.ended) relax();
    if (frames.waiting) late ??= setTimeout(() => socket.destroy(), messageMs);
  });
  socket.on('close', relax);
}

function offersSip(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim().toLowerCase() === SUB_PROTOCOL);
}

/**
 * A page can set no header field of the handshake but the sub-protocols, so its token stands there or in the URL. One
 * that brings two is as good as one that brings a wrong one. RFC 6750 §2.3
 *
 *   GET /?access_token=<token>            Sec-WebSocket-Protocol: sip, bearer.<token>
 */
function tokenOf(request: IncomingMessage): string | undefined {
  const { url = '' } = request;
  const query = new URLSearchParams(url.includes('?') ? url.substring(url.indexOf('?') + 1) : '');
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const tokens = [
    ...TOKEN_PARAMS.flatMap((name) => query.getAll(name)),
    ...offered.filter((name) => name.startsWith(BEARER)).map((name) => name.substring(BEARER.length)),
  ];
  return tokens.length > 1 ? '' : tokens[0];
}

function refuse(socket: Socket, status: string, more = ''): void {
  socket.end(`HTTP/1.1 ${status}\r\n${more}Connection: close\r\nContent-Length: 0\r\n\r\n`);
}
