/** Servers that do the same: which of them gets a request, and who is well. */
import { TandemError } from '../base/errors.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Target } from '../proxy/plan.ts';
import type {
  PickName,
  PickSubject,
  Pool as PoolPort,
  PoolOptions,
  PoolServerOptions,
  ProbeOptions,
} from '../route/services.ts';
import { isIpAddress } from '../base/endpoint.ts';
import type { Uri } from '../sip/uri.ts';
import type { TransportName } from '../transport/flow.ts';
import { defaultPorts } from '../transport/locate-order.ts';
import type { Hop } from '../transport/transports.ts';
import { inOrder } from './pick.ts';
import { DOWN_AFTER, PoolServer, REST_MS, type ServerRules, UP_AFTER } from './pool-server.ts';

/** Servers of one pool. */
export const SERVERS_MAX = 1_000;
/** A call whose end is never seen gives its channels back after so long. */
export const CALL_MS = 4 * 3_600_000;
/** Targets of one pick, unless asked for fewer. */
export const TARGETS_MAX = 8;

/** How a pool's servers are asked: see ProbeOptions. */
export interface Probing {
  readonly everyMs: Millis;
  readonly replyMs: Millis;
}

/** What a pool stands on. */
export interface PoolParts {
  readonly clock: Clock;
  /** A server of the pool went up or down. */
  readonly changed: (pool: Pool, server: PoolServer) => void;
}

/** A server of a pool as a target. What it holds of the pool is for the counting. */
export class PoolTarget implements Target {
  readonly uri: Uri;
  readonly hop: Hop | undefined;
  readonly pool: Pool;
  readonly server: PoolServer;
  readonly needs: readonly string[];

  constructor(uri: Uri, hop: Hop | undefined, pool: Pool, server: PoolServer, needs: readonly string[]) {
    this.uri = uri;
    this.hop = hop;
    this.pool = pool;
    this.server = server;
    this.needs = needs;
  }
}

/** A target that a pool made, or a copy of one; undefined for any other. */
export function pooled(target: Target): PoolTarget | undefined {
  const made = target as Target & Partial<PoolTarget>;
  return made.server === undefined ? undefined : (made as PoolTarget); // Only pools put a server into a target.
}

/** Channels taken at one server for one call, until they are given back. */
export class Seat {
  readonly server: PoolServer;
  private readonly pool: Pool;
  private readonly needs: readonly string[];
  readonly takenAt: Millis;
  /** Told when it is free. */
  freed: (() => void) | undefined = undefined;
  private over = false;

  constructor(pool: Pool, server: PoolServer, needs: readonly string[], takenAt: Millis) {
    this.pool = pool;
    this.server = server;
    this.needs = needs;
    this.takenAt = takenAt;
  }

  /** Gives the channels back; the second time means nothing. */
  free(): void {
    if (this.over) return;
    this.over = true;
    this.server.give(this.needs);
    this.pool.seats.delete(this);
    this.freed?.();
  }
}

/** See {@link PoolPort}. */
export class Pool implements PoolPort {
  readonly name: string;
  servers: readonly PoolServer[] = [];
  pickName: PickName = 'weight';
  probe: Probing | undefined = undefined;
  /** Every seat that is taken, in the order they were. */
  readonly seats = new Set<Seat>();
  /** Seats that were freed because nobody saw their call end. */
  overdue = 0;
  private readonly parts: PoolParts;
  private callMs = CALL_MS;
  private keepUri = false;
  private turn = 0;
  private sweeper: Timer | undefined = undefined;

  constructor(name: string, options: PoolOptions, parts: PoolParts) {
    this.name = name;
    this.parts = parts;
    this.configure(options);
  }

  get up(): number {
    let count = 0;
    for (const server of this.servers) if (server.isUp) count++;
    return count;
  }

  get calls(): number {
    return this.seats.size;
  }

  pick(c: PickSubject, most = TARGETS_MAX, needs: readonly string[] = NO_NEEDS): readonly Target[] {
    const kinds = needs.length > 1 ? [...new Set(needs)] : needs;
    const turn = { c, needs: kinds, turn: this.turn++ };
    const chosen = inOrder(this.servers, this.pickName, turn);
    if (chosen.length > most) chosen.length = Math.max(0, most);
    return chosen.map((server) => this.target(c.uri, server, kinds));
  }

  markDown(target: Target): void {
    pooled(target)?.server.markDown();
  }

  /** Takes new options. Servers that stay keep health and calls; those that go finish their calls. */
  configure(options: PoolOptions): void {
    const { pick = 'weight', probe, restMs = REST_MS, callMs = CALL_MS, requestUri = 'host' } = options;
    const rules: ServerRules = {
      clock: this.parts.clock,
      probed: probe !== undefined,
      restMs,
      downAfter: probe?.downAfter ?? DOWN_AFTER,
      upAfter: probe?.upAfter ?? UP_AFTER,
      changed: (server) => this.parts.changed(this, server),
    };
    const servers = this.serversOf(options, rules, requestUri === 'keep');
    for (const old of this.servers) if (!servers.includes(old)) old.stop();
    this.servers = servers;
    this.pickName = pick;
    this.callMs = callMs;
    this.keepUri = requestUri === 'keep';
    this.probe = probe && wholeProbe(probe);
  }

  /** The server with this name, as `show` prints it. */
  find(server: string): PoolServer | undefined {
    return this.servers.find(({ name }) => name === server || name === `sip:${server}`);
  }

  /** A seat at a server for one call; undefined when it is down or full by now. */
  take(server: PoolServer, needs: readonly string[]): Seat | undefined {
    if (!server.isUp || !server.take(needs)) return undefined;
    server.sent++;
    const seat = new Seat(this, server, needs, this.parts.clock.now());
    this.seats.add(seat);
    this.sweeper ??= this.parts.clock.after(this.callMs, this.sweep);
    return seat;
  }

  /** Ends every timer. */
  stop(): void {
    this.sweeper?.cancel();
    this.sweeper = undefined;
    this.retire();
  }

  /** Nobody picks from it any more; the calls that it has are still watched. */
  retire(): void {
    for (const server of this.servers) server.stop();
  }

  /** The oldest come first, so this looks at no more than it frees. */
  private readonly sweep = (): void => {
    this.sweeper = undefined;
    const now = this.parts.clock.now();
    for (const seat of this.seats) {
      const leftMs = seat.takenAt + this.callMs - now;
      if (leftMs > 0) {
        this.sweeper = this.parts.clock.after(leftMs, this.sweep);
        return;
      }
      this.overdue++;
      seat.free();
    }
  };

  private target(uri: Uri, server: PoolServer, needs: readonly string[]): PoolTarget {
    const { scheme, host, port, params } = server.uri;
    if (this.keepUri) return new PoolTarget(uri, hopTo(server.uri), this, server, needs);
    // Whatever was dialled: a telephone number becomes the user part at the server.
    return new PoolTarget({ scheme, user: uri.user, host, port, params }, undefined, this, server, needs);
  }

  private serversOf(options: PoolOptions, rules: ServerRules, keepUri: boolean): readonly PoolServer[] {
    if (options.servers.length > SERVERS_MAX)
      throw new TandemError('INVALID', `the pool ${this.name} has more than ${SERVERS_MAX} servers`);
    const known = new Map(this.servers.map((server) => [server.name, server]));
    const made = options.servers.map((written) => {
      const asked: PoolServerOptions = typeof written === 'string' ? { uri: written } : written;
      const server = new PoolServer(asked, rules);
      if (keepUri) checkAddress(server);
      return { server, asked };
    });
    if (new Set(made.map(({ server }) => server.name)).size < made.length)
      throw new TandemError('INVALID', `the pool ${this.name} names a server twice`);
    return made.map(({ server, asked }) => {
      const old = known.get(server.name);
      old?.configure(asked, rules);
      return old ?? server;
    });
  }
}

const NO_NEEDS: readonly string[] = [];

/** Nobody is asked more often. */
export const PROBE_EVERY_MS_MIN = 100;
const PROBE_REPLY_MS = 2_000;

function wholeProbe({ everyMs, replyMs = PROBE_REPLY_MS }: ProbeOptions): Probing {
  if (everyMs >= PROBE_EVERY_MS_MIN) return { everyMs, replyMs };
  throw new TandemError('INVALID', `a probe every ${PROBE_EVERY_MS_MIN} ms at most, not every ${everyMs}`);
}

/** A kept Request-URI says nothing about the way, so the way must need no look-up. */
function checkAddress({ name, uri }: PoolServer): void {
  if (isIpAddress(uri.host) && TRANSPORTS.has(transportOf(uri))) return;
  throw new TandemError(
    'INVALID',
    `with requestUri 'keep' a server is named by its address, and by a transport we speak, not ${name}`,
  );
}

const TRANSPORTS: ReadonlySet<string> = new Set<TransportName>(['udp', 'tcp', 'tls', 'ws', 'wss']);

function transportOf({ scheme, params }: Uri): TransportName {
  const unnamed = scheme === 'sips' ? 'tls' : 'udp';
  return String(params['transport'] ?? unnamed).toLowerCase() as TransportName; // `checkAddress` has looked at it.
}

function hopTo(uri: Uri): Hop {
  const transport = transportOf(uri);
  return {
    transport,
    host: uri.host,
    port: uri.port ?? defaultPorts[transport],
    secure: uri.scheme === 'sips',
  };
}
