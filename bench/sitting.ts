/** One instance of one server, from its start to its end, and what was measured on it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, type LoadOptions, type Outcome, put, registerContacts } from './loads.ts';
import { metered } from './meter.ts';
import type { Peer } from './peers/peer.ts';
import { LOAD_CORE, start, type Started, stop } from './processes.ts';
import type { Load, Scenario } from './scenarios.ts';
import { pssBytes, takeSnapshot, treeOf } from './usage.ts';

/** How long to warm and to measure; `--quick` and `--brief` shorten both. */
export interface Pace {
  readonly warmSeconds: number;
  readonly rewarmSeconds: number;
  readonly measureShare: number;
  /** Of the contacts that a scenario asks for. */
  readonly contactsShare: number;
  /** How often a run is taken again because others used the machine. */
  readonly noisyRetriesMax: number;
  /** How near to each other the last good and the first bad rate are. */
  readonly searchPrecision: number;
}

/** One measured run. */
export interface Row extends Outcome {
  readonly peer: string;
  readonly scenario: string;
  readonly load: string;
  readonly repeat: number;
  readonly rate: number;
  readonly cpuMicrosPerUnit: number;
  readonly serverCores: number;
  /** Cores that others used meanwhile. */
  readonly othersCores: number;
  readonly noisy: boolean;
  readonly pssBytes: number;
  /** Memory scenarios only. */
  readonly bytesPerUnit?: number;
}

/** Whom to measure with what, and where. */
export interface SittingOptions {
  readonly peer: Peer;
  readonly scenario: Scenario;
  readonly repeat: number;
  readonly ports: LoadOptions['ports'];
  /** Where the compiled generators are, and where the instance gets a folder. */
  readonly folder: string;
  readonly pace: Pace;
  /** Where `perf` leaves what it saw of this instance. */
  readonly perfFolder?: string;
  readonly tell: (line: string) => void;
}

/** Who may use how much of a core beside us before a run is taken again. */
const NOISE_CORES = 0.25;
/** The share of calls that may fail at a rate the server is said to keep up with. */
export const FAILED_SHARE_MAX = 0.001;

const REGISTER_RATE = 5000;
/** Scenarios of more are about memory: a brief run takes a share of them. */
const FEW_USERS = 10_000;
const SETTLE_MS = 300;
/** Long enough for a garbage collection and for Kamailio's transactions to be freed. */
const MEMORY_SETTLE_MS = 6000;
const OVERLOAD_SETTLE_MS = 6000;

const SEARCH_STEPS_MAX = 16;

/** Starts the server, measures every load of the scenario on it, and stops it. */
export async function sit(options: SittingOptions): Promise<readonly Row[]> {
  const { peer, scenario, ports } = options;
  const folder = mkdtempSync(join(options.folder, `${scenario.name}-${peer.name}-`));
  const instance = join(folder, 'server');
  mkdirSync(instance);
  const server = await peer.start(scenario, {
    ports,
    folder: instance,
    pem: join(options.folder, 'bench.pem'),
  });
  const recording =
    options.perfFolder === undefined ? undefined : recordWithPerf(server, options.perfFolder, folder);
  const bench = new Bench(options, server);
  try {
    if (scenario.kind === 'memory') return [await bench.memory()];
    await bench.warmUp();
    return scenario.kind === 'max' ? [await bench.highestRate()] : await bench.everyLoad();
  } finally {
    if (recording) await stop(recording, 'SIGINT');
    await stop(server);
    rmSync(folder, { recursive: true, force: true });
  }
}

class Bench {
  private readonly options: SittingOptions;
  private readonly server: Started;
  private readonly load: LoadOptions;
  private readonly users: number;

  constructor(options: SittingOptions, server: Started) {
    this.options = options;
    this.server = server;
    const { users, phones, settings } = options.scenario;
    this.users = users > FEW_USERS ? Math.round(users * options.pace.contactsShare) : users;
    this.load = {
      folder: options.folder,
      ports: options.ports,
      users: this.users,
      transport: settings.transport,
      ...(phones !== undefined && { phones }),
    };
  }

  /** Code compiled, pools at their high-water mark: the highest rate of the scenario for several seconds. */
  async warmUp(): Promise<void> {
    const { scenario, pace } = this.options;
    if (scenario.registered > 0) await registerContacts(this.users, REGISTER_RATE, this.load);
    const highest = [...scenario.loads].sort((a, b) => b.rate - a.rate)[0];
    if (highest) await put({ ...highest, seconds: pace.warmSeconds }, this.load);
    await sleep(SETTLE_MS);
  }

  async everyLoad(): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const load of this.options.scenario.loads) {
      await put({ ...load, seconds: this.options.pace.rewarmSeconds }, this.load);
      await sleep(SETTLE_MS);
      rows.push(await this.quietly({ ...load, seconds: load.seconds * this.options.pace.measureShare }));
    }
    return rows;
  }

  /** Runs anew while others make noise, a few times; what stays noisy says so. */
  private async quietly(load: Load): Promise<Row> {
    let row = await this.measure(load);
    for (let tries = 0; row.noisy && tries < this.options.pace.noisyRetriesMax; tries++) {
      this.options.tell(`  others used ${row.othersCores.toFixed(2)} cores: once more`);
      await sleep(SETTLE_MS);
      row = await this.measure(load);
    }
    return row;
  }

  private async measure(load: Load): Promise<Row> {
    const { peer, scenario, repeat } = this.options;
    const ready = await begin(load, this.load);
    const { result, cpuSeconds, othersSeconds, pssBytes } = await metered(this.server.pid, () =>
      ready.send(),
    );
    await ready.end();
    const othersCores = othersSeconds / result.seconds;
    return {
      ...result,
      peer: peer.name,
      scenario: scenario.name,
      load: load.name,
      repeat,
      rate: load.rate,
      cpuMicrosPerUnit: (cpuSeconds * 1e6) / Math.max(1, result.done),
      serverCores: cpuSeconds / result.seconds,
      othersCores,
      noisy: othersCores > NOISE_CORES,
      pssBytes,
    };
  }

  /** PSS before and after new contacts come; refreshes of a few users have warmed the rest before. */
  async memory(): Promise<Row> {
    const { scenario } = this.options;
    const [load] = scenario.loads;
    if (load === undefined) throw new Error(`${scenario.name} has no load`);
    await runRefreshes(this.load, load.rate * 2);
    await sleep(MEMORY_SETTLE_MS);
    const idleBytes = pssBytes(treeOf(this.server.pid, takeSnapshot()));
    const row = await this.measure({ ...load, seconds: this.users / load.rate });
    await sleep(MEMORY_SETTLE_MS);
    const fullBytes = pssBytes(treeOf(this.server.pid, takeSnapshot()));
    const fresh = this.users - REFRESHED_USERS;
    return { ...row, pssBytes: fullBytes, bytesPerUnit: (fullBytes - idleBytes) / fresh };
  }

  /** Up by a quarter until calls fail, then between the last good and the first bad rate. */
  async highestRate(): Promise<Row> {
    const { scenario, pace, tell, peer } = this.options;
    const [load] = scenario.loads;
    if (load === undefined) throw new Error('nothing to search with');
    let best: Row | undefined;
    let bad = Number.POSITIVE_INFINITY;
    let rate = load.rate;
    for (let step = 0; step < SEARCH_STEPS_MAX && bad / (best?.rate ?? 1) > pace.searchPrecision; step++) {
      const row = await this.quietly({ ...load, rate, seconds: load.seconds * pace.measureShare });
      tell(
        `  ${Math.round(rate)}/s: ${row.failed} failed, p99 ${row.p99Ms.toFixed(2)} ms, ` +
          `server ${row.serverCores.toFixed(2)} cores, generator late by ${row.lateMs.toFixed(1)} ms`,
      );
      if (keptUp(row)) best = row;
      else bad = rate;
      await sleep(keptUp(row) ? SETTLE_MS : OVERLOAD_SETTLE_MS);
      if (Number.isFinite(bad)) rate = best === undefined ? bad / 2 : (best.rate + bad) / 2;
      else rate *= 1.25;
    }
    if (best === undefined) throw new Error(`${peer.name} kept up with no rate`);
    return best;
  }
}

/** Whether so few failed that the server is said to keep up. */
function keptUp(row: Row): boolean {
  return row.failed <= FAILED_SHARE_MAX * (row.done + row.failed);
}

const REFRESHED_USERS = 100;

async function runRefreshes(options: LoadOptions, rate: number): Promise<void> {
  const load: Load = { name: 'refreshes', tool: 'paced', scene: 'register', rate, seconds: 3 };
  await put(load, { ...options, users: REFRESHED_USERS });
}

/** Samples the whole life of an instance; `perf report` reads the file. */
function recordWithPerf(server: Started, perfFolder: string, folder: string): Started {
  const output = join(perfFolder, `${server.pid}.perf`);
  const args = [
    'record',
    '-q',
    '-e',
    'cpu-clock',
    '-F',
    '4999',
    '-g',
    '-o',
    output,
    '-p',
    String(server.pid),
  ];
  return start('perf', args, { core: LOAD_CORE, folder });
}
