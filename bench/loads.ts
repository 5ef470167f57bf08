/** Puts load on a server: SIPp, whose arrivals come in bursts, or our evenly paced generators. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LOAD_CORE, start, type Started, stop } from './processes.ts';
import type { Load, SippScene } from './scenarios.ts';

const run = promisify(execFile);
const here = import.meta.dirname;

/** What a load saw: a unit is a call, or a request with its final response. */
export interface Outcome {
  readonly done: number;
  readonly failed: number;
  /** Requests sent again by SIPp, or that reached the callee twice. */
  readonly repeated: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How far the paced generator fell behind its own plan. */
  readonly lateMs: number;
}

/** Where things listen: all on 127.0.0.1, all above 10000. */
export interface Ports {
  readonly server: number;
  readonly caller: number;
  readonly callee: number;
}

/** What a load needs to know about its sitting. */
export interface LoadOptions {
  readonly folder: string;
  readonly ports: Ports;
  readonly users: number;
}

/** SIPp opens its control port on UDP too. */
const SIPP_CONTROL_PORT = 18_880;
const RTD_SAMPLES_PER_WRITE = 200;

const SETTLE_MS = 400;
const CALLEES: Readonly<Record<string, string>> = { call: 'call-callee', message: 'message-callee' };

/** Compiles the generators; they are a few hundred lines of C and take a second. */
export async function compileGenerators(folder: string): Promise<void> {
  for (const name of ['call', 'register']) {
    await run('gcc', ['-O2', '-o', join(folder, name), join(here, 'generator', `${name}.c`)]);
  }
}

/** Sends `rate × seconds` units and waits for the last of them. */
export async function put(load: Load, options: LoadOptions): Promise<Outcome> {
  const count = Math.round(load.rate * load.seconds);
  if (load.tool === 'sipp') return runSipp(load.scene, load.rate, count, options);
  return runPaced(load.scene === 'call' ? 'call' : 'register', load.rate, count, options, load.holdMs ?? 0);
}

/** Registers users 0 to count - 1 with their contact at the callee's port. */
export async function registerContacts(count: number, rate: number, options: LoadOptions): Promise<void> {
  const outcome = await runPaced('register', rate, count, { ...options, users: count }, 0);
  if (outcome.failed > 0) throw new Error(`${outcome.failed} of ${count} contacts could not be registered`);
}

interface PacedFigures {
  readonly done: number;
  readonly failed: number;
  readonly repeated?: number;
  readonly seconds: number;
  readonly lateUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

async function runPaced(
  program: 'call' | 'register',
  rate: number,
  count: number,
  options: LoadOptions,
  holdMs: number,
): Promise<Outcome> {
  const { ports, folder, users } = options;
  const output = join(folder, `${program}.json`);
  rmSync(output, { force: true });
  const started = start(
    join(folder, program),
    [
      `port=${ports.server}`,
      `callerPort=${ports.caller}`,
      `clientPort=${ports.caller}`,
      `calleePort=${ports.callee}`,
      `contactPort=${ports.callee}`,
      `rate=${rate}`,
      `count=${count}`,
      `users=${users}`,
      `holdMs=${holdMs}`,
    ],
    { core: LOAD_CORE, folder, output },
  );
  const code = await started.ended;
  const text = readFileSync(output, 'utf8');
  if (code !== 0) throw new Error(`generator ${program} ended with ${code}: ${text}`);
  const figures = JSON.parse(text) as PacedFigures;
  return {
    done: figures.done,
    failed: figures.failed,
    repeated: figures.repeated ?? 0,
    seconds: figures.seconds,
    p50Ms: figures.p50Us / 1000,
    p99Ms: figures.p99Us / 1000,
    lateMs: figures.lateUs / 1000,
  };
}

async function runSipp(
  scene: SippScene,
  rate: number,
  count: number,
  options: LoadOptions,
): Promise<Outcome> {
  const { ports, folder } = options;
  const figures = join(folder, 'sipp');
  rmSync(figures, { recursive: true, force: true });
  mkdirSync(figures);
  const callee = await startCallee(scene, options);
  const startedAt = performance.now();
  await start(
    'sipp',
    [
      `127.0.0.1:${ports.server}`,
      ...sippArguments(scene, ports.caller, SIPP_CONTROL_PORT),
      '-r',
      String(rate),
      '-m',
      String(count),
      '-l',
      '100000',
      '-max_retrans',
      '6',
      '-key',
      'calleePort',
      String(ports.callee),
      '-inf',
      usersFile(options),
      '-trace_rtt',
      '-rtt_freq',
      String(RTD_SAMPLES_PER_WRITE),
      '-trace_stat',
      '-stf',
      join(figures, 'caller.csv'),
      '-fd',
      '2',
      '-timeout',
      String(Math.ceil(count / rate) + 20),
    ],
    { core: LOAD_CORE, folder: figures },
  ).ended;
  const seconds = (performance.now() - startedAt) / 1000;
  if (callee) await stop(callee);
  return { ...sippCounts(join(figures, 'caller.csv'), count), ...responseTimes(figures), seconds, lateMs: 0 };
}

async function startCallee(scene: SippScene, options: LoadOptions): Promise<Started | undefined> {
  const name = CALLEES[scene];
  if (name === undefined) return undefined;
  const args = [...sippArguments(name, options.ports.callee, SIPP_CONTROL_PORT + 10), '-bind_local'];
  const callee = start('sipp', args, { core: LOAD_CORE, folder: options.folder });
  await sleep(SETTLE_MS);
  if (!callee.running())
    throw new Error(`SIPp as callee ended at once: is port ${options.ports.callee} taken?`);
  return callee;
}

function sippArguments(name: string, port: number, controlPort: number): readonly string[] {
  return [
    '-sf',
    join(here, 'sipp', `${name}.xml`),
    '-i',
    '127.0.0.1',
    '-p',
    String(port),
    '-t',
    'u1',
    '-ci',
    '127.0.0.1',
    '-cp',
    String(controlPort),
    '-nostdin',
    '-deadcall_wait',
    '0',
    '-buff_size',
    '4194304',
  ];
}

/** The password of a user of the bench. */
export function passwordOf(user: string): string {
  return `secret-${user}`;
}

function usersFile(options: LoadOptions): string {
  const file = join(options.folder, `users-${options.users}.csv`);
  if (existsSync(file)) return file;
  const lines = ['SEQUENTIAL'];
  for (let number = 0; number < options.users; number++) {
    const user = `user${number}`;
    lines.push(`${user};[authentication username=${user} password=${passwordOf(user)}]`);
  }
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function sippCounts(file: string, count: number): Pick<Outcome, 'done' | 'failed' | 'repeated'> {
  if (!existsSync(file)) throw new Error('SIPp wrote no figures: it could not start');
  const lines = readFileSync(file, 'latin1').trim().split('\n');
  const names = lines[0]?.split(';') ?? [];
  const values = lines.at(-1)?.split(';') ?? [];
  const value = (name: string): number => Number(values[names.indexOf(name)]);
  const done = value('SuccessfulCall(C)');
  return { done, failed: count - done, repeated: value('Retransmissions(C)') };
}

/** SIPp's clock ticks once a millisecond; a finer figure comes from the paced generators alone. */
function responseTimes(folder: string): Pick<Outcome, 'p50Ms' | 'p99Ms'> {
  const file = readdirSync(folder).find((name) => name.endsWith('_rtt.csv'));
  const rows =
    file === undefined ? [] : readFileSync(join(folder, file), 'latin1').trim().split('\n').slice(1);
  const times = rows.map((row) => Number(row.split(';')[1])).sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
