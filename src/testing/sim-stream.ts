/**
 * TCP between two simulated hosts. What is written at one instant is glued together and cut anew at seeded
 * places, so that nobody may count on a read being a message. Loss shows as delay; a cut holds the bytes
 * back until it heals or the stream gives up.
 */
import { assert } from '../base/assert.ts';
import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, Millis, StreamEnd, StreamUser } from '../base/world.ts';
import type { SimHost, SimNet } from './sim-net.ts';

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
  state: State;
  /** Set before any byte can arrive. */
  user: StreamUser | undefined;
  peer: SimStream | undefined;
  private readonly network: SimNet;
  private unsent = '';
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
    state: State,
  ) {
    this.network = network;
    this.host = host;
    this.remoteHost = remoteHost;
    this.local = local;
    this.remote = remote;
    this.state = state;
    this.direction = network.trace.nextStream++;
  }

  write(text: string): boolean {
    assert(isLatin1(text), 'a stream carries one character a byte');
    if (this.state === 'connecting' || this.state === 'open') {
      this.unsent += text;
      this.wantPump();
    }
    return this.unsent.length <= STREAM_QUEUE_BYTES;
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
    this.wantPump();
  }

  close(why: StreamEnd, detail: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.user?.closed(why, detail);
  }

  private arrive(text: string): void {
    if (this.state !== 'closed') this.user?.data(text);
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
    while (this.unsent.length > 0) this.sendChunk(peer);
    if (this.finWanted) this.sendFin(peer);
  }

  private sendChunk(peer: SimStream): void {
    const { random, clock, trace } = this.network;
    const whole = Math.min(this.unsent.length, SEGMENT_BYTES_MAX);
    const size = random.chance(0.5) ? whole : 1 + random.below(whole);
    const text = this.unsent.substring(0, size);
    this.unsent = this.unsent.substring(size);
    trace.add({
      atMs: clock.now(),
      transport: 'tcp',
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
): ByteStream {
  const stream = new SimStream(network, host, to.host, local, to, 'connecting');
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
  const server = new SimStream(network, target, client.host.address, client.remote, source, 'open');
  server.peer = client;
  client.peer = server;
  network.clock.after(delay, () => client.opened());
  server.user = listener.accept(server);
}

/** Whether every character is one byte. */
export function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
