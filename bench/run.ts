/**
 * `npm run bench [-- scenario … --repeats 5 --quick]`: ours and Kamailio at its best, the same load on
 * each in turn, and what a unit of work costs them. See README.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runFloods } from './flood.ts';
import { compileGenerators } from './loads.ts';
import { command } from './peers/command.ts';
import { kamailio } from './peers/kamailio.ts';
import type { Peer } from './peers/peer.ts';
import { type Profile, tandem } from './peers/tandem.ts';
import { findPorts, type Ports } from './ports.ts';
import { killAll, LOAD_CORE, SERVER_CORE, start } from './processes.ts';
import { profileTable } from './profile.ts';
import { type Line, markdown, summarize } from './report.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';
import { type Pace, type Row, sit } from './sitting.ts';

const FULL: Pace = {
  warmSeconds: 35,
  rewarmSeconds: 1,
  slices: 4,
  sliceShare: 0.5,
  contactsShare: 1,
  noisyRetriesMax: 5,
  searchPrecision: 1.05,
};
const QUICK: Pace = { ...FULL, warmSeconds: 10, rewarmSeconds: 0.5, sliceShare: 0.3 };
/** Each row in half a minute: a direction, no figure. */
const BRIEF: Pace = {
  warmSeconds: 2,
  rewarmSeconds: 0.3,
  slices: 2,
  sliceShare: 0.2,
  contactsShare: 0.2,
  noisyRetriesMax: 0,
  searchPrecision: 1.3,
};

const USAGE = `usage: npm run bench [-- scenario … options]
       npm run bench -- flood [kind … options]
  --repeats N          instances of each server (5; quick: 2; brief: 1)
  --quick              shorter warm-up and runs
  --brief              each scenario once and for two seconds, half a minute each
  --awake              the servers' core never halts: what would run there is idle work
  --peer NAME          only tandem, or only kamailio
  --server "COMMAND"   measure this server in place of ours
  --profile cpu|perf   profile ours into bench/results/profile, and print who spent the time
scenarios: ${SCENARIOS.map((scenario) => scenario.name).join(' ')}
`;

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly repeats: number;
  readonly pace: Pace;
  readonly awake: boolean;
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
  if (options.awake) keepAwake(folder);
  const ports = await findPorts(options.peers.length);

  const lines: Line[] = [];
  const rows: Row[] = [];
  for (const scenario of options.scenarios) {
    const peers = peersFor(scenario, options);
    const measured = await measureScenario(scenario, peers, options, { folder, ports });
    rows.push(...measured);
    const names = peers.map((peer) => peer.name);
    lines.push(...summarize(scenario, measured, names));
  }
  if (options.pace !== BRIEF) await save(options, lines, rows);
  process.stdout.write(`\n${markdown(lines)}\n`);
  if (options.profile) process.stdout.write(`\n${await profileTable(options.profile)}\n`);
  return lines.some((line) => line.barIsMet === false) ? 1 : 0;
}

/** Without it the figures are of another kind than they say. */
function keepAwake(folder: string): void {
  const keeper = start(join(folder, 'awake'), [], { core: SERVER_CORE, folder });
  void keeper.ended.then((code) => {
    tell(`error: the core is not kept awake any more: ${code}`);
    process.exit(1);
  });
}

/** Where a scenario compares two forms of ours, the second takes the other's place. */
function peersFor(scenario: Scenario, { peers }: Options): readonly Peer[] {
  const { against } = scenario;
  const [first] = peers;
  if (against === undefined || first === undefined || first.name === 'kamailio') return peers;
  const other: Peer = {
    ...first,
    name: against.name,
    start: (asked, place) => first.start({ ...asked, settings: against.settings }, place),
  };
  return peers.length > 1 ? [first, other] : [first];
}

/** All repeats of one scenario. */
async function measureScenario(
  scenario: Scenario,
  peers: readonly Peer[],
  options: Options,
  at: { readonly folder: string; readonly ports: readonly Ports[] },
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  tell(`${scenario.name}: ${scenario.about}`);
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const perf = options.profile?.tool === 'perf' ? options.profile.folder : undefined;
    const measured = await sit({
      peers,
      scenario,
      repeat,
      ...at,
      pace: options.pace,
      tell,
      ...(perf !== undefined && { perfFolder: perf }),
    });
    rows.push(...measured);
  }
  return rows;
}

async function save(options: Options, lines: readonly Line[], rows: readonly Row[]): Promise<void> {
  const at = new Date().toISOString();
  const machine = {
    processor: cpus()[0]?.model,
    cores: cpus().length,
    awake: options.awake,
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
      brief: { type: 'boolean', default: false },
      awake: { type: 'boolean', default: false },
      peer: { type: 'string' },
      server: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  const tool = values.profile === 'cpu' || values.profile === 'perf' ? values.profile : undefined;
  const repeats = Number(values.repeats ?? (values.brief ? 1 : values.quick ? 2 : 5));
  const profile: Profile | undefined = tool && { tool, folder: join(results, 'profile', `${process.pid}`) };
  if (profile) mkdirSync(profile.folder, { recursive: true });
  const ours = values.server === undefined ? tandem(profile) : command(values.server);
  const peers = [ours, kamailio].filter((peer) => values.peer === undefined || peer.name === values.peer);
  const badProfile = values.profile !== undefined && tool === undefined;
  if (values.help || unknown.length > 0 || badProfile || !(repeats >= 1) || peers.length === 0) {
    process.stderr.write(USAGE);
    return undefined;
  }
  const scenarios = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const pace = values.brief ? BRIEF : values.quick ? QUICK : FULL;
  return { scenarios, peers, repeats, pace, awake: values.awake, profile };
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const [word, ...rest] = process.argv.slice(2);
try {
  process.exit(word === 'flood' ? await runFloods(rest) : await main());
} catch (error) {
  tell(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
