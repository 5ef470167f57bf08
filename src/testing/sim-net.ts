/**
 * A network in memory: hosts by address, UDP and TCP between them over links that delay, lose, double and
 * reorder, NATs, names. All chance comes from one seed, all time from one simulated clock.
 */
import { assert } from '../base/assert.ts';
import { Endpoint } from '../base/endpoint.ts';
import type {
  ByteStream,
  ConnectOptions,
  DnsRecord,
  DnsType,
  HostPort,
  Listener,
  ListenOptions,
  Net,
  StreamUser,
  TlsIdentity,
  UdpReceiver,
  UdpSocket,
} from '../base/world.ts';
import type { SimClock } from './sim-clock.ts';
import { type LinkConditions, SimLinks } from './sim-links.ts';
import { netError, SimNames } from './sim-names.ts';
import { type NatOptions, SimNat } from './sim-nat.ts';
import type { SimRandom } from './sim-random.ts';
import { connectStream, isLatin1 } from './sim-stream.ts';
import { SimTrace } from './sim-trace.ts';

const FIRST_EPHEMERAL_PORT = 49_152;
const LAST_PORT = 65_535;
/** What fits in an IPv4 packet behind the IP and UDP headers. */
const DATAGRAM_BYTES_MAX = 65_507;
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

/** All hosts of one simulated world. */
export class SimNet {
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly links: SimLinks;
  readonly names: SimNames;
  readonly trace: SimTrace;
  private readonly hosts = new Map<string, SimHost>();
  private readonly nats: SimNat[] = [];

  constructor(clock: SimClock, random: SimRandom) {
    this.clock = clock;
    this.random = random;
    this.links = new SimLinks(random);
    this.names = new SimNames(clock);
    this.trace = new SimTrace();
  }

  /** The host with this address; it comes into being when first asked for. */
  host(address: string): SimHost {
    let host = this.hosts.get(address);
    if (host === undefined) this.hosts.set(address, (host = new SimHost(this, address)));
    return host;
  }

  /** Puts hosts behind a NAT. Inside addresses are unique in the whole network, unlike in life. */
  nat(options: NatOptions): SimNat {
    const nat = new SimNat(this.clock, options);
    this.nats.push(nat);
    return nat;
  }

  /** The share of datagrams lost, from 0 to 1: everywhere, or between two hosts. */
  loss(probability: number, a?: string, b?: string): void {
    this.links.set({ loss: probability }, a, b);
  }

  conditions(changed: Partial<LinkConditions>, a?: string, b?: string): void {
    this.links.set(changed, a, b);
  }

  /** Nothing passes between the two any more; without `b`, nothing to or from `a`. */
  cut(a: string, b?: string): void {
    this.links.cut(a, b);
  }

  heal(a: string, b?: string): void {
    this.links.heal(a, b);
  }

  /** Cuts every host of one side from every host of the other; the answer heals it. */
  partition(oneSide: readonly string[], otherSide: readonly string[]): () => void {
    const pairs = oneSide.flatMap((a) => otherSide.map((b) => [a, b] as const));
    for (const [a, b] of pairs) this.cut(a, b);
    return () => {
      for (const [a, b] of pairs) this.heal(a, b);
    };
  }

  /** One datagram leaves `from`; it may arrive never, once or twice. */
  sendDatagram(from: SimHost, port: number, to: Endpoint, text: string): void {
    const source = this.translated(new Endpoint(from.address, port), to);
    const toHost = this.ownerOf(to);
    const link = this.links.between(from.address, toHost);
    const entry = this.trace.add({
      atMs: this.clock.now(),
      transport: 'udp',
      stream: 0,
      from: source.key,
      to: to.key,
      fromHost: from.address,
      toHost,
      text,
      fate: 'sent',
    });
    if (this.links.isCut(from.address, toHost)) entry.fate = 'cut';
    else if (this.random.chance(link.loss)) entry.fate = 'lost';
    else {
      const arrive = (): void => {
        if (!this.arrive(from, source, to, text)) entry.fate = 'refused';
      };
      this.clock.after(this.links.delay(link), arrive);
      if (this.random.chance(link.duplication)) this.clock.after(this.links.delay(link), arrive);
    }
  }

  /** The host a connection to this address ends at; undefined when none answers there. */
  reachable(from: SimHost, to: Endpoint): SimHost | undefined {
    const host = this.hosts.get(to.host);
    return host === undefined || !this.maySee(from, host.address) ? undefined : host;
  }

  /** What the world sees a connection of this host come from. */
  streamSource(from: SimHost, local: Endpoint, to: Endpoint): Endpoint {
    const nat = this.natOf(from.address);
    return nat === undefined || nat.isInside(to.host) ? local : nat.outboundStream();
  }

  private arrive(sender: SimHost, source: Endpoint, to: Endpoint, text: string): boolean {
    const nat = this.nats.find((router) => router.public === to.host);
    const target = nat === undefined ? to : nat.inbound(source, to.port);
    if (target === undefined || (nat === undefined && !this.maySee(sender, to.host))) return false;
    return this.hosts.get(target.host)?.receive(target.port, text, source) ?? false;
  }

  /** Private addresses are seen from behind the same NAT only. */
  private maySee(from: SimHost, address: string): boolean {
    const nat = this.natOf(address);
    return nat === undefined || nat.isInside(from.address);
  }

  private translated(source: Endpoint, to: Endpoint): Endpoint {
    const nat = this.natOf(source.host);
    return nat === undefined || nat.isInside(to.host) ? source : nat.outbound(source, to);
  }

  private natOf(address: string): SimNat | undefined {
    return this.nats.find((nat) => nat.isInside(address));
  }

  /** The host that a public address stands for now. */
  private ownerOf(to: Endpoint): string {
    const nat = this.nats.find((router) => router.public === to.host);
    return nat?.behind(to.port) ?? to.host;
  }
}

/** One machine: its address, its ports. */
export class SimHost implements Net {
  readonly address: string;
  readonly listeners = new Map<number, SimListener>();
  private readonly sockets = new Map<number, SimUdpSocket>();
  private readonly network: SimNet;
  private nextPort = FIRST_EPHEMERAL_PORT;

  constructor(network: SimNet, address: string) {
    this.network = network;
    this.address = address;
  }

  udp(at: HostPort, receive: UdpReceiver): Promise<UdpSocket> {
    return this.bind(at, this.sockets, (local) => new SimUdpSocket(this.network, this, local, receive));
  }

  listen(
    at: HostPort,
    accept: (stream: ByteStream) => StreamUser,
    options: ListenOptions = { kind: 'tcp' },
  ): Promise<Listener> {
    return this.bind(at, this.listeners, (local) => new SimListener(this, local, accept, options));
  }

  connect(to: HostPort, user: StreamUser, options: ConnectOptions = { kind: 'tcp' }): ByteStream {
    const local = new Endpoint(this.address, this.freePort(this.listeners));
    return connectStream(this.network, this, local, new Endpoint(to.host, to.port), user, options);
  }

  resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    return this.network.names.resolve(name, type);
  }

  known(name: string, type: DnsType): readonly DnsRecord[] | undefined {
    return this.network.names.known(name, type);
  }

  localAddressFor(): string {
    return this.address;
  }

  /** A datagram for one of our ports; false when nobody has it open. */
  receive(port: number, text: string, from: Endpoint): boolean {
    const socket = this.sockets.get(port);
    socket?.receive(text, from);
    return socket !== undefined;
  }

  release(open: SimUdpSocket | SimListener): void {
    const ports: Map<number, unknown> = open instanceof SimListener ? this.listeners : this.sockets;
    if (ports.get(open.local.port) === open) ports.delete(open.local.port);
  }

  private bind<T>(at: HostPort, taken: Map<number, T>, open: (local: Endpoint) => T): Promise<T> {
    const port = at.port === 0 ? this.freePort(taken) : at.port;
    const where = `${at.host}:${port}`;
    if (at.host !== this.address && !WILDCARDS.includes(at.host)) {
      return Promise.reject(netError('EADDRNOTAVAIL', `bind ${where}: the host is ${this.address}`));
    }
    if (taken.has(port)) return Promise.reject(netError('EADDRINUSE', `bind ${where}`));
    const bound = open(new Endpoint(at.host, port));
    taken.set(port, bound);
    return Promise.resolve(bound);
  }

  private freePort(taken: ReadonlyMap<number, unknown>): number {
    for (let tries = FIRST_EPHEMERAL_PORT; tries <= LAST_PORT; tries++) {
      const port = this.nextPort;
      this.nextPort = port === LAST_PORT ? FIRST_EPHEMERAL_PORT : port + 1;
      if (!taken.has(port)) return port;
    }
    throw netError('EADDRINUSE', `${this.address} has no free port`);
  }
}

class SimUdpSocket implements UdpSocket {
  readonly local: Endpoint;
  readonly receive: UdpReceiver;
  private readonly network: SimNet;
  private readonly host: SimHost;
  private open = true;

  constructor(network: SimNet, host: SimHost, local: Endpoint, receive: UdpReceiver) {
    this.network = network;
    this.host = host;
    this.local = local;
    this.receive = receive;
  }

  send(text: string, to: Endpoint): void {
    assert(isLatin1(text), 'a datagram holds one character a byte');
    if (this.open && text.length <= DATAGRAM_BYTES_MAX) {
      this.network.sendDatagram(this.host, this.local.port, to, text);
    }
  }

  close(): void {
    this.open = false;
    this.host.release(this);
  }
}

/** A port that takes connections. */
export class SimListener implements Listener {
  readonly local: Endpoint;
  readonly accept: (stream: ByteStream) => StreamUser;
  options: ListenOptions;
  private readonly host: SimHost;

  constructor(
    host: SimHost,
    local: Endpoint,
    accept: (stream: ByteStream) => StreamUser,
    options: ListenOptions,
  ) {
    this.host = host;
    this.local = local;
    this.accept = accept;
    this.options = options;
  }

  renew(tls: TlsIdentity): void {
    this.options = { ...this.options, tls };
  }

  close(): void {
    this.host.release(this);
  }
}
