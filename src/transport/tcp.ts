/** Streams: a flow is a connection, used in both directions and closed when idle. RFC 3261 §18, RFC 5626 §3.5.1. */
import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, Clock, Millis, Net, Listener, StreamUser, Timer } from '../base/world.ts';
import { Framer } from '../sip/frame.ts';
import { replyTo } from '../sip/build.ts';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Flow } from './flow.ts';

/** What strangers may take of us. */
export interface TcpLimits {
  /** Connections one address may hold. */
  readonly connectionsPerSource: number;
  readonly connectionsMax: number;
  /** A message that has begun must be complete within this. */
  readonly messageMs: Millis;
  readonly idleMs: Millis;
}

/** One connection. */
export class TcpFlow implements Flow, StreamUser {
  readonly transport = 'tcp';
  readonly reliable = true;
  open = true;
  readonly sentBy: string;
  private readonly owner: TcpTransport;
  private readonly framer = new Framer();
  private readonly watchers = new Set<() => void>();
  private stream: ByteStream | undefined = undefined;
  private messageTimer: Timer | undefined = undefined;
  private idleTimer: Timer | undefined = undefined;
  private lastUsed: Millis;

  constructor(owner: TcpTransport, sentBy: string) {
    this.owner = owner;
    this.sentBy = sentBy;
    this.lastUsed = owner.clock.now();
  }

  /** Done at once by whoever made the flow. */
  attach(stream: ByteStream): void {
    this.stream = stream;
    this.armIdle(this.owner.limits.idleMs);
  }

  get remote(): Endpoint {
    return this.stream!.remote; // attached by the owner before anyone else sees the flow.
  }

  toPort(): Flow {
    return this;
  }

  /** Messages on a stream keep their order anyway. */
  send(text: string): boolean {
    if (!this.open || this.stream === undefined) return false;
    this.lastUsed = this.owner.clock.now();
    if (this.stream.write(text)) return true;
    this.stream.destroy(); // A peer that does not read what it asked for.
    return false;
  }

  onBreak(broken: () => void): { cancel(): void } {
    this.watchers.add(broken);
    return { cancel: () => void this.watchers.delete(broken) };
  }

  data(text: string): void {
    if (!this.open) return;
    this.lastUsed = this.owner.clock.now();
    const { framer } = this;
    framer.push(text);
    for (let message = framer.next(); message !== undefined; message = framer.next()) {
      this.watchMessage(false); // What follows is another message, with its own time.
      this.owner.receive(message, this);
      if (!this.open) return;
    }
    for (; framer.keepAlives > 0; framer.keepAlives--) this.send('\r\n');
    if (framer.broken !== undefined) this.refuse(framer.broken);
    else this.watchMessage(framer.waiting);
  }

  closed(): void {
    this.open = false;
    this.messageTimer?.cancel();
    this.idleTimer?.cancel();
    this.owner.forget(this);
    const watchers = Array.from(this.watchers);
    this.watchers.clear();
    for (const broken of watchers) broken();
  }

  /** Nothing more is sent or heard; what is queued still leaves. */
  close(): void {
    this.open = false;
    this.stream?.end();
  }

  /** A stream whose framing is lost cannot be read any further. RFC 3261 §18.3. */
  private refuse(broken: { status: number; why: string; head: string }): void {
    const request = requestOf(broken.head);
    if (request !== undefined && request.method !== 'ACK') {
      this.send(replyTo(request, broken.status, { reason: broken.why, toTag: 'framing' }));
    }
    this.close();
  }

  /** Slow senders are cut: a message may not take longer than `messageMs`, however it trickles in. */
  private watchMessage(waiting: boolean): void {
    if (!waiting) {
      this.messageTimer?.cancel();
      this.messageTimer = undefined;
    } else
      this.messageTimer ??= this.owner.clock.after(this.owner.limits.messageMs, () => this.stream?.destroy());
  }

  private armIdle(delay: Millis): void {
    this.idleTimer = this.owner.clock.after(delay, () => {
      const left = this.lastUsed + this.owner.limits.idleMs - this.owner.clock.now();
      if (left <= 0) this.close();
      else this.armIdle(left);
    });
  }
}

/** The request that a head begins, if it begins one; what its Content-Length says is not looked at. */
function requestOf(head: string): SipRequest | undefined {
  const message = parseMessage(head);
  if (message.kind === 'request') return message;
  if (message.kind === 'response' || message.headers === undefined || message.method === '') return undefined;
  return new SipRequest(message.method, message.headers);
}

/** All TCP connections of the process, whoever opened them, by the peer's address. */
export class TcpTransport {
  readonly clock: Clock;
  readonly limits: TcpLimits;
  readonly receive: (text: string, flow: Flow) => void;
  readonly listeners: Listener[] = [];
  private readonly net: Net;
  private readonly sentByFor: (local: Endpoint | undefined, remoteHost: string) => string;
  /** Every connection, and the one that a message to an address goes by. */
  private readonly all = new Set<TcpFlow>();
  private readonly flows = new Map<string, TcpFlow>();
  private readonly sources = new Map<string, number>();

  constructor(options: {
    net: Net;
    clock: Clock;
    limits: TcpLimits;
    sentByFor: (local: Endpoint | undefined, remoteHost: string) => string;
    receive: (text: string, flow: Flow) => void;
  }) {
    this.net = options.net;
    this.clock = options.clock;
    this.limits = options.limits;
    this.sentByFor = options.sentByFor;
    this.receive = options.receive;
  }

  async listen(at: { host: string; port: number }): Promise<Listener> {
    const listener = await this.net.listen(at, (stream) => this.accept(stream));
    this.listeners.push(listener);
    return listener;
  }

  /** The connection to a peer, opened when there is none. */
  flowTo(host: string, port: number): Flow {
    const known = this.flows.get(`${host} ${port}`);
    if (known?.open) return known;
    const flow = new TcpFlow(this, this.sentByFor(this.listeners[0]?.local, host));
    const stream = this.net.connect({ host, port }, flow);
    flow.attach(stream);
    this.remember(flow, host, port);
    return flow;
  }

  forget(flow: TcpFlow): void {
    if (!this.all.delete(flow)) return;
    const { host, port } = flow.remote;
    // Another connection may have taken its name: a peer has one port for two listeners of ours, or comes back.
    if (this.flows.get(`${host} ${port}`) === flow) this.flows.delete(`${host} ${port}`);
    const left = (this.sources.get(host) ?? 1) - 1;
    if (left === 0) this.sources.delete(host);
    else this.sources.set(host, left);
  }

  close(): void {
    for (const listener of this.listeners) listener.close();
    for (const flow of this.all) flow.close();
  }

  private accept(stream: ByteStream): StreamUser {
    const { host, port } = stream.remote;
    const crowded = (this.sources.get(host) ?? 0) >= this.limits.connectionsPerSource;
    if (crowded || this.all.size >= this.limits.connectionsMax) {
      stream.destroy();
      return { data() {}, closed() {} };
    }
    const flow = new TcpFlow(this, this.sentByFor(stream.local, host));
    flow.attach(stream);
    this.remember(flow, host, port);
    return flow;
  }

  private remember(flow: TcpFlow, host: string, port: number): void {
    this.flows.set(`${host} ${port}`, flow);
    this.sources.set(host, (this.sources.get(host) ?? 0) + 1);
    this.all.add(flow);
  }
}
