/**
 * Every pool of the exchange, by name. They are the server's, not the script's: a script that is loaded again opens
 * them anew and finds health and calls as they were.
 */
import { TandemError } from '../base/errors.ts';
import { addressWords, isWithin, parseNetwork } from '../base/network.ts';
import type { Clock } from '../base/world.ts';
import type { Pool as PoolPort, PoolOptions, PoolService } from '../route/services.ts';
import { CallSeats } from './call-seats.ts';
import { Pool } from './pool.ts';
import { checkPool } from './pool-options.ts';
import type { PoolServer } from './pool-server.ts';
import { PoolProbe, type ProbeParts } from './probe.ts';

/** Pools of one exchange. */
export const POOLS_MAX = 1_000;

/** A server went up, or down. */
export interface PoolChange {
  readonly pool: string;
  readonly server: string;
  readonly up: boolean;
  /** See PoolServer.status. */
  readonly status: number;
  /** Servers of the pool that are left. */
  readonly left: number;
  /** Why it went down; empty when it went up. */
  readonly why: string;
}

/** A trunk, which is a pool as a whole, has lost its last server, or has one again. */
export interface TrunkChange {
  readonly trunk: string;
  readonly up: boolean;
  /** That of the last server: 408 for silence, 0 when the operator or a reload did it. */
  readonly status: number;
  readonly why: string;
}

/** Who hears what becomes of the pools. */
export interface PoolListener {
  /** Of every server that goes up or down. */
  readonly server: (change: PoolChange) => void;
  /** Of a whole pool; after its server. */
  readonly trunk: (change: TrunkChange) => void;
}

/** What the pools of a script's generation were; `commit` makes them those that count. */
export interface PoolGeneration extends PoolService {
  /** The generation takes over: changed options come into force, pools that it did not open are closed. */
  commit(): void;
  /** The generation is refused: pools that only it opened are closed. */
  drop(): void;
}

interface Entry {
  readonly pool: Pool;
  readonly probe: PoolProbe;
  readonly fixed: boolean;
  /** Whether it had a server left when that was last looked at. */
  isUp: boolean;
}

/** See above. */
export class Pools {
  /** The calls that are counted. */
  readonly calls = new CallSeats();
  private readonly clock: Clock;
  private readonly listener: PoolListener;
  private readonly entries = new Map<string, Entry>();
  /** Pools that no script opens now, while there is something to remember of them, should they come back. */
  private readonly closed = new Map<string, Pool>();
  private probeParts: ProbeParts | undefined = undefined;

  constructor(clock: Clock, listener: PoolListener) {
    this.clock = clock;
    this.listener = listener;
  }

  /** Pools that the settings define stay whatever a script does. */
  define(name: string, options: PoolOptions): void {
    if (this.entries.has(name)) throw new TandemError('CONFLICT', `two pools are called ${name}`);
    this.add(name, options, true);
  }

  /** From now on servers are asked whether they live. */
  startProbes(parts: ProbeParts): void {
    this.probeParts = parts;
    for (const { probe } of this.entries.values()) probe.start(parts);
  }

  /** All of them, by name. */
  list(): readonly Pool[] {
    return [...this.entries.values()].map(({ pool }) => pool).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether an address, however it is written, or a name is that of a server of any of them. */
  hasServer(host: string): boolean {
    const network = parseNetwork(host);
    for (const { pool } of this.entries.values()) {
      for (const { uri } of pool.servers) {
        if (uri.host === host) return true;
        const own = network === undefined ? undefined : addressWords(uri.host);
        if (network !== undefined && own !== undefined && isWithin([network], own)) return true;
      }
    }
    return false;
  }

  /** Throws NOT_FOUND. */
  pool(name: string): Pool {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry.pool;
    throw new TandemError('NOT_FOUND', `no pool ${name}`, {
      hint: 'tandem pools ls shows them; [[trunk.pools]] or pools.open(…) makes one',
    });
  }

  /** Throws NOT_FOUND. */
  server(name: string, server: string): PoolServer {
    const found = this.pool(name).find(server);
    if (found !== undefined) return found;
    throw new TandemError('NOT_FOUND', `no server ${server} in the pool ${name}`, {
      hint: `tandem pools show ${name} lists them`,
    });
  }

  /** What a new generation of the script opens. Health and calls are shared with the one that still runs. */
  generation(): PoolGeneration {
    const wanted = new Map<string, PoolOptions>();
    const fresh: string[] = [];
    let runs = false;
    const open = (name: string, options: PoolOptions): PoolPort => {
      if (runs)
        throw new TandemError('INVALID', `the pool ${name} is opened too late: in script(…), not in a route`);
      checkPool(name, options); // Throws now what would fail later.
      const entry = this.entries.get(name);
      if (entry?.fixed)
        throw new TandemError('CONFLICT', `[trunk] pools has a pool called ${name}: use pools.get`);
      if (wanted.has(name)) throw new TandemError('CONFLICT', `the script opens the pool ${name} twice`);
      if (entry === undefined) {
        this.add(name, options, false);
        fresh.push(name);
      }
      wanted.set(name, options);
      return this.pool(name);
    };
    const get = (name: string): PoolPort => this.pool(name);
    return {
      open,
      get,
      commit: () => {
        runs = true;
        this.commit(wanted);
      },
      drop: () => fresh.forEach((name) => this.close(name)),
    };
  }

  /** Ends every timer. */
  stop(): void {
    const pools = [...this.list(), ...this.closed.values()];
    for (const name of this.entries.keys()) this.close(name);
    for (const pool of pools) pool.stop();
    this.closed.clear();
  }

  private commit(wanted: ReadonlyMap<string, PoolOptions>): void {
    for (const [name, entry] of this.entries) {
      const { pool, probe, fixed } = entry;
      const options = wanted.get(name);
      if (options !== undefined) {
        pool.configure(options);
        probe.start(this.probeParts);
        this.tellTrunk(entry, 0, 'its servers are others now');
      } else if (!fixed) this.close(name);
    }
  }

  private add(name: string, options: PoolOptions, fixed: boolean): void {
    if (this.entries.size >= POOLS_MAX) throw new TandemError('INVALID', `more than ${POOLS_MAX} pools`);
    const pool = this.reopened(name, options) ?? this.made(name, options);
    const probe = new PoolProbe(pool);
    this.entries.set(name, { pool, probe, fixed, isUp: pool.up > 0 });
    this.calls.watched = true;
    probe.start(this.probeParts);
  }

  private made(name: string, options: PoolOptions): Pool {
    return new Pool(name, options, {
      clock: this.clock,
      changed: (of, server) => this.tell(of, server),
    });
  }

  private reopened(name: string, options: PoolOptions): Pool | undefined {
    const pool = this.closed.get(name);
    this.closed.delete(name);
    pool?.configure(options);
    return pool;
  }

  private close(name: string): void {
    for (const [old, pool] of this.closed) if (!pool.isRemembered) this.closed.delete(old);
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    entry.probe.stop();
    entry.pool.retire();
    this.entries.delete(name);
    if (entry.pool.isRemembered) this.closed.set(name, entry.pool);
    this.calls.watched = this.entries.size > 0;
  }

  private tell(pool: Pool, { name, isUp, status, why }: PoolServer): void {
    this.listener.server({ pool: pool.name, server: name, up: isUp, status, left: pool.up, why });
    const entry = this.entries.get(pool.name);
    if (entry !== undefined) this.tellTrunk(entry, status, why);
  }

  private tellTrunk(entry: Entry, status: number, why: string): void {
    const up = entry.pool.up > 0;
    if (up === entry.isUp) return;
    entry.isUp = up;
    this.listener.trunk({ trunk: entry.pool.name, up, status, why: up ? '' : why });
  }
}
