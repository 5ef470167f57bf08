/**
 * `npm run bench -- flood [kind …] [--seconds 5] [--rate 40000] [--calls 500]`: strangers flood the exchange while good
 * phones call. Prints what share of the good calls was completed, how long their set-up took, and the memory after.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { compileGenerators, type LoadOptions, put, registerContacts } from './loads.ts';
import { logFile, waitUntilReady } from './peers/peer.ts';
import { findPorts } from './ports.ts';
import { killAll, LOAD_CORE, SERVER_CORE, start, type Started, stop } from './processes.ts';
import type { Load } from './scenarios.ts';
import { pssBytes, runTimeNs } from './usage.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

/** As flood.c numbers them. */
const KINDS = ['garbage', 'register', 'invite', 'options', 'response'] as const;
const SOURCES = [1, 200];
const USERS = 1000;
const WARM_SECONDS = 3;
const REGISTER_RATE = 2000;
/** The flood begins before the calls and ends after them. */
const LEAD_MS = 300;
/** What half-open transactions may hold is given back within timer B and its like. */
const SETTLE_MS = 35_000;
const SHARE_MIN = 0.999;
const P99_MS_MAX = 50;
const MEGABYTE = 1 << 20;

interface FloodFigures {
  readonly sent: number;
  readonly answers: number;
  readonly sentBytes: number;
  readonly answerBytes: number;
}

const USAGE = `usage: npm run bench -- flood [kind …] [--seconds 5] [--rate 40000] [--calls 500]
kinds: ${KINDS.join(' ')}
`;

/** The status: 1 when a goal is missed. */
export async function runFloods(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '5' },
      rate: { type: 'string', default: '40000' },
      calls: { type: 'string', default: '500' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.some((word) => !KINDS.some((kind) => kind === word))) {
    process.stderr.write(USAGE);
    return 2;
  }
  const [seconds, rate, calls] = [Number(values.seconds), Number(values.rate), Number(values.calls)];
  const kinds = KINDS.filter((kind) => positionals.length === 0 || positionals.includes(kind));
  const folder = mkdtempSync(join(tmpdir(), 'tandem-flood-'));
  process.once('exit', () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  await compileGenerators(folder);
  await run('gcc', ['-O2', '-o', join(folder, 'flood'), join(import.meta.dirname, 'generator', 'flood.c')]);
  const [ports] = await findPorts(1);
  if (ports === undefined) throw new Error('no ports');
  const load: LoadOptions = { folder, ports, users: USERS };
  const server = await startServer(folder, load.ports.server);
  await registerContacts(USERS, REGISTER_RATE, load);
  await put(callLoad(calls, WARM_SECONDS), load);
  let met = true;
  print('none', 0, await measure(server, callLoad(calls, seconds), load, undefined));
  for (const kind of kinds) {
    for (const sources of SOURCES) {
      const flood = { kind: KINDS.indexOf(kind), rate, sources, seconds };
      met = print(kind, sources, await measure(server, callLoad(calls, seconds), load, flood)) && met;
    }
  }
  await sleep(SETTLE_MS);
  tell(`memory ${SETTLE_MS / 1000} s after the last: ${megabytes(server)} MB`);
  await stop(server);
  return met ? 0 : 1;
}

interface Flood {
  readonly kind: number;
  readonly rate: number;
  readonly sources: number;
  readonly seconds: number;
}

interface Measured {
  readonly done: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cores: number;
  readonly memory: number;
  readonly flood: FloodFigures | undefined;
}

async function measure(
  server: Started,
  calls: Load,
  load: LoadOptions,
  flood: Flood | undefined,
): Promise<Measured> {
  const flooding = flood && startFlood(flood, load);
  await sleep(LEAD_MS);
  const before = runTimeNs(server.pid);
  const outcome = await put(calls, load);
  const cores = (runTimeNs(server.pid) - before) / 1e9 / outcome.seconds;
  const figures = flooding && (await flooding());
  const { done, failed, p50Ms, p99Ms } = outcome;
  return { done, failed, p50Ms, p99Ms, cores, memory: megabytes(server), flood: figures };
}

/** Answers with what waits for its end. */
function startFlood(flood: Flood, { folder, ports }: LoadOptions): () => Promise<FloodFigures> {
  const output = join(folder, 'flood.json');
  rmSync(output, { force: true });
  const seconds = flood.seconds + (2 * LEAD_MS) / 1000;
  const args = [
    `port=${ports.server}`,
    `kind=${flood.kind}`,
    `rate=${flood.rate}`,
    `sources=${flood.sources}`,
    `seconds=${seconds}`,
  ];
  const started = start(join(folder, 'flood'), args, { core: LOAD_CORE, folder, output });
  return async () => {
    await started.ended;
    return JSON.parse(readFileSync(output, 'utf8')) as FloodFigures;
  };
}

function callLoad(rate: number, seconds: number): Load {
  return { name: 'calls', tool: 'paced', scene: 'call', rate, seconds };
}

/** The bench's phones are exempt, as those that have logged in are; loopback beside them is not. */
async function startServer(folder: string, port: number): Promise<Started> {
  const config = join(folder, 'tandem.toml');
  mkdirSync(join(folder, 'data'));
  writeFileSync(
    config,
    `[sip]
listen = ["udp:0.0.0.0:${port}"]
advertise = "127.0.0.1"
domains = ["bench.local", "127.0.0.1"]

[guard]
exempt = ["127.0.0.1"]

[location]
durable = false

[data]
folder = ${JSON.stringify(join(folder, 'data'))}

[script]
file = ${JSON.stringify(join(root, 'bench', 'scripts', 'flood.ts'))}

[log]
level = "error"
`,
  );
  const program = join(root, 'src', 'cli', 'main.ts');
  const server = start(process.execPath, [...process.execArgv, program, 'start', '--config', config], {
    core: SERVER_CORE,
    folder,
    output: logFile(folder),
  });
  await waitUntilReady(server, port, folder);
  return server;
}

/** Whether the goals are met. */
function print(kind: string, sources: number, row: Measured): boolean {
  const share = row.done / Math.max(1, row.done + row.failed);
  const { flood } = row;
  const amplified = flood === undefined ? '' : `, answered ${flood.answers} of ${flood.sent} packets`;
  const bytes =
    flood === undefined ? '' : ` (${(flood.answerBytes / flood.sentBytes).toFixed(3)} of the bytes)`;
  tell(
    `${kind.padEnd(9)} from ${String(sources).padStart(3)}: ${(share * 100).toFixed(2)} % of the calls, ` +
      `p50 ${row.p50Ms.toFixed(1)} ms, p99 ${row.p99Ms.toFixed(1)} ms, ${row.cores.toFixed(2)} cores, ` +
      `${row.memory} MB${amplified}${bytes}`,
  );
  return share >= SHARE_MIN && row.p99Ms <= P99_MS_MAX;
}

function megabytes(server: Started): number {
  return Math.round(pssBytes([server.pid]) / MEGABYTE);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
