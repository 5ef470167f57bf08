/**
 * `npm run bench [-- scenario … --repeats 5 --quick]`: ours and Kamailio at its best, the same load on
 * each in turn, and what a unit of work costs them. See README.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileGenerators } from './loads.ts';
import { command } from './peers/command.ts';
import { kamailio } from './peers/kamailio.ts';
import type { Peer } from './peers/peer.ts';
import { type Profile, tandem } from './peers/tandem.ts';
import { killAll, LOAD_CORE } from './processes.ts';
import { type Line, markdown, summarize } from './report.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';
import { type Pace, type Row, sit } from './sitting.ts';

const PORTS = { server: 17_160, caller: 17_161, callee: 17_170 };
const FULL: Pace = { warmSeconds: 7, rewarmSeconds: 1, measureShare: 1 };
const QUICK: Pace = { warmSeconds: 3, rewarmSeconds: 0.5, measureShare: 0.5 };

const USAGE = `usage: npm run bench [-- scenario … options]
  --repeats N          instances of each server (5; quick: 2)
  --quick              shorter warm-up and runs
  --peer NAME          only tandem, or only kamailio
  --server "COMMAND"   measure this server in place of ours
  --profile cpu|perf   profile ours into bench/results/profile
scenarios: ${SCENARIOS.map((scenario) => scenario.name).join(' ')}
`;

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly repeats: number;
  readonly pace: Pace;
  readonly profile: Profile | undefined;
}

const results = join(import.meta.dirname, 'results');

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return 2;
  if (availableParallelism() < 2)
    throw new Error('two cores are needed: one for the server, one for the load');
  execFileSync('taskset', ['-p', '-c', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' });

  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tandem-bench-'));
  process.once('exit', () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  await compileGenerators(folder);

  const names = options.peers.map((peer) => peer.name);
  const lines: Line[] = [];
  const rows: Row[] = [];
  for (const scenario of options.scenarios) {
    const measured = await measureScenario(scenario, options, folder);
    rows.push(...measured);
    lines.push(...summarize(scenario, measured, names));
  }
  await save(options, lines, rows);
  process.stdout.write(`\n${markdown(lines, names)}\n`);
  return lines.some((line) => line.barIsMet === false) ? 1 : 0;
}

/** All repeats of one scenario; who goes first changes with each, so that no one has the warmer machine. */
async function measureScenario(
  scenario: Scenario,
  options: Options,
  folder: string,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  tell(`${scenario.name}: ${scenario.about}`);
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const order = repeat % 2 === 0 ? options.peers : options.peers.toReversed();
    for (const peer of order) {
      const perf =
        options.profile?.tool === 'perf' && peer.name !== 'kamailio' ? options.profile.folder : undefined;
      const measured = await sit({
        peer,
        scenario,
        repeat,
        folder,
        ports: PORTS,
        pace: options.pace,
        tell,
        ...(perf !== undefined && { perfFolder: perf }),
      });
      for (const row of measured) tell(describe(row));
      rows.push(...measured);
    }
  }
  return rows;
}

function describe(row: Row): string {
  const figure = row.bytesPerUnit === undefined ? '' : `, ${Math.round(row.bytesPerUnit)} bytes a unit`;
  return (
    `  #${row.repeat + 1} ${row.peer.padEnd(8)} ${row.load.padEnd(14)} ` +
    `${row.cpuMicrosPerUnit.toFixed(1)} µs a unit${figure}, ` +
    `${row.done} done, ${row.failed} failed, ${row.repeated} repeated, ` +
    `p50 ${row.p50Ms} ms, p99 ${row.p99Ms} ms, server ${row.serverCores.toFixed(2)} cores, ` +
    `others ${row.othersCores.toFixed(2)}${row.noisy ? ', noisy' : ''}`
  );
}

async function save(options: Options, lines: readonly Line[], rows: readonly Row[]): Promise<void> {
  const at = new Date().toISOString();
  const machine = {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    kernel: release(),
    peers: await Promise.all(options.peers.map((peer) => peer.version())),
  };
  mkdirSync(results, { recursive: true });
  const names =
    options.scenarios.length === SCENARIOS.length ? 'all' : options.scenarios.map((s) => s.name).join('+');
  const file = join(results, `${at.slice(0, 19).replaceAll(':', '')}-${names}.json`);
  writeFileSync(file, `${JSON.stringify({ at, machine, lines, rows }, undefined, 1)}\n`);
  tell(`written: ${file}`);
}

function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      repeats: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peer: { type: 'string' },
      server: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  const tool = values.profile === 'cpu' || values.profile === 'perf' ? values.profile : undefined;
  const repeats = Number(values.repeats ?? (values.quick ? 2 : 5));
  const profile: Profile | undefined = tool && { tool, folder: join(results, 'profile') };
  if (profile) mkdirSync(profile.folder, { recursive: true });
  const ours = values.server === undefined ? tandem(profile) : command(values.server);
  const peers = [ours, kamailio].filter((peer) => values.peer === undefined || peer.name === values.peer);
  const badProfile = values.profile !== undefined && tool === undefined;
  if (values.help || unknown.length > 0 || badProfile || !(repeats >= 1) || peers.length === 0) {
    process.stderr.write(USAGE);
    return undefined;
  }
  const scenarios = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { scenarios, peers, repeats, pace: values.quick ? QUICK : FULL, profile };
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

process.exit(await main());
