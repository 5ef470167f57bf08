/** The real World: time, chance, sockets and names of Node. */
import { readFile } from 'node:fs/promises';
import { isIp4, isIpAddress } from '../base/endpoint.ts';
import type { HostPort, Logger, Net, UdpReceiver, World } from '../base/world.ts';
import { Beat } from './beat.ts';
import { nodeDnsSockets } from './dns-sockets.ts';
import { type Kernel, loadKernel } from './kernel.ts';
import { limits } from './limits.ts';
import { LocalAddresses } from './local-addresses.ts';
import { Names, type NameSettings } from './names.ts';
import { NodeClock } from './node-clock.ts';
import { PooledRandom } from './random.ts';
import { Soon } from './soon.ts';
import { PacedTurns, plainTurns } from './stream-turns.ts';
import { connectStream, listenStream } from './streams.ts';
import { TcpBatch } from './tcp-batch.ts';
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
  /** Under load, look at sockets once a tick; on by default. */
  readonly pacing?: boolean;
  /** Whom to ask for names; those of resolv.conf by default. */
  readonly names?: NameSettings;
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
  const clock = new NodeClock(soon);
  const kernel = options.udp === 'dgram' ? undefined : tryKernel(options.log);
  const udpCounts: UdpCounts = { received: 0, sent: 0, dropped: 0, sends: 0 };
  const { gso = true, pacing = true } = options;
  const looks = kernel && { kernel, soon, clock, beat: pacing ? new Beat(kernel, soon) : undefined };
  const batch = looks && { ...looks, counts: udpCounts, gso };
  const tcp = looks && new TcpBatch(looks, options.log);
  const turns = pacing ? new PacedTurns(soon) : plainTurns;
  const random = new PooledRandom();
  const names = new Names({
    clock,
    random,
    log: options.log,
    sockets: nodeDnsSockets,
    settings: options.names ?? { timeoutMs: limits.dnsTimeoutMs, attempts: limits.dnsAttempts },
    read: readSmallFile,
  });
  const addresses = new LocalAddresses(() => clock.now());
  const net: Net = {
    async udp(at: HostPort, receive: UdpReceiver) {
      if (batch !== undefined && isIp4(at.host)) return openUdpBatch(at, receive, batch);
      return openUdpDgram(at, receive, udpCounts);
    },
    async listen(at: HostPort, accept, how = { kind: 'tcp' }) {
      // Who a balancer speaks for is found by Node's streams; and a scope, as of fe80::1%eth0.
      const isPlain =
        how.kind === 'tcp' && (how.proxyProtocolFrom ?? []).length === 0 && isIpAddress(at.host);
      return tcp !== undefined && isPlain
        ? tcp.listen(at, accept)
        : listenStream(at, accept, how, options.log, turns);
    },
    connect(to, user, how = { kind: 'tcp' }) {
      return tcp !== undefined && how.kind === 'tcp' && isIpAddress(to.host)
        ? tcp.connect(to, user)
        : connectStream(to, user, how, turns);
    },
    resolve: (name, type) => names.resolve(name, type),
    known: (name, type) => names.known(name, type),
    localAddressFor: (to) => addresses.for(to),
  };
  const udpKind = kernel === undefined ? 'dgram' : 'batch';
  return { clock, random, net, log: options.log, udpKind, udpCounts };
}

/** '' when there is none: a machine needs neither resolv.conf nor a hosts file. */
async function readSmallFile(file: string): Promise<string> {
  const text = await readFile(file, 'latin1').catch(() => '');
  return text.substring(0, limits.dnsFileBytes);
}

function tryKernel(log: Logger): Kernel | undefined {
  try {
    return loadKernel();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.info('sockets go through Node alone, batches are not to be had here', { reason });
    return undefined;
  }
}
