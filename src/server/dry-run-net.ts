/**
 * The network of a dry run: nothing leaves. What the exchange sends is handed to whoever plays the far ends, and what
 * they answer comes in by the same way. Every name exists, at an address of the range for benchmarks (RFC 2544).
 */
import { networkInterfaces } from 'node:os';
import { Endpoint, isIpAddress } from '../base/endpoint.ts';
import type {
  ByteStream,
  Clock,
  ConnectOptions,
  DnsRecord,
  DnsType,
  HostPort,
  Listener,
  ListenOptions,
  Net,
  StreamKind,
  StreamUser,
  UdpReceiver,
  UdpSocket,
} from '../base/world.ts';
import { Framer } from '../sip/frame.ts';

/** How a message goes. */
export type Way = 'udp' | StreamKind;

/** A message of the exchange. */
export interface SentMessage {
  readonly text: string;
  readonly to: Endpoint;
  readonly way: Way;
  /** Hands the exchange an answer, by the same way. */
  readonly back: (text: string) => void;
}

const NAMES_HOUR_MS = 3_600_000;
const NAMES_MAX = 65_000;

interface Listening {
  readonly at: Endpoint;
  readonly accept: (stream: ByteStream) => StreamUser;
}

/** See above. */
export class DryRunNet implements Net {
  /** Is handed everything that would have left. */
  private readonly far: (message: SentMessage) => void;
  private readonly clock: Clock;
  private readonly sockets: { readonly at: Endpoint; readonly receive: UdpReceiver }[] = [];
  private readonly listeners = new Map<StreamKind, Listening>();
  private readonly addresses = new Map<string, string>();
  private readonly names = new Map<string, string>();

  constructor(clock: Clock, far: (message: SentMessage) => void) {
    this.clock = clock;
    this.far = far;
  }

  /** Somebody sends to the exchange, from this address: over UDP, or by a connection of his own. */
  arrive(text: string, from: HostPort, way: Way): boolean {
    const peer = new Endpoint(from.host, from.port);
    if (way === 'udp') {
      const socket = this.sockets.find(({ at }) => at.isIPv6 === peer.isIPv6) ?? this.sockets[0];
      socket?.receive(text, peer);
      return socket !== undefined;
    }
    const user = this.connected(peer, way);
    user?.data(text);
    return user !== undefined;
  }

  /** A phone's connection, along which it is called; undefined when nothing listens for it. */
  connected(peer: Endpoint, way: StreamKind): StreamUser | undefined {
    const listener = this.listeners.get(way);
    if (listener === undefined) return undefined;
    const stream = new DryStream(this.far, listener.at, peer, way);
    stream.user = listener.accept(stream);
    stream.user.opened?.();
    return stream.user;
  }

  /** The name that an address stands for, if it was looked up. */
  nameOf(address: string): string | undefined {
    return this.names.get(address);
  }

  udp(at: HostPort, receive: UdpReceiver): Promise<UdpSocket> {
    const local = new Endpoint(at.host, at.port);
    const socket = { at: local, receive };
    this.sockets.push(socket);
    return Promise.resolve({
      local,
      send: (text: string, to: Endpoint) =>
        this.far({ text, to, way: 'udp', back: (answer) => receive(answer, to) }),
      close: () => void this.sockets.splice(this.sockets.indexOf(socket), 1),
    });
  }

  listen(
    at: HostPort,
    accept: (stream: ByteStream) => StreamUser,
    { kind }: ListenOptions = { kind: 'tcp' },
  ): Promise<Listener> {
    const local = new Endpoint(at.host, at.port);
    this.listeners.set(kind, { at: local, accept });
    return Promise.resolve({ local, renew() {}, close: () => void this.listeners.delete(kind) });
  }

  connect(to: HostPort, user: StreamUser, { kind }: ConnectOptions = { kind: 'tcp' }): ByteStream {
    const stream = new DryStream(
      this.far,
      new Endpoint(this.localAddressFor(to.host), 0),
      endpointOf(to),
      kind,
    );
    stream.user = user;
    this.clock.soon(() => user.opened?.());
    return stream;
  }

  async resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    const found = this.known(name, type);
    if (found.length > 0) return found;
    throw Object.assign(new Error(`${name} has no ${type} record in a dry run`), { code: 'ENODATA' });
  }

  known(name: string, type: DnsType): readonly DnsRecord[] {
    return type === 'A' ? [{ target: this.addressOf(name), ttlMs: NAMES_HOUR_MS }] : [];
  }

  localAddressFor(to: string): string {
    const ours = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    if (ours.some(({ address }) => address === to)) return to;
    const family = to.includes(':') ? 'IPv6' : 'IPv4';
    const seen = ours.find((address) => !address.internal && address.family === family);
    return seen?.address ?? (family === 'IPv6' ? '::1' : '127.0.0.1');
  }

  private addressOf(name: string): string {
    const known = this.addresses.get(name);
    if (known !== undefined) return known;
    const count = (this.addresses.size % NAMES_MAX) + 1;
    const address = `198.18.${count >> 8}.${count & 255}`;
    this.addresses.set(name, address);
    this.names.set(address, name);
    return address;
  }
}

/** A connection that stands at once and never breaks. */
class DryStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peerNames: readonly string[] = [];
  user: StreamUser | undefined = undefined;
  private readonly far: (message: SentMessage) => void;
  private readonly way: StreamKind;
  private readonly framer = new Framer();
  private over = false;

  constructor(far: (message: SentMessage) => void, local: Endpoint, remote: Endpoint, way: StreamKind) {
    this.far = far;
    this.local = local;
    this.remote = remote;
    this.way = way;
  }

  write(text: string): boolean {
    this.framer.push(text);
    for (let whole = this.framer.next(); whole !== undefined; whole = this.framer.next()) {
      this.far({ text: whole, to: this.remote, way: this.way, back: (answer) => this.user?.data(answer) });
    }
    return true;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.over) return;
    this.over = true;
    this.user?.closed('local', '');
  }
}

function endpointOf({ host, port }: HostPort): Endpoint {
  return new Endpoint(isIpAddress(host) ? host : '0.0.0.0', port);
}
