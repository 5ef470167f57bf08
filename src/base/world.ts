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
  /**
   * Milliseconds since some moment before the start; never goes back, not moved by a change of the wall clock. It may
   * be one moment for all datagrams that were read at once.
   */
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

/** What lies between TCP and SIP: nothing, TLS, WebSocket (RFC 7118), WebSocket within TLS. */
export type StreamKind = 'tcp' | 'tls' | 'ws' | 'wss';

/** A certificate with what proves that it is ours: PEM texts. */
export interface Certificate {
  /** The certificate itself, then those between it and its authority. */
  readonly chain: string;
  readonly key: string;
}

/** Who we are to TLS peers, and whom we believe. */
export interface TlsIdentity {
  /** A client that names a server gets the certificate of that name, any other the first. RFC 6066 §3 */
  readonly certificates: readonly Certificate[];
  /** Whether those who connect to us are asked to prove who they are, and refused when they do not. */
  readonly clients: 'none' | 'optional' | 'required';
  /** Who signs for our peers, PEM; undefined: whom the system believes. */
  readonly authorities: string | undefined;
}

/** Whose a WebSocket is, by the token that it was opened with. */
export interface TokenOwner {
  readonly user: string;
  readonly domain: string;
  /** Seconds since 1970: after that it is nobody's. */
  readonly until: number;
}

/** What a listener speaks, and with whom. */
export interface ListenOptions {
  readonly kind: StreamKind;
  /** Needed by `tls` and `wss`. */
  readonly tls?: TlsIdentity | undefined;
  /** The pages whose browsers may open a WebSocket, `https://phone.example.com`; empty: all. RFC 6455 §10.2 */
  readonly origins?: readonly string[];
  /** Asked when a WebSocket is opened with a token; undefined refuses it. Without: tokens are not looked at. */
  readonly admit?: ((token: string, remote: Endpoint) => TokenOwner | undefined) | undefined;
  /** Addresses whose connections begin with a PROXY header that says who the client is. */
  readonly proxyProtocolFrom?: readonly string[];
  /** How long such a header may take. */
  readonly setupMs?: Millis;
  /** How long a message of a WebSocket may take from its first byte to its last. */
  readonly messageMs?: Millis;
}

/** How to connect. */
export interface ConnectOptions {
  readonly kind: StreamKind;
  readonly tls?: TlsIdentity | undefined;
  /** The name that the other side's certificate must have; the address itself when there is none. RFC 5922 §7.3 */
  readonly serverName?: string | undefined;
  /** What a WebSocket is opened with, to prove whose it is. */
  readonly token?: string | undefined;
}

/**
 * What the owner of a stream is told. `data` is latin1 text, one character a byte; over a WebSocket each `data` is
 * one whole message, and so is each `write`.
 */
export interface StreamUser {
  /** Told once, before any data: it is connected, TLS is agreed on, the WebSocket is open. */
  opened?(): void;
  data(text: string): void;
  /** Called exactly once, whoever ended it. */
  closed(why: StreamEnd, detail: string): void;
}

/** A connected (or connecting) stream. */
export interface ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** What the other side's certificate proved, once opened: DNS names and SIP domains. RFC 5922 §7.1 */
  readonly peerNames: readonly string[];
  /** Whose it is, by a token; once opened. */
  readonly tokenOwner?: TokenOwner | undefined;
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
  /** Those who connect from now on see these certificates; connections that stand stay. */
  renew(tls: TlsIdentity): void;
  close(): void;
}

/** The record types we ask for. */
export type DnsType = 'A' | 'AAAA' | 'SRV' | 'NAPTR';

/** One record of an answer; what its type does not have is missing. */
export interface DnsRecord {
  /** An address, the host of a service, the replacement of a NAPTR: in lower case, without the last dot. */
  readonly target: string;
  /** SRV: RFC 2782. */
  readonly port?: number;
  readonly priority?: number;
  readonly weight?: number;
  /** NAPTR: RFC 3403 §4.1. */
  readonly order?: number;
  readonly preference?: number;
  readonly flags?: string;
  readonly services?: string;
  readonly regexp?: string;
  /** For how long it still holds. */
  readonly ttlMs: Millis;
}

/** Sockets and names. Rejections carry a Node-style `code` (`EADDRINUSE`, `EACCES`, `ENOTFOUND`). */
export interface Net {
  udp(at: HostPort, receive: UdpReceiver): Promise<UdpSocket>;
  /** `accept` is asked as soon as somebody connects, before TLS and WebSocket are agreed on; plain TCP by default. */
  listen(
    at: HostPort,
    accept: (stream: ByteStream) => StreamUser,
    options?: ListenOptions,
  ): Promise<Listener>;
  /** Answers at once; a failure to connect is told by `closed`. Plain TCP by default. */
  connect(to: HostPort, user: StreamUser, options?: ConnectOptions): ByteStream;
  /** Rejects with `ENOTFOUND` or `ENODATA` when there is no such record, with another code when nobody could tell. */
  resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]>;
  /** What `resolve` would say, without waiting: none when there is no such record; undefined when one must ask. */
  known(name: string, type: DnsType): readonly DnsRecord[] | undefined;
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
