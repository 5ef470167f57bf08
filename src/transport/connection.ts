/**
 * A flow that is a connection: used in both directions, closed when idle. RFC 3261 §18, RFC 5626 §3.5.1, RFC 7118
 *
 *   accepted or connecting ──opened──▶ open ──▶ closed
 *            │ setupMs                  │ messageMs for each message that has begun, idleMs without any
 *            └──────────────────────────┴──▶ closed
 */
import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, Clock, Millis, StreamKind, StreamUser, Timer, TokenOwner } from '../base/world.ts';
import { WaitingLine } from '../base/waiting-line.ts';
import { Framer } from '../sip/frame.ts';
import { replyTo } from '../sip/build.ts';
import { SipRequest } from '../sip/message.ts';
import { isResponseText, parseMessage } from '../sip/parse.ts';
import { Allowance } from './allowance.ts';
import type { Flow, FlowWatcher } from './flow.ts';

/** Pings, and messages without any content, that a connection may bring at once; then so many a second. */
export const PINGS_AT_ONCE = 100;
const PINGS_PER_SECOND = 10;
/** Messages of a connection that may be dropped unheard; then so many a second. */
export const UNHEARD_AT_ONCE = 1_000;
const UNHEARD_PER_SECOND = 100;

/** What strangers may take of us. */
export interface ConnectionLimits {
  /** Connections one address may hold, of all kinds; for IPv6 one network of 64 bits. */
  readonly connectionsPerSource: number;
  readonly connectionsMax: number;
  /** TCP, TLS and WebSocket together must stand within this. */
  readonly setupMs: Millis;
  /** A message that has begun must be complete within this. */
  readonly messageMs: Millis;
  readonly idleMs: Millis;
}

/** Who keeps the connections. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
  readonly receive: (text: string, flow: Flow) => void;
  /** The first request of a peer says under which name it may be reached. */
  learn(connection: Connection, request: string): void;
  /** A response finds its connection gone. False when there is no other way. */
  answerElsewhere(connection: Connection, response: string): boolean;
  forget(connection: Connection): void;
  /** Another one to where this one went; undefined when none can be had. */
  reconnect(gone: Connection): Connection | undefined;
}

/** What is known of a connection before it stands. */
export interface ConnectionParts {
  readonly transport: StreamKind;
  readonly sentBy: string;
  /** Whether the peer came to us. */
  readonly accepted: boolean;
  /** The name that the peer had to prove when we connected to it. */
  readonly serverName?: string | undefined;
}

/** One connection. */
export class Connection implements Flow, StreamUser {
  readonly transport: StreamKind;
  readonly reliable = true;
  readonly sentBy: string;
  readonly serverName: string | undefined;
  open = true;
  /** The keys it is kept under. */
  readonly keys: string[] = [];
  private readonly owner: ConnectionOwner;
  /** A WebSocket message is one message: there is nothing to frame. RFC 7118 §5 */
  private readonly framer: Framer | undefined;
  private readonly watchers = new WaitingLine<FlowWatcher>();
  /** Whether its peer may be connected to again, should it end the connection. */
  private renewable: boolean;
  private unknown: boolean;
  private stream: ByteStream | undefined = undefined;
  private setupTimer: Timer | undefined = undefined;
  private messageTimer: Timer | undefined = undefined;
  private idleTimer: Timer | undefined = undefined;
  private lastUsed: Millis;
  private pings: Allowance | undefined = undefined;
  private unheards: Allowance | undefined = undefined;

  constructor(owner: ConnectionOwner, parts: ConnectionParts) {
    this.owner = owner;
    this.transport = parts.transport;
    this.sentBy = parts.sentBy;
    this.serverName = parts.serverName;
    this.unknown = parts.accepted && parts.transport !== 'tcp';
    this.framer = parts.transport === 'ws' || parts.transport === 'wss' ? undefined : new Framer();
    this.lastUsed = owner.clock.now();
    this.renewable = !parts.accepted;
  }

  /** Done at once by whoever made the flow. */
  attach(stream: ByteStream): void {
    this.stream = stream;
    const { clock, limits } = this.owner;
    this.setupTimer = clock.after(limits.setupMs, () => stream.destroy());
    this.armIdle(limits.idleMs);
  }

  get remote(): Endpoint {
    return this.stream!.remote; // attached by the owner before anyone else sees the flow.
  }

  get peerNames(): readonly string[] {
    return this.stream?.peerNames ?? [];
  }

  get tokenOwner(): TokenOwner | undefined {
    return this.stream?.tokenOwner;
  }

  toPort(): Flow {
    return this;
  }

  /** Messages on a stream keep their order anyway. */
  send(text: string): boolean {
    if (!this.open) return text.startsWith('SIP/2.0 ') && this.owner.answerElsewhere(this, text);
    if (this.stream === undefined) return false;
    this.lastUsed = this.owner.clock.now();
    if (this.stream.write(text)) return true;
    this.renewable = false;
    this.stream.destroy(); // A peer that does not read what it asked for.
    return false;
  }

  watch(watcher: FlowWatcher): void {
    if (this.open) this.watchers.join(watcher); // Else whoever sends hears at once.
  }

  unwatch(watcher: FlowWatcher): void {
    this.watchers.leave(watcher);
  }

  again(): Flow | undefined {
    return this.renewable && !this.open ? this.owner.reconnect(this) : undefined;
  }

  opened(): void {
    this.setupTimer?.cancel();
    this.setupTimer = undefined;
  }

  data(text: string): void {
    if (!this.open) return;
    this.lastUsed = this.owner.clock.now();
    if (this.framer !== undefined) this.readBytes(this.framer, text);
    else if (!isBlank(text)) this.take(text);
    else if (this.mayPing() && text.length > 2) this.send('\r\n');
  }

  /** To read what is then dropped costs us too: who goes on with that is cut. */
  unheard(): void {
    const now = this.owner.clock.now();
    this.unheards ??= new Allowance(UNHEARD_AT_ONCE, UNHEARD_PER_SECOND, now);
    if (!this.unheards.take(now)) this.cut();
  }

  closed(): void {
    // It stood, and it was not we who closed it.
    this.renewable &&= this.open && this.setupTimer === undefined;
    this.open = false;
    this.setupTimer?.cancel();
    this.messageTimer?.cancel();
    this.idleTimer?.cancel();
    this.owner.forget(this);
    for (let { oldest } = this.watchers; oldest !== undefined; { oldest } = this.watchers) {
      this.watchers.leave(oldest);
      oldest.flowBroke();
    }
  }

  /** Nothing more is sent or heard; what is queued still leaves. */
  close(): void {
    this.open = false;
    this.stream?.end();
  }

  /** At once; nothing that has come is looked at. */
  private cut(): void {
    this.open = false;
    this.stream?.destroy();
  }

  private mayPing(): boolean {
    const now = this.owner.clock.now();
    this.pings ??= new Allowance(PINGS_AT_ONCE, PINGS_PER_SECOND, now);
    const may = this.pings.take(now);
    if (!may) this.cut();
    return may;
  }

  private readBytes(framer: Framer, text: string): void {
    framer.push(text);
    for (let message = framer.next(); message !== undefined; message = framer.next()) {
      this.watchMessage(false); // What follows is another message, with its own time.
      this.take(message);
      if (!this.open) return;
    }
    for (; framer.keepAlives > 0 && this.mayPing(); framer.keepAlives--) this.send('\r\n');
    if (!this.open) return;
    if (framer.broken !== undefined) this.refuse(framer.broken);
    else this.watchMessage(framer.waiting);
  }

  private take(message: string): void {
    if (this.unknown && !isResponseText(message)) {
      this.unknown = false;
      this.owner.learn(this, message);
    }
    this.owner.receive(message, this);
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

/** Line ends alone: a ping when there are two, its pong when there is one. RFC 7118 §6, RFC 5626 §3.5.1 */
function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c !== 13 && c !== 10) return false;
  }
  return true;
}
