/** Opens the listeners, and gives the flow to a hop. RFC 3261 §18. */
import { TandemError } from '../base/errors.ts';
import { Endpoint } from '../base/endpoint.ts';
import type { World } from '../base/world.ts';
import type { Flow, TransportName } from './flow.ts';
import { type TcpLimits, TcpTransport } from './tcp.ts';
import { UdpTransport } from './udp.ts';

/** Where a message goes next: an address and how to get there. */
export interface Hop {
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
}

/** Where to listen, and for what. */
export interface ListenAt {
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

/** How the exchange is seen, and what bounds its connections. */
export interface TransportOptions {
  /** Put into Via and Record-Route in place of the address we are bound to; empty: the address itself. */
  readonly advertise: string;
  /** Names of ours: a Route that leads there leads to us. */
  readonly domains: readonly string[];
  readonly limits: TcpLimits;
}

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** Every socket of the exchange. */
export class Transports {
  /** What listens, as it was bound: `udp:127.0.0.1:5060`. */
  readonly listeners: { readonly transport: TransportName; readonly local: Endpoint }[] = [];
  private readonly world: World;
  private readonly options: TransportOptions;
  private readonly receive: (text: string, flow: Flow) => void;
  private readonly udp: UdpTransport[] = [];
  private readonly tcp: TcpTransport;
  /** Hosts that are us, and the ports of ours. */
  private readonly ownHosts = new Set<string>();
  private readonly ownPorts = new Set<number>();
  private hearsAllAddresses = false;

  constructor(world: World, options: TransportOptions, receive: (text: string, flow: Flow) => void) {
    this.world = world;
    this.options = options;
    this.receive = receive;
    if (options.advertise !== '') this.ownHosts.add(options.advertise.toLowerCase());
    for (const domain of options.domains) this.ownHosts.add(domain);
    this.tcp = new TcpTransport({
      net: world.net,
      clock: world.clock,
      limits: options.limits,
      sentByFor: this.sentByFor,
      receive,
    });
  }

  /** Rejects with PORT_TAKEN naming address and setting when it cannot listen there. */
  async listen(at: ListenAt): Promise<void> {
    try {
      const local = at.transport === 'udp' ? await this.listenUdp(at) : (await this.tcp.listen(at)).local;
      this.listeners.push({ transport: at.transport, local });
      this.ownPorts.add(local.port);
      if (WILDCARDS.has(local.host)) this.hearsAllAddresses = true;
      else this.ownHosts.add(local.host);
    } catch (error) {
      throw listenError(at, error);
    }
  }

  /** Undefined when nothing of ours speaks this transport. */
  flowTo(hop: Hop): Flow | undefined {
    if (hop.transport === 'tcp') return this.tcp.flowTo(hop.host, hop.port);
    if (hop.transport !== 'udp') return undefined;
    const wantsIPv6 = hop.host.includes(':');
    const socket = this.udp.find((udp) => udp.socket.local.isIPv6 === wantsIPv6);
    return socket?.flowTo(hop.host, hop.port);
  }

  /** Whether a host is an address or the advertised name of ours; with a port, whether we listen there too. */
  isOwn(host: string, port?: number): boolean {
    if (port !== undefined && !this.ownPorts.has(port)) return false;
    if (this.ownHosts.has(host)) return true;
    return this.hearsAllAddresses && host === this.world.net.localAddressFor(host);
  }

  close(): void {
    for (const udp of this.udp) udp.socket.close();
    this.tcp.close();
  }

  private async listenUdp(at: ListenAt): Promise<Endpoint> {
    const udp = await UdpTransport.listen(this.world.net, at, this.sentByFor, this.receive);
    this.udp.push(udp);
    return udp.socket.local;
  }

  private readonly sentByFor = (local: Endpoint | undefined, remoteHost: string): string => {
    const port = local?.port ?? this.listeners[0]?.local.port ?? 5060;
    const { advertise } = this.options;
    const bound = local === undefined || WILDCARDS.has(local.host) ? undefined : local.host;
    const host = advertise !== '' ? advertise : (bound ?? this.world.net.localAddressFor(remoteHost));
    this.ownHosts.add(host);
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  };
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
