/** Where we are: what Via and Record-Route say of us, and whether an address is ours. RFC 3261 §18.1.1 */
import type { Endpoint } from '../base/endpoint.ts';
import type { Net } from '../base/world.ts';
import type { TransportName } from './flow.ts';
import { isLoopback } from './reach.ts';

/** One socket that listens. */
export interface Socket {
  readonly transport: TransportName;
  readonly local: Endpoint;
  /** How peers see it, `192.0.2.1:5060` or the host alone, when it is not where it is bound. */
  readonly advertise?: string | undefined;
  readonly name?: string | undefined;
}

const WILDCARDS = new Set(['0.0.0.0', '::']);
const DEFAULT_PORT = 5060;

/** The addresses and names of ours. */
export class OwnAddresses {
  private readonly net: Net;
  private readonly advertise: string;
  private readonly hosts = new Set<string>();
  private readonly ports = new Set<number>();
  private firstPort = 0;
  private hearsAllAddresses = false;
  /** Whether somebody on another machine may reach us. */
  private hearsOthers = false;

  /** `advertise`: what every socket is seen as that has nothing of its own; empty: where it is bound. */
  constructor(net: Net, advertise: string, domains: readonly string[]) {
    this.net = net;
    this.advertise = advertise;
    if (advertise !== '') this.hosts.add(advertise.toLowerCase());
    for (const domain of domains) this.hosts.add(domain);
  }

  add(socket: Socket): void {
    const { local } = socket;
    if (this.firstPort === 0) this.firstPort = local.port;
    this.ports.add(local.port);
    if (!isLoopback(local.host)) this.hearsOthers = true;
    if (WILDCARDS.has(local.host)) this.hearsAllAddresses = true;
    else this.hosts.add(local.host);
    if (socket.advertise === undefined) return;
    const [host, port] = partsOf(socket.advertise);
    this.hosts.add(host.toLowerCase());
    if (port !== undefined) this.ports.add(port);
  }

  /** Our address as the peer sees it by this socket; without one, by the first of ours. */
  sentBy(socket: Socket | undefined, remoteHost: string): string {
    const [named, namedPort] = partsOf(socket?.advertise ?? '');
    const port = namedPort ?? socket?.local.port ?? (this.firstPort || DEFAULT_PORT);
    const bound = socket === undefined || WILDCARDS.has(socket.local.host) ? undefined : socket.local.host;
    const seen = named !== '' ? named : this.advertise;
    const host = seen !== '' ? seen : (bound ?? this.net.localAddressFor(remoteHost));
    this.hosts.add(host);
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** Whether an address is that of this machine for ourselves, and of another one for those who may reach us. */
  isAmbiguous(host: string): boolean {
    return this.hearsOthers && isLoopback(host);
  }

  /** Whether a host is ours; with a port, whether we listen there too. */
  has(host: string, port?: number): boolean {
    if (port !== undefined && !this.ports.has(port)) return false;
    if (port === undefined && this.isAmbiguous(host)) return true;
    if (this.hosts.has(host)) return true;
    return this.hearsAllAddresses && host === this.net.localAddressFor(host);
  }
}

/** `192.0.2.1:5060`, `[2001:db8::1]:5060`, `sip.example.com`, `2001:db8::1` → host without brackets, port. */
function partsOf(advertise: string): readonly [host: string, port: number | undefined] {
  const colon = advertise.lastIndexOf(':');
  const alone = colon < 0 || (!advertise.startsWith('[') && advertise.indexOf(':') < colon);
  if (alone || advertise.endsWith(']')) return [advertise.replace(/^\[|\]$/g, ''), undefined];
  return [advertise.substring(0, colon).replace(/^\[|\]$/g, ''), Number(advertise.substring(colon + 1))];
}
