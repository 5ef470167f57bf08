/** Opens the listeners, and gives the flow to a hop. RFC 3261 §18. */
import { TandemError } from '../base/errors.ts';
import type { Endpoint } from '../base/endpoint.ts';
import type { HostPort, StreamKind, TlsIdentity, TokenOwner, World } from '../base/world.ts';
import type { ConnectionLimits } from './connection.ts';
import { Connections } from './connections.ts';
import { type Flow, isSecure, type TransportName } from './flow.ts';
import { OwnAddresses, type Socket } from './own-addresses.ts';
import { UdpTransport } from './udp.ts';

/** Where a message goes next: an address and how to get there. */
export interface Hop {
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
  /** The domain that was asked for: over TLS the peer must prove that name. RFC 5922 §4. Without: its address. */
  readonly serverName?: string;
  /** It came from a `sips:` URI: nothing but TLS will do. RFC 3261 §26.2.2 */
  readonly secure?: boolean;
  /** Only by a connection that stands: nobody listens there. RFC 5626 §5.3 */
  readonly connected?: boolean;
  /** The name, in `[sip] listen`, of the socket of ours to send from. */
  readonly socket?: string;
  /** Our address that the other side knows: a datagram from another one would not pass its NAT. */
  readonly sentBy?: string | undefined;
}

/** Where to listen, and for what. */
export interface ListenAt extends HostPort {
  readonly transport: TransportName;
  /** How peers see this socket, `192.0.2.1:5060` or the host alone, when it is not where it is bound. */
  readonly advertise?: string | undefined;
  /** By which a hop may ask for it. */
  readonly name?: string | undefined;
}

/** How the exchange is seen, and what bounds its connections. */
export interface TransportOptions {
  /** Put into Via and Record-Route in place of the address we are bound to; empty: the address itself. */
  readonly advertise: string;
  /** Names of ours: a Route that leads there leads to us. */
  readonly domains: readonly string[];
  readonly limits: ConnectionLimits;
  /** Who we are; needed by TLS and secure WebSocket listeners. */
  readonly tls?: TlsIdentity | undefined;
  /** The pages whose browsers may connect; empty: all. */
  readonly origins?: readonly string[];
  /** Asked when a WebSocket is opened with a token. */
  readonly admit?: TokenAdmission | undefined;
  /** Load balancers that say by the PROXY protocol for whom they connect. */
  readonly proxyProtocolFrom?: readonly string[];
}

/** Whose a token is; undefined refuses the WebSocket that is opened with it. */
export type TokenAdmission = (token: string, isSecure: boolean, remote: Endpoint) => TokenOwner | undefined;

/** Every socket of the exchange. */
export class Transports {
  /** What listens, as it was bound: `udp:127.0.0.1:5060`. */
  readonly listeners: Socket[] = [];
  private readonly world: World;
  private readonly options: TransportOptions;
  private readonly receive: (text: string, flow: Flow) => void;
  private readonly udp: UdpTransport[] = [];
  private readonly connections: Connections;
  private readonly own: OwnAddresses;

  constructor(world: World, options: TransportOptions, receive: (text: string, flow: Flow) => void) {
    this.world = world;
    this.options = options;
    this.receive = receive;
    this.own = new OwnAddresses(world.net, options.advertise, options.domains);
    this.connections = new Connections({
      net: world.net,
      clock: world.clock,
      limits: options.limits,
      tls: options.tls,
      sentByFor: (hop) => this.own.sentBy(this.socketFor(hop), hop.host),
      receive,
    });
  }

  /** Rejects with PORT_TAKEN naming address and setting when it cannot listen there. */
  async listen(at: ListenAt): Promise<void> {
    try {
      const socket =
        at.transport === 'udp' ? await this.listenUdp(at) : await this.listenStream(at, at.transport);
      this.listeners.push(socket);
      this.own.add(socket);
    } catch (error) {
      throw listenError(at, error);
    }
  }

  /** Undefined when nothing of ours speaks this transport, or what was asked for it cannot give. */
  flowTo(hop: Hop): Flow | undefined {
    if (hop.secure === true && !isSecure(hop.transport)) return undefined;
    if (hop.transport !== 'udp') return this.connections.flowTo(hop);
    if (hop.sentBy !== undefined && this.udp.length > 1) {
      for (const flow of this.udpFlowsTo(hop.host, hop.port)) if (flow.sentBy === hop.sentBy) return flow;
    }
    return this.udpFor(hop)?.flowTo(hop.host, hop.port);
  }

  /** The flows to an address, from every UDP socket of ours that could send there. */
  *udpFlowsTo(host: string, port: number): Generator<Flow> {
    const isIPv6 = host.includes(':');
    for (const udp of this.udp) if (udp.socket.local.isIPv6 === isIPv6) yield udp.flowTo(host, port);
  }

  /** The connection that stands to this address; a host that ends in `.invalid` is known by its WebSocket. RFC 7118 */
  flowByRemote(transport: TransportName, host: string, port: number): Flow | undefined {
    return this.connections.find({ transport, host, port });
  }

  /**
   * Whether a socket of ours could send so: connections are made from any, datagrams from one that hears the answer.
   * A WebSocket is opened by the other side only (RFC 7118 §5).
   */
  speaks(transport: TransportName, isIPv6: boolean): boolean {
    if (transport === 'ws' || transport === 'wss') return false;
    for (const socket of this.listeners)
      if (socket.local.isIPv6 === isIPv6 && (transport !== 'udp' || socket.transport === 'udp')) return true;
    return false;
  }

  /** Whether a host is an address or the advertised name of ours; with a port, whether we listen there too. */
  isOwn(host: string, port?: number): boolean {
    return this.own.has(host, port);
  }

  /** Whether nobody but ourselves could mean this machine by that address: who reaches us from elsewhere may not. */
  isAmbiguous(host: string): boolean {
    return this.own.isAmbiguous(host);
  }

  /** Other certificates from now on; connections that stand stay. */
  renew(tls: TlsIdentity): void {
    this.connections.renew(tls);
  }

  close(): void {
    for (const udp of this.udp) udp.socket.close();
    this.connections.close();
  }

  private async listenUdp(at: ListenAt): Promise<Socket> {
    const sentBy = (local: Endpoint, remoteHost: string): string =>
      this.own.sentBy({ ...at, transport: 'udp', local }, remoteHost);
    const udp = await UdpTransport.listen(this.world.net, at, sentBy, this.receive);
    this.udp.push(udp);
    return { transport: 'udp', local: udp.socket.local, advertise: at.advertise, name: at.name };
  }

  private async listenStream(at: ListenAt, kind: StreamKind): Promise<Socket> {
    const { tls, origins, admit, proxyProtocolFrom, limits } = this.options;
    const opening: { socket?: Socket } = {};
    const listener = await this.connections.listen(
      at,
      {
        kind,
        setupMs: limits.setupMs,
        messageMs: limits.messageMs,
        ...(tls === undefined ? {} : { tls }),
        ...(origins === undefined ? {} : { origins }),
        admit: admit && ((token, remote) => admit(token, isSecure(kind), remote)),
        ...(proxyProtocolFrom === undefined ? {} : { proxyProtocolFrom }),
      },
      (remoteHost) => this.own.sentBy(opening.socket, remoteHost),
    );
    const { advertise, name } = at;
    return (opening.socket = { transport: kind, local: listener.local, advertise, name });
  }

  /** The UDP socket that was asked for by name, else the one whose address the peer would see. */
  private udpFor(hop: Hop): UdpTransport | undefined {
    const { udp } = this;
    if (udp.length === 1 && hop.socket === undefined) {
      return udp[0]!.socket.local.isIPv6 === hop.host.includes(':') ? udp[0] : undefined;
    }
    const local = this.socketFor(hop)?.local;
    for (const one of udp) if (one.socket.local === local) return one;
    return undefined;
  }

  private socketFor(hop: Hop): Socket | undefined {
    const isIPv6 = hop.host.includes(':');
    let first: Socket | undefined;
    let seen = '';
    for (const socket of this.listeners) {
      if (socket.transport !== hop.transport || socket.local.isIPv6 !== isIPv6) continue;
      if (hop.socket !== undefined && hop.socket !== socket.name) continue;
      if (first === undefined) {
        first = socket;
        continue;
      }
      if (seen === '') seen = this.world.net.localAddressFor(hop.host);
      if (first.local.host === seen) return first;
      if (socket.local.host === seen) return socket;
    }
    return first;
  }
}

function listenError(at: ListenAt, error: unknown): TandemError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const where = `${at.transport}:${at.host}:${at.port}`;
  const what: Record<string, string> = {
    EADDRINUSE: `port ${at.port} is in use: cannot listen on ${where}`,
    EACCES: `not allowed to listen on ${where}`,
    EADDRNOTAVAIL: `no such address on this machine: ${where}`,
  };
  return new TandemError('PORT_TAKEN', what[code] ?? `cannot listen on ${where}`, {
    cause: error,
    hint: 'change [sip] listen in tandem.toml, or stop what uses the port',
  });
}
