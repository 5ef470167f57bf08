/** One server of a pool: its health, and the channels that are taken at it. */
import { assert } from '../base/assert.ts';
import { step } from '../base/machine.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { PoolServerOptions, ServerState } from '../route/services.ts';
import { parseUri, printUri, type Uri } from '../sip/uri.ts';
import { type ServerPart, serverMachine } from './server-machine.ts';

/** Every call takes one of these. */
export const CALLS_KIND = 'calls';
/** A server that was marked down, and is not probed, rests so long. */
export const REST_MS = 30_000;
/** Bad probes in a row that take a server out, and good ones that bring it back. */
export const DOWN_AFTER = 3;
export const UP_AFTER = 2;

/** How a server's health is judged, and who is told. */
export interface ServerRules {
  readonly clock: Clock;
  /** Whether somebody asks it; else it comes back by itself. */
  readonly probed: boolean;
  readonly restMs: Millis;
  readonly downAfter: number;
  readonly upAfter: number;
  /** It went up, or down. */
  readonly changed: (server: PoolServer) => void;
}

/** One server. */
export class PoolServer implements ServerPart {
  readonly uri: Uri;
  /** Its URI as text: its name within the pool. */
  readonly name: string;
  weight = 1;
  priority = 0;
  /** Channels by kind; a kind that is not named has no limit for `calls`, and none to give otherwise. */
  channels: ReadonlyMap<string, number> = new Map();
  state: ServerState = 'up';
  /** Since when it is in this state, on the wall clock. */
  since: number;
  /** Why it went down, for people; empty while it is well. */
  why = '';
  /** The status that said so: 408 for silence, 503 when it cannot be reached or was marked; 0 while it is well. */
  status = 0;
  /** Calls that go on. */
  calls = 0;
  /** How often a request was sent to it, and how often that failed with 408 or 5xx, since the start. */
  sent = 0;
  failed = 0;
  /** For smooth weighted turns; the pool's own. */
  turn = 0;
  private readonly taken = new Map<string, number>();
  private rules: ServerRules;
  private missedInRow = 0;
  private answeredInRow = 0;
  private rest: Timer | undefined = undefined;

  constructor(options: PoolServerOptions, rules: ServerRules) {
    this.uri = parseUri(options.uri);
    this.name = printUri(this.uri);
    this.rules = rules;
    this.since = rules.clock.wall();
    this.configure(options, rules);
  }

  /** Takes new options; health, calls and counts stay. */
  configure(options: PoolServerOptions, rules: ServerRules): void {
    this.weight = options.weight ?? 1;
    this.priority = options.priority ?? 0;
    this.channels = new Map(Object.entries(options.resources ?? {}));
    this.rules = rules;
    if (this.state === 'down' || this.state === 'probing') this.restIfNobodyAsks();
  }

  /** Whether it gets requests. */
  get isUp(): boolean {
    return this.state === 'up';
  }

  /** Whether something must be known of it even when new options leave it out for a while. */
  get isRemembered(): boolean {
    return this.calls > 0 || this.state === 'disabled';
  }

  // ─── channels ─────────────────────────────────────────────────────────────────────────────────

  /** Channels of this kind that are free; Infinity when there is no limit. */
  free(kind: string): number {
    const size = this.channels.get(kind);
    if (size === undefined) return kind === CALLS_KIND ? Infinity : 0;
    return size - this.takenOf(kind);
  }

  takenOf(kind: string): number {
    return kind === CALLS_KIND ? this.calls : (this.taken.get(kind) ?? 0);
  }

  /** Whether a call that needs these kinds fits. */
  hasRoom(needs: readonly string[]): boolean {
    if (this.free(CALLS_KIND) <= 0) return false;
    for (const kind of needs) if (this.free(kind) <= 0) return false;
    return true;
  }

  /** Takes one channel of each kind, whether there is room or not. */
  occupy(needs: readonly string[]): void {
    this.calls++;
    for (const kind of needs) if (kind !== CALLS_KIND) this.taken.set(kind, this.takenOf(kind) + 1);
  }

  /** Gives back what {@link occupy} took. */
  give(needs: readonly string[]): void {
    assert(this.calls > 0, 'channels are given back once');
    this.calls--;
    for (const kind of needs) if (kind !== CALLS_KIND) this.taken.set(kind, this.takenOf(kind) - 1);
  }

  // ─── health ───────────────────────────────────────────────────────────────────────────────────

  /** What a probe found; `status` and `why` are shown when it was bad. */
  probed(alive: boolean, status: number, why: string): void {
    this.missedInRow = alive ? 0 : this.missedInRow + 1;
    this.answeredInRow = alive ? this.answeredInRow + 1 : 0;
    if (!alive) this.noteWhy(status, why);
    if (alive) step(serverMachine, this.answeredInRow >= this.rules.upAfter ? 'proved' : 'answered', this);
    else step(serverMachine, this.missedInRow >= this.rules.downAfter ? 'lost' : 'missed', this);
  }

  markDown(): void {
    this.answeredInRow = 0;
    this.noteWhy(503, 'marked down by the script');
    step(serverMachine, 'marked', this);
  }

  enable(): void {
    this.missedInRow = 0;
    step(serverMachine, 'enable', this);
  }

  disable(): void {
    step(serverMachine, 'disable', this);
  }

  /** Ends its timer. */
  stop(): void {
    this.rest?.cancel();
    this.rest = undefined;
  }

  wentUp(): void {
    this.stop();
    this.why = '';
    this.status = 0;
    this.since = this.rules.clock.wall();
    this.rules.changed(this);
  }

  wentDown(): void {
    this.since = this.rules.clock.wall();
    this.restIfNobodyAsks();
    this.rules.changed(this);
  }

  putAside(): void {
    this.stop();
    this.why = 'disabled by the operator';
    this.status = 0;
    this.since = this.rules.clock.wall();
    this.rules.changed(this);
  }

  stillDown(): void {
    this.restIfNobodyAsks();
  }

  private noteWhy(status: number, why: string): void {
    if (this.state === 'disabled') return;
    this.status = status;
    this.why = why;
  }

  private restIfNobodyAsks(): void {
    this.stop();
    if (this.rules.probed) return;
    this.rest = this.rules.clock.after(this.rules.restMs, () => step(serverMachine, 'rested', this));
  }
}
