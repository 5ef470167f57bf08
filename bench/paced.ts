/** The evenly paced generators of bench/generator. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions, Outcome, ReadyLoad } from './loads.ts';
import { LOAD_CORE, start, type Started } from './processes.ts';
import { isStopped } from './usage.ts';

interface PacedFigures {
  readonly done: number;
  readonly failed: number;
  readonly repeated?: number;
  readonly seconds: number;
  readonly lateUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const LOOK_EVERY_MS = 5;
/** As generator/register.c numbers them. */
const CONTACT_TRANSPORTS = ['udp', 'tcp', 'tls'];

/** Starts a generator, which makes its sockets and connections and stops itself. */
export async function beginPaced(
  program: 'call' | 'register',
  rate: number,
  count: number,
  options: LoadOptions,
  holdMs: number,
): Promise<ReadyLoad> {
  const { folder } = options;
  const output = join(folder, `${program}.json`);
  rmSync(output, { force: true });
  const args = generatorArguments(program, rate, count, options, holdMs);
  const generator = start(join(folder, program), args, { core: LOAD_CORE, folder, output });
  await untilItStops(generator, output);
  return {
    async send() {
      process.kill(generator.pid, 'SIGCONT');
      await untilItStops(generator, output);
      return outcomeOf(JSON.parse(readFileSync(output, 'utf8')) as PacedFigures);
    },
    async end() {
      process.kill(generator.pid, 'SIGCONT');
      const code = await generator.ended;
      if (code !== 0) throw failure(generator, code, output);
    },
  };
}

function generatorArguments(
  program: 'call' | 'register',
  rate: number,
  count: number,
  options: LoadOptions,
  holdMs: number,
): readonly string[] {
  const { ports, users, folder, transport = 'udp', phones = 0 } = options;
  // Contacts are registered by UDP, whatever they ask for.
  const port = transport === 'tls' && program === 'call' ? ports.serverTls : ports.server;
  return [
    `port=${port}`,
    `callerPort=${ports.caller}`,
    `clientPort=${ports.caller}`,
    `calleePort=${ports.callee}`,
    `contactPort=${ports.callee}`,
    `contactTransport=${CONTACT_TRANSPORTS.indexOf(transport)}`,
    `rate=${rate}`,
    `count=${count}`,
    `users=${users}`,
    `holdMs=${holdMs}`,
    `transport=${transport}`,
    `pem=${join(folder, 'bench.pem')}`,
    `phones=${phones}`,
    'stops=1',
  ];
}

/** Resolves when it has stopped itself; it may not end instead. */
async function untilItStops(generator: Started, output: string): Promise<void> {
  while (generator.running()) {
    if (isStopped(generator.pid)) return;
    await sleep(LOOK_EVERY_MS);
  }
  throw failure(generator, await generator.ended, output);
}

function failure(generator: Started, code: number, output: string): Error {
  return new Error(`generator ${generator.command} ended with ${code}: ${readFileSync(output, 'utf8')}`);
}

function outcomeOf(figures: PacedFigures): Outcome {
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
