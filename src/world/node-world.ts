/** The real World: time, chance, sockets and names of Node. */
import { isIp4 } from '../base/endpoint.ts';
import type { Clock, HostPort, Logger, Millis, Net, Timer, UdpReceiver, World } from '../base/world.ts';
import { type Kernel, loadKernel } from './kernel.ts';
import { limits } from './limits.ts';
import { LocalAddresses } from './local-addresses.ts';
import { Names } from './names.ts';
import { PooledRandom } from './random.ts';
import { Soon } from './soon.ts';
import { connectTcp, listenTcp } from './tcp.ts';
import { openUdpBatch } from './udp-batch.ts';
import type { UdpCounts } from './udp-counts.ts';
import { openUdpDgram } from './udp-dgram.ts';

/** What an operator may choose about the sockets, and where the log goes. */
export interface NodeWorldOptions {
  readonly log: Logger;
  /** `batch` (the default) falls back to `dgram` where the machine does not allow it. */
  readonly udp?: 'batch' | 'dgram';
  /** Equal datagrams to one peer leave as one; on by default. */
  readonly gso?: boolean;
  /** Under load, read once a millisecond; on by default. */
  readonly pacing?: boolean;
}

/** A World, and what its sockets count. */
export interface NodeWorld extends World {
  /** What IPv4 sockets are made of. */
  readonly udpKind: 'batch' | 'dgram';
  readonly udpCounts: Readonly<UdpCounts>;
}

/** Makes the World that production runs in. */
export function nodeWorld(options: NodeWorldOptions): NodeWorld {
  const soon = new Soon();
  const now = (): Millis => performance.now();
  const clock = nodeClock(now, soon);
  const kernel = options.udp === 'dgram' ? undefined : tryKernel(options.log);
  const udpCounts: UdpCounts = { received: 0, sent: 0, dropped: 0, sends: 0 };
  const { gso = true, pacing = true } = options;
  const batch = kernel && { kernel, soon, now, counts: udpCounts, gso, pacing };
  const names = new Names();
  const addresses = new LocalAddresses(now);
  const net: Net = {
    async udp(at: HostPort, receive: UdpReceiver) {
      if (batch !== undefined && isIp4(at.host)) return openUdpBatch(at, receive, batch);
      return openUdpDgram(at, receive, udpCounts);
    },
    listen: (at, accept) => listenTcp(at, accept, options.log),
    connect: connectTcp,
    resolve: (name, type) => names.resolve(name, type),
    localAddressFor: (to) => addresses.for(to),
  };
  const udpKind = kernel === undefined ? 'dgram' : 'batch';
  return { clock, random: new PooledRandom(), net, log: options.log, udpKind, udpCounts };
}

function nodeClock(now: () => Millis, soon: Soon): Clock {
  return {
    now,
    wall: () => Date.now(),
    after: (delay, fire) => new NodeTimer(delay, fire),
    soon: (run) => soon.add(run),
  };
}

class NodeTimer implements Timer {
  private readonly timeout: NodeJS.Timeout;

  constructor(delay: Millis, fire: () => void) {
    this.timeout = setTimeout(fire, delay > 0 ? Math.ceil(delay) + limits.timerGrainMs : 0);
  }

  cancel(): void {
    clearTimeout(this.timeout);
  }
}

function tryKernel(log: Logger): Kernel | undefined {
  try {
    return loadKernel();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.info('UDP goes through node:dgram, batches are not to be had here', { reason });
    return undefined;
  }
}
