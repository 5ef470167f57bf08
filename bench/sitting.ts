/**
 * One instance of each server, from its start to its end, and what was measured on them in turn:
 *
 *   load 1: A B B A A B …  load 2: A B B A A B …
 *
 * A machine's speed changes within seconds; what is compared is measured within as few.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, type LoadOptions, type Outcome, put, registerContacts } from './loads.ts';
import { metered } from './meter.ts';
import type { Peer } from './peers/peer.ts';
import type { Ports } from './ports.ts';
import { LOAD_CORE, start, type Started, stop } from './processes.ts';
import type { Load, Scenario } from './scenarios.ts';
import { pssBytes, takeSnapshot, treeOf } from './usage.ts';

/** How long to warm and to measure; `--quick` and `--brief` shorten both. */
export interface Pace {
  readonly warmSeconds: number;
  readonly rewarmSeconds: number;
  /** How often each server has its turn with one load. */
  readonly slices: number;
  /** How long a turn is, of the seconds that a load asks for. */
  readonly sliceShare: number;
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
  readonly slice: number;
  readonly rate: number;
  readonly cpuMicrosPerUnit: number;
  readonly serverCores: number;
  /** Cores that others used meanwhile. */
  readonly othersCores: number;
  /** Cores that the host of a virtual machine gave to others. */
  readonly stolenCores: number;
  readonly noisy: boolean;
  readonly pssBytes: number;
  /** Memory scenarios only. */
  readonly bytesPerUnit?: number;
}

/** Whom to measure with what, and where. */
export interface SittingOptions {
  /** Ours first. */
  readonly peers: readonly Peer[];
  readonly scenario: Scenario;
  readonly repeat: number;
  /** For each of them. */
  readonly ports: readonly Ports[];
  /** Where the compiled generators are, and where the instance gets a folder. */
  readonly folder: string;
  readonly pace: Pace;
  /** Where `perf` leaves what it saw of our instance. */
  readonly perfFolder?: string;
  readonly tell: (line: string) => void;
}

/** Who may use how much of a core beside us before a run is taken again. */
const NOISE_CORES = 0.25;
/** What a host takes makes whoever runs seem slower, and comes in long stops. */
const STOLEN_CORES = 0.04;
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

/** Starts the servers, measures every load of the scenario on them, and stops them. */
export async function sit(options: SittingOptions): Promise<readonly Row[]> {
  const { peers, scenario, repeat } = options;
  if (scenario.kind === 'rate') return inTurn(options, peers);
  const rows: Row[] = [];
  for (const peer of repeat % 2 === 0 ? peers : peers.toReversed()) {
    await withServers(options, [peer], async ([bench]) => {
      if (bench) rows.push(scenario.kind === 'memory' ? await bench.memory() : await bench.highestRate());
    });
  }
  return rows;
}

async function inTurn(options: SittingOptions, peers: readonly Peer[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const { scenario, pace, repeat } = options;
  await withServers(options, peers, async (benches) => {
    for (const bench of benches) await bench.warmUp();
    for (const load of scenario.loads) {
      for (const bench of benches) await bench.rewarm(load);
      for (let slice = 0; slice < pace.slices; slice++) {
        const order = (slice + repeat) % 2 === 0 ? benches : benches.toReversed();
        for (const bench of order) rows.push(await bench.quietly(load, slice));
      }
    }
  });
  return rows;
}

async function withServers(
  options: SittingOptions,
  peers: readonly Peer[],
  work: (benches: readonly Bench[]) => Promise<void>,
): Promise<void> {
  const { scenario, perfFolder } = options;
  const folder = mkdtempSync(join(options.folder, `${scenario.name}-`));
  const started: Started[] = [];
  const benches: Bench[] = [];
  try {
    for (const peer of peers) {
      const place = options.peers.indexOf(peer);
      const instance = join(folder, String(place));
      mkdirSync(instance);
      const ports = options.ports[place];
      if (ports === undefined) throw new Error('each server has ports of its own');
      const server = await peer.start(scenario, {
        ports,
        folder: instance,
        pem: join(options.folder, 'bench.pem'),
      });
      started.push(server);
      benches.push(new Bench(options, peer, server, ports));
      // Stopped before the servers are: from the last to the first.
      if (perfFolder !== undefined && place === 0) started.push(recordWithPerf(server, perfFolder, folder));
    }
    await work(benches);
  } finally {
    for (const one of started.toReversed()) await stop(one, one.command === 'perf' ? 'SIGINT' : 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

class Bench {
  private readonly options: SittingOptions;
  private readonly peer: Peer;
  private readonly server: Started;
  private readonly load: LoadOptions;
  private readonly users: number;

  constructor(options: SittingOptions, peer: Peer, server: Started, ports: Ports) {
    this.options = options;
    this.peer = peer;
    this.server = server;
    const { users, phones, settings } = options.scenario;
    this.users = users > FEW_USERS ? Math.round(users * options.pace.contactsShare) : users;
    this.load = {
      folder: options.folder,
      ports,
      users: this.users,
      transport: settings.transport,
      ...(phones !== undefined && { phones }),
    };
  }

  /**
   * Code compiled, pools at their high-water mark: the highest rate of the scenario. A transaction lives for 32 s, so
   * that a server is at its mark only after as long.
   */
  async warmUp(): Promise<void> {
    const { scenario, pace } = this.options;
    if (scenario.registered > 0) await registerContacts(this.users, REGISTER_RATE, this.load);
    const highest = [...scenario.loads].sort((a, b) => b.rate - a.rate)[0];
    if (highest) await put({ ...highest, seconds: pace.warmSeconds }, this.load);
    await sleep(SETTLE_MS);
  }

  async rewarm(load: Load): Promise<void> {
    await put({ ...load, seconds: this.options.pace.rewarmSeconds }, this.load);
    await sleep(SETTLE_MS);
  }

  /** One turn; anew while others make noise, a few times, and what stays noisy says so. */
  async quietly(load: Load, slice = 0): Promise<Row> {
    const { pace, tell } = this.options;
    const turn = { ...load, seconds: load.seconds * pace.sliceShare };
    let row = await this.measure(turn, slice);
    for (let tries = 0; row.noisy && tries < pace.noisyRetriesMax; tries++) {
      tell(`${describe(row)}: once more`);
      await sleep(SETTLE_MS);
      row = await this.measure(turn, slice);
    }
    tell(describe(row));
    return row;
  }

  private async measure(load: Load, slice: number): Promise<Row> {
    const { scenario, repeat } = this.options;
    const { peer } = this;
    const ready = await begin(load, this.load);
    const { result, cpuSeconds, othersSeconds, stolenSeconds, pssBytes } = await metered(
      this.server.pid,
      () => ready.send(),
    );
    await ready.end();
    const othersCores = othersSeconds / result.seconds;
    const stolenCores = stolenSeconds / result.seconds;
    return {
      ...result,
      peer: peer.name,
      scenario: scenario.name,
      load: load.name,
      repeat,
      slice,
      rate: load.rate,
      cpuMicrosPerUnit: (cpuSeconds * 1e6) / Math.max(1, result.done),
      serverCores: cpuSeconds / result.seconds,
      othersCores,
      stolenCores,
      noisy: othersCores > NOISE_CORES || stolenCores > STOLEN_CORES,
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
    const row = await this.measure({ ...load, seconds: this.users / load.rate }, 0);
    await sleep(MEMORY_SETTLE_MS);
    const fullBytes = pssBytes(treeOf(this.server.pid, takeSnapshot()));
    const fresh = this.users - REFRESHED_USERS;
    const found = { ...row, pssBytes: fullBytes, bytesPerUnit: (fullBytes - idleBytes) / fresh };
    this.options.tell(describe(found));
    return found;
  }

  /** Up by a quarter until calls fail, then between the last good and the first bad rate. */
  async highestRate(): Promise<Row> {
    const { scenario, pace } = this.options;
    const [load] = scenario.loads;
    if (load === undefined) throw new Error('nothing to search with');
    await this.warmUp();
    let best: Row | undefined;
    let bad = Number.POSITIVE_INFINITY;
    let rate = load.rate;
    for (let step = 0; step < SEARCH_STEPS_MAX && bad / (best?.rate ?? 1) > pace.searchPrecision; step++) {
      const row = await this.quietly({ ...load, rate });
      if (keptUp(row)) best = row;
      else bad = rate;
      await sleep(keptUp(row) ? SETTLE_MS : OVERLOAD_SETTLE_MS);
      if (Number.isFinite(bad)) rate = best === undefined ? bad / 2 : (best.rate + bad) / 2;
      else rate *= 1.25;
    }
    if (best === undefined) throw new Error(`${this.peer.name} kept up with no rate`);
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

function describe(row: Row): string {
  const figure = row.bytesPerUnit === undefined ? '' : `, ${Math.round(row.bytesPerUnit)} bytes a unit`;
  return (
    `  #${row.repeat + 1} ${row.peer.padEnd(8)} ${row.load.padEnd(14)} ` +
    `${row.cpuMicrosPerUnit.toFixed(1)} µs a unit${figure}, ` +
    `${row.done} done, ${row.failed} failed, ${row.repeated} repeated, ` +
    `p50 ${row.p50Ms} ms, p99 ${row.p99Ms} ms, late ${row.lateMs.toFixed(1)} ms, ` +
    `cores: server ${row.serverCores.toFixed(2)}, others ${row.othersCores.toFixed(2)}, ` +
    `stolen ${row.stolenCores.toFixed(2)}${row.noisy ? ', noisy' : ''}`
  );
}
