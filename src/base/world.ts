/**
 * All that makes two runs of one program differ: time, chance, sockets and names, the log.
 * Production passes the real World (`world/node-world.ts`), tests a simulated one (`testing/sim-world.ts`):
 * the same seed gives the same run, byte for byte.
 */
import type { Endpoint } from './endpoint.ts';

/** A span or a moment in milliseconds. */
export type Millis = number;

/** Where to listen, or whom to reach. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** One that was set and may be taken back. */
export interface Timer {
  cancel(): void;
}

/** The only source of time. */
export interface Clock {
  /** Milliseconds since some moment before the start; never goes back, not moved by a change of the wall clock. */
  now(): Millis;
  /** Milliseconds since 1970, UTC; for people, records and nonces. May jump. */
  wall(): number;
  /** Fires once, not before `delay` is over. Timers due at the same instant fire in the order they were set. */
  after(delay: Millis, fire: () => void): Timer;
  /** Runs after what is happening now, before time moves on: what a whole batch of packets asked for, done once. */
  soon(run: () => void): void;
}

/** The only source of chance: branches, tags, nonces, jitter. Seeded in tests. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** Letters and digits that carry at least that many bits. */
  token(bits: number): string;
  /** An integer from 0 to limit - 1. */
  below(limit: number): number;
}

/**
 * A bound UDP socket. Datagrams are text: one character a byte (latin1), so no byte is changed on the way.
 */
export interface UdpSocket {
  readonly local: Endpoint;
  /**
   * Queues one datagram; all that is queued leaves at the end of the current batch.
   * Datagrams to one peer with the same `order` (a hash of the Call-ID) are never reordered among themselves.
   */
  send(text: string, to: Endpoint, order: number): void;
  close(): void;
}

/** Told of each datagram; the same peer is the same object as long as it is remembered. */
export type UdpReceiver = (text: string, from: Endpoint) => void;

/** Why a stream ended: `end` the peer closed it, `error` it broke, `local` we closed it. */
export type StreamEnd = 'end' | 'error' | 'local';

/** What the owner of a stream is told. `data` is latin1 text, one character a byte. */
export interface StreamUser {
  data(text: string): void;
  /** Called exactly once, whoever ended it. */
  closed(why: StreamEnd, detail: string): void;
}

/** A connected (or connecting) TCP stream. */
export interface ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Queues bytes, also while still connecting. False once more than `limits.streamQueueBytes` wait unsent. */
  write(text: string): boolean;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** A socket that accepts connections. */
export interface Listener {
  readonly local: Endpoint;
  close(): void;
}

/** One record of an answer; what its type does not have is missing. */
export interface DnsRecord {
  readonly target: string;
  readonly port?: number;
  readonly priority?: number;
  readonly weight?: number;
  readonly ttlMs: Millis;
}

/** Sockets and names. Rejections carry a Node-style `code` (`EADDRINUSE`, `EACCES`, `ENOTFOUND`). */
export interface Net {
  udp(at: HostPort, receive: UdpReceiver): Promise<UdpSocket>;
  listen(at: HostPort, accept: (stream: ByteStream) => StreamUser): Promise<Listener>;
  /** Answers at once; a failure to connect is told by `closed`. */
  connect(to: HostPort, user: StreamUser): ByteStream;
  resolve(name: string, type: 'A' | 'AAAA' | 'SRV'): Promise<readonly DnsRecord[]>;
  /** The address of ours that a peer at `to` would see: what Via and Record-Route say when bound to 0.0.0.0. */
  localAddressFor(to: string): string;
}

/** Facts for the operator: `what` is a constant sentence, `facts` name the call (`call: Call-ID`) and the values. */
export interface Logger {
  debug(what: string, facts?: object): void;
  info(what: string, facts?: object): void;
  warn(what: string, facts?: object): void;
  error(what: string, facts?: object): void;
}

/** What a room is given instead of reaching for it. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
}
