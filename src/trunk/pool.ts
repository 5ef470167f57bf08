/** Servers that do the same: which of them gets a request, and who is well. */
import { refused } from '../base/options.ts';
import { InLine, WaitingLine } from '../base/waiting-line.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Target } from '../proxy/plan.ts';
import type {
  PickName,
  PickSubject,
  Pool as PoolPort,
  PoolOptions,
  PoolServerOptions,
} from '../route/services.ts';
import type { Uri } from '../sip/uri.ts';
import { defaultPorts } from '../transport/locate-order.ts';
import type { Hop } from '../transport/transports.ts';
import { inOrder } from './pick.ts';
import { checkPool, transportOf } from './pool-options.ts';
import { CALLS_KIND, DOWN_AFTER, PoolServer, REST_MS, type ServerRules, UP_AFTER } from './pool-server.ts';

/** A call whose end is never seen gives its channels back after so long. */
export const CALL_MS = 4 * 3_600_000;
/** Targets of one pick, unless asked for fewer. */
export const TARGETS_MAX = 8;
/** How long a probe waits for its answer. */
const PROBE_REPLY_MS = 2_000;

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
export class Seat extends InLine {
  readonly server: PoolServer;
  private readonly pool: Pool;
  private readonly needs: readonly string[];
  readonly takenAt: Millis;
  /** Told when it is free. */
  freed: (() => void) | undefined = undefined;
  private over = false;

  constructor(pool: Pool, server: PoolServer, needs: readonly string[], takenAt: Millis) {
    super();
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
    this.pool.seats.leave(this);
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
  readonly seats = new WaitingLine<Seat>();
  /** Seats that were freed because nobody saw their call end. */
  overdue = 0;
  /** Servers that new options left out while there was something to remember of them, should they come back. */
  private left: readonly PoolServer[] = [];
  private readonly parts: PoolParts;
  private callMs = CALL_MS;
  private keepUri = false;
  private turn = 0;
  private sweeper: Timer | undefined = undefined;

  /** Throws INVALID. */
  constructor(name: string, options: PoolOptions, parts: PoolParts) {
    checkPool(name, options);
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

  /** Whether it would be wrong to begin anew when a pool of this name is opened again. */
  get isRemembered(): boolean {
    return this.left.length > 0 || this.servers.some((server) => server.isRemembered);
  }

  pick(c: PickSubject, most = TARGETS_MAX, needs: readonly string[] = NO_NEEDS): readonly Target[] {
    if (typeof most !== 'number' || Number.isNaN(most)) throw refused('most of pick', 'a number', most);
    if (!Array.isArray(needs)) throw refused('needs of pick', 'a list of kinds of channels', needs);
    const kinds: readonly string[] = needs.length > 1 ? [...new Set(needs)] : needs;
    const turn = { c, needs: kinds, turn: this.turn++ };
    const chosen = inOrder(this.servers, this.pickName, turn);
    if (chosen.length === 0) this.checkKinds(kinds);
    if (chosen.length > most) chosen.length = Math.max(0, most);
    return chosen.map((server) => this.target(c.uri, server, kinds));
  }

  markDown(target: Target): void {
    pooled(target)?.server.markDown();
  }

  /** Takes new options, looked at before. Servers that stay keep health and calls; those that go finish their calls. */
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
    this.takeServers(options, rules);
    this.pickName = pick;
    this.callMs = callMs;
    this.keepUri = requestUri === 'keep';
    this.probe = probe && { everyMs: probe.everyMs, replyMs: probe.replyMs ?? PROBE_REPLY_MS };
  }

  /** The server with this name, as `show` prints it. */
  find(server: string): PoolServer | undefined {
    return this.servers.find(({ name }) => name === server || name === `sip:${server}`);
  }

  /** A seat at a server for one call; undefined when it is down or full by now. */
  take(server: PoolServer, needs: readonly string[]): Seat | undefined {
    if (!server.isUp || !server.hasRoom(needs)) return undefined;
    server.sent++;
    return this.occupy(server, needs);
  }

  /** A seat for a call that is there already, whether there is room or not. */
  occupy(server: PoolServer, needs: readonly string[]): Seat {
    server.occupy(needs);
    const seat = new Seat(this, server, needs, this.parts.clock.now());
    this.seats.join(seat);
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
    for (let { oldest } = this.seats; oldest !== undefined; { oldest } = this.seats) {
      const leftMs = oldest.takenAt + this.callMs - now;
      if (leftMs > 0) {
        this.sweeper = this.parts.clock.after(leftMs, this.sweep);
        return;
      }
      this.overdue++;
      oldest.free();
    }
  };

  private target(uri: Uri, server: PoolServer, needs: readonly string[]): PoolTarget {
    const { scheme, host, port, params } = server.uri;
    if (this.keepUri) return new PoolTarget(uri, hopTo(server.uri), this, server, needs);
    // Whatever was dialled: a telephone number becomes the user part at the server.
    return new PoolTarget({ scheme, user: uri.user, host, port, params }, undefined, this, server, needs);
  }

  /** A misspelt kind must not keep every call out in silence. */
  private checkKinds(needs: readonly string[]): void {
    if (needs.length === 0 || this.servers.length === 0) return;
    const known = new Set([CALLS_KIND, ...this.servers.flatMap(({ channels }) => [...channels.keys()])]);
    for (const kind of needs)
      if (!known.has(kind)) throw refused(`needs of the pool ${this.name}`, [...known].join(', '), kind);
  }

  private takeServers(options: PoolOptions, rules: ServerRules): void {
    const known = new Map([...this.left, ...this.servers].map((server) => [server.name, server]));
    this.servers = options.servers.map((written) => {
      const asked: PoolServerOptions = typeof written === 'string' ? { uri: written } : written;
      const made = new PoolServer(asked, rules);
      const old = known.get(made.name);
      old?.configure(asked, rules);
      known.delete(made.name);
      return old ?? made;
    });
    for (const gone of known.values()) gone.stop();
    this.left = [...known.values()].filter((server) => server.isRemembered);
  }
}

const NO_NEEDS: readonly string[] = [];

function hopTo(uri: Uri): Hop {
  const transport = transportOf(uri);
  return {
    transport,
    host: uri.host,
    port: uri.port ?? defaultPorts[transport],
    secure: uri.scheme === 'sips',
  };
}
