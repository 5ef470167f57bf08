/** Programs of others that our exchange is tried against: started in a group of their own, always ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A machine that has other work takes its time; nobody waits for it who has the core. */
const READY_MS = 60_000;
const LOOK_EVERY_MS = 20;
const STOP_MS = 5000;
/** /proc/sys/net/ipv4/ip_local_port_range begins at 32768. */
const PORT_MIN = 10_000;
const PORT_MAX = 32_000;
const givenPorts = new Set<number>();

/** The Debian package that brings a program. */
const PACKAGES: Readonly<Record<string, string>> = {
  sipp: 'sip-tester',
  baresip: 'baresip-core',
  svwar: 'sipvicious',
  svcrack: 'sipvicious',
  svmap: 'sipvicious',
};

/** A program that runs. */
export interface Peer {
  readonly pid: number;
  /** What it wrote so far, to stdout and to stderr. */
  output(): string;
  /** Settles with its exit code, or 128 when a signal ended it. */
  readonly ended: Promise<number>;
  /** Asks its whole group to end, and makes it when it does not. */
  stop(): Promise<void>;
}

/** Why a test that needs these programs is skipped; false when it need not be. For `test(name, { skip })`. */
export function missing(...programs: readonly string[]): string | false {
  const absent = programs.filter((program) => !isInstalled(program));
  if (absent.length === 0) return false;
  const packages = absent.map((program) => PACKAGES[program] ?? program);
  return `needs ${absent.join(', ')}: apt-get install ${packages.join(' ')}`;
}

/** Why a test that needs IPv6 is skipped; false where this machine has it. */
export function missingIPv6(): string | false {
  const { lo = [] } = networkInterfaces();
  return lo.some(({ address }) => address === '::1') ? false : 'needs IPv6 on loopback';
}

/** Starts a program in a folder. */
export function startPeer(command: string, args: readonly string[], folder: string): Peer {
  const child = spawn(command, args, { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const killWithUs = (): void => signalGroup(pid, 'SIGKILL');
  process.once('exit', killWithUs);
  const ended = once(child, 'close').then(([code]) => {
    process.removeListener('exit', killWithUs);
    return typeof code === 'number' ? code : 128;
  });
  return { pid, output: () => output, ended, stop: () => stop(child, pid, ended) };
}

/** Settles when the program listens at this port; rejects when it ends before, or takes too long. */
export async function waitForPort(peer: Peer, transport: 'udp' | 'tcp', port: number): Promise<void> {
  let over = false;
  void peer.ended.then(() => {
    over = true;
  });
  const giveUpAt = performance.now() + READY_MS;
  while (!isBound(transport, port)) {
    if (over || performance.now() > giveUpAt) {
      throw new Error(`nothing listens on ${transport} port ${port}; the program said:\n${peer.output()}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/**
 * Ports nobody uses for UDP or TCP now, nor the one behind each: some programs take that for TLS. They lie below those
 * that the kernel gives to whoever names none, so nobody gets one by chance before its program does.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = PORT_MIN + 2 * randomInt((PORT_MAX - PORT_MIN) / 2);
    if (givenPorts.has(port)) continue;
    givenPorts.add(port);
    if ((await isFree(port)) && (await isFree(port + 1))) found.push(port);
  }
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket('udp4');
  try {
    await once(tcp.listen(port, '127.0.0.1'), 'listening');
    const bound = once(udp, 'listening');
    udp.bind(port, '127.0.0.1');
    await bound;
    return true;
  } catch {
    return false;
  } finally {
    udp.close();
    if (tcp.listening) await once(tcp.close(), 'close');
  }
}

/** The kernel's own table; asking by a connection would disturb the program. */
function isBound(transport: 'udp' | 'tcp', port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = [`/proc/net/${transport}`, `/proc/net/${transport}6`].filter((table) => existsSync(table));
  const rows = tables.flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1));
  return rows.some((row) => row.trim().split(/\s+/)[1]?.endsWith(`:${hex}`));
}

async function stop(child: ChildProcess, pid: number, ended: Promise<number>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    signalGroup(pid, 'SIGTERM');
    const patience = new AbortController();
    const late = sleep(STOP_MS, 'late', { signal: patience.signal }).catch(() => 'ended');
    if ((await Promise.race([ended, late])) === 'late') signalGroup(pid, 'SIGKILL');
    patience.abort();
  }
  await ended;
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
