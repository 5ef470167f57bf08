/** The exchange of a random town: started, crashed, stopped and started again over a disk that stays. */
import type { World } from '../base/world.ts';
import { CallRecords } from '../billing/call-records.ts';
import { Location } from '../location/location.ts';
import { Exchange } from '../server/exchange.ts';
import { settingsSchema } from '../server/settings-schema.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import type { SwarmDisk } from './swarm-disk.ts';
import { SwarmWriter } from './swarm-disk.ts';
import type { SwarmLog } from './swarm-log.ts';
import { DOMAINS, type SwarmPlan } from './swarm-plan.ts';
import { swarmScript, type SwarmScriptOptions } from './swarm-script.ts';
import { SimProcess } from './sim-process.ts';
import { simCertificate } from './sim-tls.ts';
import { EXCHANGE, PORTS } from './town.ts';

const BINDINGS_MAX = 1_000;
/** Low, so that a town begins fast. */
const TRANSACTIONS_MAX = 4_000;
/** Connections that nobody uses are closed after so long. */
export const IDLE_MS = 120_000;
/** As `tandem start` does it. */
const DRAIN_MS = 4_000;
const DRAIN_STEP_MS = 50;

/** One run of the exchange. */
export interface SwarmRun {
  readonly process: SimProcess;
  readonly exchange: Exchange;
  readonly location: Location;
  readonly calls: CallRecords;
  readonly writer: SwarmWriter;
  readonly startedMs: number;
  readonly startedWall: number;
  /** The URIs of each address-of-record that the disk had when it started. */
  readonly restored: ReadonlyMap<string, readonly string[]>;
  endedMs: number;
  end: 'crash' | 'stop' | 'none';
}

/** All runs of the exchange of one town. */
export class SwarmExchange {
  readonly runs: SwarmRun[] = [];
  /** The one that goes on. */
  current: SwarmRun | undefined;
  private readonly host: World;
  private readonly plan: SwarmPlan;
  private readonly disk: SwarmDisk;
  private readonly log: SwarmLog;
  private readonly secrets: { readonly route: string; readonly nonce: string };
  private generation = 0;

  constructor(host: World, plan: SwarmPlan, disk: SwarmDisk, log: SwarmLog) {
    this.host = host;
    this.plan = plan;
    this.disk = disk;
    this.log = log;
    this.secrets = { route: host.random.token(128), nonce: host.random.token(128) };
  }

  async start(): Promise<SwarmRun> {
    const { host, log, disk, plan, secrets } = this;
    log.run = this.runs.length;
    const process = new SimProcess(host, log);
    const { world } = process;
    const settings = settingsOf(plan);
    const writer = new SwarmWriter(world.clock, disk);
    const { min_expires, max_expires, default_expires, max_contacts } = settings.registrar;
    const location = new Location({
      clock: world.clock,
      random: world.random,
      writer,
      settings: {
        durable: true,
        minExpires: min_expires,
        maxExpires: max_expires,
        defaultExpires: default_expires,
        maxContacts: max_contacts,
        bindingsMax: BINDINGS_MAX,
      },
    });
    const startedMs = world.clock.now();
    const startedWall = world.clock.wall();
    location.restore(disk.bindings());
    const restored = urisByAor(location);
    const calls = new CallRecords({ writer, clock: world.clock, log: world.log });
    calls.restore(disk.unfinishedCalls());
    const subscribers = new Subscribers({ writer, clock: world.clock, rows: disk.subscribers() });
    const stores = { subscribers, location, calls, secrets };
    const tls = {
      certificates: [simCertificate(DOMAINS[0], EXCHANGE)],
      clients: 'none',
      authorities: undefined,
    } as const;
    const script = swarmScript(this.scriptOptions());
    const exchange = await Exchange.open({ world, settings, script, stores, tls });
    if (this.runs.length === 0) await this.addAccounts(subscribers);
    const open = { process, exchange, location, calls, writer };
    const run: SwarmRun = { ...open, startedMs, startedWall, restored, endedMs: Infinity, end: 'none' };
    this.runs.push(run);
    this.current = run;
    return run;
  }

  /** Killed at once: what was not committed is lost. */
  crash(): void {
    const run = this.current;
    if (run === undefined) return;
    this.current = undefined;
    run.end = 'crash';
    run.endedMs = this.host.clock.now();
    run.writer.crash();
    run.process.kill();
  }

  /** Stopped as an operator does: what is being set up may end, then everything is closed. */
  async stop(): Promise<SwarmRun | undefined> {
    const run = this.current;
    if (run === undefined) return undefined;
    const { exchange } = run;
    exchange.refuseNew();
    for (let waited = 0; exchange.busy && waited < DRAIN_MS; waited += DRAIN_STEP_MS)
      await this.sleep(DRAIN_STEP_MS);
    if (this.current !== run) return undefined; // It crashed meanwhile.
    this.current = undefined;
    run.end = 'stop';
    run.endedMs = this.host.clock.now();
    exchange.stop();
    run.location.close();
    run.calls.stop();
    await run.writer.close();
    return run;
  }

  /** Another generation of the script. */
  async reload(): Promise<void> {
    await this.current?.exchange.replaceScript(swarmScript(this.scriptOptions()));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => void this.host.clock.after(ms, wake));
  }

  private scriptOptions(): SwarmScriptOptions {
    const picks = ['weight', 'least-calls', 'hash-call-id', 'priority', 'most-free'] as const;
    const number = this.generation++;
    return {
      carriers: this.plan.carriers,
      pick: picks[number % picks.length]!,
      ringMs: RING_MS[number % RING_MS.length]!,
    }; // Remainders.
  }

  private async addAccounts(subscribers: Subscribers): Promise<void> {
    const added = new Set<string>();
    for (const { user, domain } of this.plan.phones) {
      if (added.has(user)) continue;
      added.add(user);
      await subscribers.add({ user, domain, password: passwordOf(user) });
    }
  }
}

function urisByAor(location: Location): Map<string, string[]> {
  const uris = new Map<string, string[]>();
  for (const { aor, uriText } of location.list({ limit: BINDINGS_MAX, offset: 0 }).contacts) {
    uris.set(aor, [...(uris.get(aor) ?? []), uriText]);
  }
  return uris;
}

const RING_MS = [20_000, 5_000, 30_000] as const;

/** What somebody's phones know. */
export function passwordOf(user: string): string {
  return `secret of ${user}`;
}

function settingsOf(plan: SwarmPlan): ReturnType<typeof settingsSchema.parse> {
  const listen = (['udp', 'tcp', 'tls', 'ws', 'wss'] as const).map(
    (name) => `${name}:${EXCHANGE}:${PORTS[name]}`,
  );
  return settingsSchema.parse({
    sip: {
      listen,
      domains: [...DOMAINS],
      open_inbound: plan.openInbound,
      max_transactions: TRANSACTIONS_MAX,
      idle_timeout_ms: IDLE_MS,
    },
    tls: { certificates: [{ certificate: 'simulated', key: 'simulated' }] },
    registrar: { default_expires: 600 },
    agent: { session_seconds: 90, min_session_seconds: 90 },
  });
}
