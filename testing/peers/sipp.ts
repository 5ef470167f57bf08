/** SIPp with the scenarios of sipp/: phones that do exactly what their file says, and log it. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Endpoint } from '../../src/base/endpoint.ts';
import { type Exchange, passwordOf } from './exchange.ts';
import { freePorts, type Peer, startPeer, waitForPort } from './peer.ts';

const scenarios = join(import.meta.dirname, '..', '..', 'sipp');

/** What one SIPp did. */
export interface SippRun {
  /** 0: every call went as its scenario says. */
  readonly code: number;
  /** What it logged: the word of the scenario (`answered`, `ended`, …) → the Call-IDs. */
  readonly logged: ReadonlyMap<string, readonly string[]>;
  /** What it has to say about calls that went otherwise. */
  readonly errors: string;
}

/** A SIPp that waits for calls. */
export interface Callee {
  readonly port: number;
  /** Settles when it has had all its calls. */
  done(): Promise<SippRun>;
  stop(): Promise<void>;
}

/** How long a caller may take altogether, and how long a callee waits for its calls: whoever started it stops it. */
const RUN_SECONDS = 60;
const WAIT_SECONDS = 600;
/** Calls a second, unless told. */
const RATE = 50;
/** All calls by one connection. */
const BY_TCP = ['-t', 't1'];

/** How it sends and is reached. */
export type SippTransport = 'udp' | 'tcp';

/** Starts a callee for so many calls, at a free port unless told. */
export async function startCallee(
  exchange: Exchange,
  scenario: string,
  calls: number,
  atPort?: number,
  transport: SippTransport = 'udp',
): Promise<Callee> {
  const port = atPort ?? (await freePorts(1))[0] ?? 0;
  const patience = ['-timeout', String(WAIT_SECONDS)];
  const args = [...patience, '-s', 'callee', '-m', String(calls), ...(transport === 'tcp' ? BY_TCP : [])];
  const started = await startSipp(exchange, scenario, port, args);
  await waitForPort(started.peer, transport, port);
  return { port, done: () => finish(started), stop: () => started.peer.stop() };
}

/** A phone of a user that wants to be registered. */
export interface Registration {
  readonly user: string;
  readonly port: number;
  readonly q?: number;
  /** Unless given, the right one. */
  readonly password?: string;
  /**
   * A TCP port that leads to the exchange, its own or that of a program that speaks TLS; by UDP and without one
   * unless given.
   */
  readonly through?: number;
  /** What it wants to be called by; UDP unless given. */
  readonly transport?: SippTransport;
}

/** Registers a contact with digest. */
export async function register(exchange: Exchange, phone: Registration): Promise<SippRun> {
  const { user, port, q = 1, password, through, transport = 'udp' } = phone;
  const at = transport === 'tcp' ? `${port};transport=tcp` : String(port);
  const contact = ['-key', 'contactPort', at, '-key', 'q', q.toFixed(1)];
  // Else SIPp's answer names the server's address, and an IPv6 one without its brackets.
  const asked = ['-auth_uri', exchange.domain];
  const args = ['-s', user, ...credentials(user, password), ...asked, ...contact, '-m', '1'];
  return runCaller(exchange, 'register', args, through);
}

/** So many calls of one user to another. */
export async function dial(
  exchange: Exchange,
  scenario: string,
  caller: string,
  callee: string,
  calls: number,
  transport: SippTransport = 'udp',
  rate = RATE,
): Promise<SippRun> {
  const pace = ['-m', String(calls), '-r', String(rate)];
  const args = [
    '-s',
    callee,
    ...credentials(caller),
    // Else SIPp's answer names the server alone, which is enough for REGISTER only.
    '-auth_uri',
    `${callee}@${exchange.domain}`,
    '-key',
    'caller',
    caller,
    ...pace,
  ];
  return runCaller(exchange, scenario, args, transport === 'tcp' ? exchange.port : undefined);
}

function credentials(user: string, password = passwordOf(user)): readonly string[] {
  return ['-au', user, '-ap', password];
}

async function runCaller(
  exchange: Exchange,
  scenario: string,
  args: readonly string[],
  through?: number,
): Promise<SippRun> {
  const [port = 0] = await freePorts(1);
  const target = [
    new Endpoint(exchange.host, through ?? exchange.port).key,
    '-key',
    'domain',
    exchange.domain,
  ];
  const transport = through === undefined ? [] : BY_TCP;
  return finish(await startSipp(exchange, scenario, port, [...target, ...transport, ...args]));
}

interface StartedSipp {
  readonly peer: Peer;
  readonly folder: string;
}

async function startSipp(
  exchange: Exchange,
  scenario: string,
  port: number,
  args: readonly string[],
): Promise<StartedSipp> {
  const folder = mkdtempSync(join(exchange.folder, `${scenario}-`));
  const [controlPort = 0] = await freePorts(1);
  const peer = startPeer(
    'sipp',
    [
      '-sf',
      join(scenarios, `${scenario}.xml`),
      '-i',
      exchange.host,
      '-p',
      String(port),
      '-t',
      'u1',
      '-ci',
      '127.0.0.1',
      '-cp',
      String(controlPort),
      '-nostdin',
      '-timeout',
      String(RUN_SECONDS),
      '-timeout_error',
      '-trace_logs',
      '-log_file',
      join(folder, 'log'),
      '-trace_err',
      '-error_file',
      join(folder, 'errors'),
      ...args,
    ],
    folder,
  );
  return { peer, folder };
}

async function finish({ peer, folder }: StartedSipp): Promise<SippRun> {
  const code = await peer.ended;
  const read = (name: string): string => {
    const file = join(folder, name);
    return existsSync(file) ? readFileSync(file, 'latin1') : '';
  };
  const logged = new Map<string, string[]>();
  for (const line of read('log').split('\n')) {
    const [word, callId] = line.split(' ');
    if (word !== undefined && callId !== undefined) logged.set(word, [...(logged.get(word) ?? []), callId]);
  }
  return { code, logged, errors: read('errors') };
}
