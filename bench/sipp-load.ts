/** SIPp: arrivals in bursts, a clock of milliseconds. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions, Outcome, ReadyLoad } from './loads.ts';
import { LOAD_CORE, start, type Started, stop } from './processes.ts';
import type { SippScene } from './scenarios.ts';

const here = import.meta.dirname;

const RTD_SAMPLES_PER_WRITE = 200;
const SETTLE_MS = 400;
const CALLEES: Readonly<Record<string, string>> = { call: 'call-callee', message: 'message-callee' };

/** Starts the callee, where the scene has one. */
export async function beginSipp(
  scene: SippScene,
  rate: number,
  count: number,
  options: LoadOptions,
): Promise<ReadyLoad> {
  const callee = await startCallee(scene, options);
  return {
    send: () => runSipp(scene, rate, count, options),
    end: async () => {
      if (callee) await stop(callee);
    },
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
  const startedAt = performance.now();
  await start(
    'sipp',
    [
      `127.0.0.1:${ports.server}`,
      ...sippArguments(scene, ports.caller, ports.callerControl),
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
  return { ...sippCounts(join(figures, 'caller.csv'), count), ...responseTimes(figures), seconds, lateMs: 0 };
}

async function startCallee(scene: SippScene, options: LoadOptions): Promise<Started | undefined> {
  const name = CALLEES[scene];
  if (name === undefined) return undefined;
  const { callee: port, calleeControl } = options.ports;
  const args = [...sippArguments(name, port, calleeControl), '-bind_local'];
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
