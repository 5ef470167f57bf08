/**
 * A program on a simulated host: its timers, sockets and connections end with it, at any moment, as when the real one
 * is killed. What it hears and says is told at its sockets, so that nobody has to guess what arrived.
 *
 *   SimWorld.host(address) ─▶ SimProcess.world ─▶ the exchange
 *                                │ told: heard, said
 *                                ▼
 *                             the laws
 */
import { Endpoint } from '../base/endpoint.ts';
import type {
  ByteStream,
  Clock,
  ConnectOptions,
  DnsRecord,
  DnsType,
  HostPort,
  Listener,
  ListenOptions,
  Millis,
  Net,
  StreamEnd,
  StreamUser,
  Timer,
  UdpReceiver,
  UdpSocket,
  World,
} from '../base/world.ts';

/** Told of each datagram and each chunk of a stream, in the order the program heard and said them. */
export interface Wiretap {
  /** `stream` is undefined for a datagram; whole: each text is one message. */
  heard(text: string, from: Endpoint, stream: ByteStream | undefined, whole: boolean): void;
  said(text: string, to: Endpoint, stream: ByteStream | undefined, whole: boolean): void;
}

/** One run of a program, from its start to its death. */
export class SimProcess {
  readonly world: World;
  /** Whether it still runs. */
  alive = true;
  private readonly clock: ProcessClock;
  private readonly net: ProcessNet;

  constructor(host: World, tap: Wiretap) {
    this.clock = new ProcessClock(host.clock, this);
    this.net = new ProcessNet(host.net, this, tap);
    this.world = { clock: this.clock, random: host.random, net: this.net, log: host.log };
  }

  /** Timers that were set and have neither fired nor been cancelled. */
  get timers(): number {
    return this.clock.pending.size;
  }

  /** Sockets, listeners and connections that are open. */
  get sockets(): number {
    return this.net.open.size;
  }

  /** From now on nothing of it runs, and its peers find out as they do in life. */
  kill(): void {
    this.alive = false;
    this.clock.pending.clear();
    for (const end of this.net.open.values()) end();
    this.net.open.clear();
  }
}

class ProcessClock implements Clock {
  readonly pending = new Set<Timer>();
  private readonly clock: Clock;
  private readonly process: SimProcess;

  constructor(clock: Clock, process: SimProcess) {
    this.clock = clock;
    this.process = process;
  }

  now(): Millis {
    return this.clock.now();
  }

  wall(): number {
    return this.clock.wall();
  }

  after(delay: Millis, fire: () => void): Timer {
    const { pending } = this;
    const timer = {
      cancel(): void {
        if (pending.delete(timer)) inner.cancel();
      },
    };
    const inner = this.clock.after(delay, () => {
      if (pending.delete(timer)) fire();
    });
    if (this.process.alive) pending.add(timer);
    return timer;
  }

  soon(run: () => void): void {
    this.clock.soon(() => {
      if (this.process.alive) run();
    });
  }
}

class ProcessNet implements Net {
  /** What is open, and how it is closed when the program dies. */
  readonly open = new Map<object, () => void>();
  private readonly net: Net;
  private readonly process: SimProcess;
  private readonly tap: Wiretap;

  constructor(net: Net, process: SimProcess, tap: Wiretap) {
    this.net = net;
    this.process = process;
    this.tap = tap;
  }

  async udp(at: HostPort, receive: UdpReceiver): Promise<UdpSocket> {
    const { open, tap } = this;
    const socket = await this.net.udp(at, (text, from) => {
      tap.heard(text, from, undefined, true);
      receive(text, from);
    });
    open.set(socket, () => socket.close());
    return {
      local: socket.local,
      send(text, to, order) {
        if (!open.has(socket)) return;
        tap.said(text, to, undefined, true);
        socket.send(text, to, order);
      },
      close() {
        open.delete(socket);
        socket.close();
      },
    };
  }

  async listen(
    at: HostPort,
    accept: (stream: ByteStream) => StreamUser,
    options: ListenOptions = { kind: 'tcp' },
  ): Promise<Listener> {
    const { open } = this;
    const whole = isWhole(options);
    const taken = (stream: ByteStream): StreamUser => {
      const ours = this.tapped(stream, whole);
      return this.watched(accept(ours), () => ours, whole);
    };
    const listener = await this.net.listen(at, taken, options);
    open.set(listener, () => listener.close());
    return {
      local: listener.local,
      renew: (tls) => listener.renew(tls),
      close() {
        open.delete(listener);
        listener.close();
      },
    };
  }

  connect(to: HostPort, user: StreamUser, options: ConnectOptions = { kind: 'tcp' }): ByteStream {
    const whole = isWhole(options);
    this.tap.said('', new Endpoint(to.host, to.port), undefined, true);
    const ours: ByteStream = this.tapped(
      this.net.connect(
        to,
        this.watched(user, () => ours, whole),
        options,
      ),
      whole,
    );
    return ours;
  }

  resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    return this.net.resolve(name, type);
  }

  known(name: string, type: DnsType): readonly DnsRecord[] | undefined {
    return this.net.known(name, type);
  }

  localAddressFor(to: string): string {
    return this.net.localAddressFor(to);
  }

  /** The stream as the program sees it: what it writes is told. */
  private tapped(stream: ByteStream, whole: boolean): ByteStream {
    const { open, tap } = this;
    const ours: ByteStream = {
      local: stream.local,
      remote: stream.remote,
      get peerNames() {
        return stream.peerNames;
      },
      write(text) {
        if (open.has(ours)) tap.said(text, stream.remote, ours, whole);
        return stream.write(text);
      },
      end: () => stream.end(),
      destroy: () => stream.destroy(),
    };
    open.set(ours, () => stream.destroy());
    return ours;
  }

  private watched(user: StreamUser, stream: () => ByteStream, whole: boolean): StreamUser {
    const { process, open, tap } = this;
    return {
      opened() {
        if (process.alive) user.opened?.();
      },
      data(text: string) {
        if (!process.alive) return;
        tap.heard(text, stream().remote, stream(), whole);
        user.data(text);
      },
      closed(why: StreamEnd, detail: string) {
        open.delete(stream());
        if (process.alive) user.closed(why, detail);
      },
    };
  }
}

function isWhole({ kind }: ListenOptions | ConnectOptions): boolean {
  return kind === 'ws' || kind === 'wss';
}
