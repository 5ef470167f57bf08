/** Somebody on a simulated network who sends whatever bytes he likes, and hears what comes back. */
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, ConnectOptions, HostPort, UdpSocket } from '../base/world.ts';
import { Frames } from './frames.ts';
import type { SimWorld } from './sim-world.ts';
import type { TraceEntry } from './sim-trace.ts';

/** A host without an account. `open` it first. */
export class Stranger {
  readonly host: string;
  /** Every datagram that came to his port 5060, whoever sent it. */
  readonly heard: string[] = [];
  private readonly world: SimWorld;
  private readonly target: HostPort;
  private socket: UdpSocket | undefined;

  constructor(world: SimWorld, host: string, target: HostPort) {
    this.world = world;
    this.host = host;
    this.target = target;
  }

  /** Binds UDP port 5060. */
  async open(receive: (text: string) => void = () => {}): Promise<this> {
    const at = { host: this.host, port: 5060 };
    this.socket = await this.world.host(this.host).net.udp(at, (text) => {
      this.heard.push(text);
      receive(text);
    });
    return this;
  }

  /** Sends one datagram to the exchange. */
  send(text: string): void {
    this.socket?.send(text, new Endpoint(this.target.host, this.target.port), 0);
  }

  /** Opens a connection to the exchange, or to another port of it. */
  connect(options: ConnectOptions = { kind: 'tcp' }, port = this.target.port): StrangersConnection {
    return new StrangersConnection(this.world, this.host, { ...this.target, port }, options);
  }

  /** What the exchange sent to him over UDP, to whatever port, and whether or not somebody listens there. */
  get sentToHim(): readonly TraceEntry[] {
    const { entries } = this.world.network.trace;
    return entries.filter((entry) => entry.fromHost === this.target.host && entry.toHost === this.host);
  }
}

/** A connection of his. */
export class StrangersConnection {
  /** Every byte that came. */
  bytes = '';
  /** The whole messages among them. */
  readonly heard: string[] = [];
  closed = false;
  /** Whether TLS and WebSocket, where wanted, were agreed on. */
  opened = false;
  private readonly stream: ByteStream;
  private readonly frames = new Frames();

  constructor(world: SimWorld, host: string, target: HostPort, options: ConnectOptions) {
    const whole = options.kind === 'ws' || options.kind === 'wss';
    const user = {
      opened: () => void (this.opened = true),
      data: (text: string) => {
        this.bytes += text;
        this.heard.push(...(whole ? [text] : this.frames.push(text)));
      },
      closed: () => void (this.closed = true),
    };
    this.stream = world.host(host).net.connect(target, user, options);
  }

  write(text: string): void {
    this.stream.write(text);
  }

  /** Says goodbye. */
  end(): void {
    this.stream.end();
  }

  /** Gone at once. */
  destroy(): void {
    this.stream.destroy();
  }
}
