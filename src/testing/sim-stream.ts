/**
 * Streams between two simulated hosts: TCP, and on it TLS and WebSocket, whose handshake takes a round trip
 * more. What is written at one instant is glued together and cut anew at seeded places, so that nobody may
 * count on a read being a message. Loss shows as delay; a cut holds the bytes back until it heals or the
 * stream gives up. WebSocket messages arrive whole.
 */
import { assert } from '../base/assert.ts';
import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, ConnectOptions, Millis, StreamEnd, StreamUser, TokenOwner } from '../base/world.ts';
import type { SimHost, SimListener, SimNet } from './sim-net.ts';
import { admit, agree } from './sim-tls.ts';

/** `write` answers false above this many bytes unsent. */
export const STREAM_QUEUE_BYTES = 262_144;
/** A connection attempt, or bytes that are not acknowledged, end the stream after this long. */
export const STREAM_TIMEOUT_MS = 30_000;
const SEGMENT_BYTES_MAX = 1_460;
/** The shortest retransmission time, RFC 6298 in practice. */
const RETRY_MS = 200;
const SYN_RETRY_MS = 1_000;
const LOSSES_MAX = 8;

type State = 'connecting' | 'open' | 'ending' | 'closed';

class SimStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly host: SimHost;
  readonly remoteHost: string;
  readonly direction: number;
  readonly options: ConnectOptions;
  peerNames: readonly string[] = [];
  tokenOwner: TokenOwner | undefined = undefined;
  state: State;
  /** Set before any byte can arrive. */
  user: StreamUser | undefined;
  peer: SimStream | undefined;
  private readonly network: SimNet;
  private readonly wholeMessages: boolean;
  private unsent: string[] = [];
  private unsentBytes = 0;
  private finWanted = false;
  private pumpSoon = false;
  private blockedSince: Millis | undefined;
  private lastArrival: Millis = 0;

  constructor(
    network: SimNet,
    host: SimHost,
    remoteHost: string,
    local: Endpoint,
    remote: Endpoint,
    options: ConnectOptions,
  ) {
    this.network = network;
    this.host = host;
    this.remoteHost = remoteHost;
    this.local = local;
    this.remote = remote;
    this.options = options;
    this.wholeMessages = options.kind === 'ws' || options.kind === 'wss';
    this.state = 'connecting';
    this.direction = network.trace.nextStream++;
  }

  write(text: string): boolean {
    assert(isLatin1(text), 'a stream carries one character a byte');
    if (text !== '' && (this.state === 'connecting' || this.state === 'open')) {
      if (this.wholeMessages || this.unsent.length === 0) this.unsent.push(text);
      else this.unsent[0] += text;
      this.unsentBytes += text.length;
      this.wantPump();
    }
    return this.unsentBytes <= STREAM_QUEUE_BYTES;
  }

  end(): void {
    if (this.state === 'closed' || this.finWanted) return;
    this.finWanted = true;
    if (this.state === 'open') this.state = 'ending';
    this.wantPump();
  }

  destroy(): void {
    if (this.state === 'closed') return;
    const { peer } = this;
    if (peer !== undefined && !this.isCut()) this.schedule(() => peer.close('end', ''));
    this.state = 'closed';
    this.network.clock.soon(() => this.user?.closed('local', ''));
  }

  opened(): void {
    if (this.state !== 'connecting') return;
    this.state = this.finWanted ? 'ending' : 'open';
    if (!this.finWanted) this.user?.opened?.();
    this.wantPump();
  }

  close(why: StreamEnd, detail: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.user?.closed(why, detail);
  }

  private arrive(text: string): void {
    if (this.state === 'connecting') {
      this.peer?.close('error', 'ECONNRESET'); // What came is no handshake.
      this.close('error', `${this.options.kind} was expected`);
    } else if (this.state !== 'closed') this.user?.data(text);
  }

  private wantPump(): void {
    if (this.pumpSoon || this.blockedSince !== undefined) return;
    this.pumpSoon = true;
    this.network.clock.soon(() => {
      this.pumpSoon = false;
      this.pump();
    });
  }

  private pump(): void {
    const { peer } = this;
    if ((this.state !== 'open' && this.state !== 'ending') || peer === undefined) return;
    if (this.isCut()) {
      this.waitForHealing();
      return;
    }
    this.blockedSince = undefined;
    for (let text = this.nextChunk(); text !== undefined; text = this.nextChunk()) this.sendChunk(peer, text);
    if (this.finWanted) this.sendFin(peer);
  }

  private nextChunk(): string | undefined {
    const [first] = this.unsent;
    if (first === undefined) return undefined;
    const { random } = this.network;
    const whole = Math.min(first.length, SEGMENT_BYTES_MAX);
    const size = this.wholeMessages ? first.length : random.chance(0.5) ? whole : 1 + random.below(whole);
    if (size === first.length) this.unsent.shift();
    else this.unsent[0] = first.substring(size);
    this.unsentBytes -= size;
    return first.substring(0, size);
  }

  private sendChunk(peer: SimStream, text: string): void {
    const { clock, trace } = this.network;
    trace.add({
      atMs: clock.now(),
      transport: this.options.kind,
      stream: this.direction,
      from: peer.remote.key,
      to: peer.local.key,
      fromHost: this.host.address,
      toHost: this.remoteHost,
      text,
      fate: 'sent',
    });
    this.schedule(() => peer.arrive(text));
  }

  private sendFin(peer: SimStream): void {
    this.schedule(() => peer.close('end', ''));
    const back = this.lastArrival + this.network.links.between(this.host.address, this.remoteHost).delayMs;
    this.network.clock.after(back - this.network.clock.now(), () => this.close('local', ''));
  }

  /** Runs after the time on the wire, never before what was sent earlier. */
  private schedule(arrive: () => void): void {
    const { clock, links, random } = this.network;
    const link = links.between(this.host.address, this.remoteHost);
    let delay = links.delay({ ...link, reordering: 0 });
    for (let losses = 0; losses < LOSSES_MAX && random.chance(link.loss); losses++)
      delay += RETRY_MS << losses;
    this.lastArrival = Math.max(this.lastArrival, clock.now() + delay);
    clock.after(this.lastArrival - clock.now(), arrive);
  }

  private isCut(): boolean {
    return this.network.links.isCut(this.host.address, this.remoteHost);
  }

  private waitForHealing(): void {
    const { clock } = this.network;
    this.blockedSince ??= clock.now();
    if (clock.now() - this.blockedSince >= STREAM_TIMEOUT_MS) this.close('error', 'ETIMEDOUT');
    else clock.after(RETRY_MS, () => this.pump());
  }
}

/** Knocks at the far host; the stream is there at once, the connection after a round trip. */
export function connectStream(
  network: SimNet,
  host: SimHost,
  local: Endpoint,
  to: Endpoint,
  user: StreamUser,
  options: ConnectOptions,
): ByteStream {
  const stream = new SimStream(network, host, to.host, local, to, options);
  stream.user = user;
  knock(network, stream, network.streamSource(host, local, to), 0);
  return stream;
}

function knock(network: SimNet, client: SimStream, source: Endpoint, waitedMs: Millis): void {
  const { clock, links } = network;
  const { host, remote } = client;
  const target = network.reachable(host, remote);
  if (target !== undefined && !links.isCut(host.address, target.address)) {
    const delay = links.between(host.address, target.address).delayMs;
    clock.after(delay, () => answerKnock(network, client, source, target, delay));
  } else if (waitedMs >= STREAM_TIMEOUT_MS) client.close('error', 'ETIMEDOUT');
  else if (client.state === 'connecting') {
    clock.after(SYN_RETRY_MS, () => knock(network, client, source, waitedMs + SYN_RETRY_MS));
  }
}

function answerKnock(
  network: SimNet,
  client: SimStream,
  source: Endpoint,
  target: SimHost,
  delay: Millis,
): void {
  if (client.state !== 'connecting') return;
  const listener = target.listeners.get(client.remote.port);
  if (listener === undefined) {
    network.clock.after(delay, () => client.close('error', 'ECONNREFUSED'));
    return;
  }
  const server = new SimStream(network, target, client.host.address, client.remote, source, listener.options);
  server.peer = client;
  client.peer = server;
  const plain = client.options.kind === 'tcp';
  network.clock.after(plain ? delay : 3 * delay, () => finishHandshake(client, server, listener));
  server.user = listener.accept(server);
  if (plain && listener.options.kind === 'tcp') server.opened();
}

/** Who speaks plain TCP is connected, whatever the listener hoped for; that finds out by what it is sent. */
function finishHandshake(client: SimStream, server: SimStream, listener: SimListener): void {
  if (client.options.kind === 'tcp') {
    client.opened();
    return;
  }
  const agreed = agree(client.options, listener.options, client.remote.host);
  const owner = admit(client.options, listener.options, server.remote);
  if (typeof agreed === 'string' || owner === 'refused') {
    const why = typeof agreed === 'string' ? agreed : '401 Unauthorized';
    server.close('error', why);
    client.close('error', why);
    return;
  }
  server.tokenOwner = owner;
  client.peerNames = agreed.server;
  server.peerNames = agreed.client;
  server.opened();
  client.opened();
}

/** Whether every character is one byte. */
export function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
