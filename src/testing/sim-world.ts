/**
 * A World without a machine: simulated time, seeded chance, a network in memory, a log in an array.
 * The same seed gives the same run, byte for byte.
 */
import type { Logger, Millis, Net, Random, World } from '../base/world.ts';
import { SimClock } from './sim-clock.ts';
import type { SimNames } from './sim-names.ts';
import type { NatOptions, SimNat } from './sim-nat.ts';
import { SimNet } from './sim-net.ts';
import { SimRandom } from './sim-random.ts';
import { printEntry } from './sim-trace.ts';

/** The host whose sockets a SimWorld itself opens. */
export const HOME = '127.0.0.1';

/** One line of the log. */
export interface LogLine {
  readonly atMs: Millis;
  /** The address of the host that logged. */
  readonly host: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly what: string;
  readonly facts: object;
}

/** The same seed gives the same run. */
export function simWorld(seed: number): SimWorld {
  return new SimWorld(seed);
}

/** A World for the host 127.0.0.1, and the way to the Worlds of all other hosts. */
export class SimWorld implements World {
  readonly clock = new SimClock();
  readonly random: Random;
  readonly net: Net;
  readonly log: Logger;
  /** Links, cuts, loss. */
  readonly network: SimNet;
  /** All that any host logged. */
  readonly logged: LogLine[] = [];
  private readonly seed: number;
  private readonly worlds = new Map<string, World>();

  constructor(seed: number) {
    this.seed = seed;
    this.network = new SimNet(this.clock, new SimRandom(seed, 'network'));
    const home = this.host(HOME);
    this.random = home.random;
    this.net = home.net;
    this.log = home.log;
  }

  /** The World of a program that runs on the host with this address. */
  host(address: string): World {
    let world = this.worlds.get(address);
    if (world === undefined) {
      const random = new SimRandom(this.seed, address);
      world = { clock: this.clock, random, net: this.network.host(address), log: this.logger(address) };
      this.worlds.set(address, world);
    }
    return world;
  }

  /** Puts hosts behind a NAT. */
  nat(options: NatOptions): SimNat {
    return this.network.nat(options);
  }

  /** What `resolve` finds. */
  get names(): SimNames {
    return this.network.names;
  }

  /** Every datagram and chunk so far, with its time and its fate. */
  get trace(): string[] {
    return this.network.trace.entries.map(printEntry);
  }

  /** Lets that much time pass. */
  run(ms: Millis): Promise<void> {
    return this.clock.run(ms);
  }

  /** Lets time pass until the promise has settled. */
  until<T>(promise: Promise<T>, withinMs?: Millis): Promise<T> {
    return this.clock.until(promise, withinMs);
  }

  private logger(host: string): Logger {
    const at =
      (level: LogLine['level']) =>
      (what: string, facts: object = {}) => {
        this.logged.push({ atMs: this.clock.now(), host, level, what, facts });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}
