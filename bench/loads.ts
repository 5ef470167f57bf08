/** Puts load on a server: SIPp, whose arrivals come in bursts, or our evenly paced generators. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beginPaced } from './paced.ts';
import type { Ports } from './ports.ts';
import type { Load, TransportName } from './scenarios.ts';
import { beginSipp } from './sipp-load.ts';

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

/** What a load needs to know about its sitting. */
export interface LoadOptions {
  readonly folder: string;
  readonly ports: Ports;
  readonly users: number;
  /** By which callers come and contacts are reached; UDP unless given. */
  readonly transport?: TransportName;
  /** So many connections of phones; without it two proxies hold one each. */
  readonly phones?: number;
}

/** A load whose sockets, connections and callees are ready. */
export interface ReadyLoad {
  /** Sends it, and waits for the last unit. */
  send(): Promise<Outcome>;
  /** Takes away what was made for it. */
  end(): Promise<void>;
}

const REGISTER_TRIES_MAX = 3;

/** Compiles the generators, which takes a second or two, and makes the certificate that all sides use. */
export async function compileGenerators(folder: string): Promise<void> {
  for (const name of ['call', 'register', 'awake']) {
    const source = join(here, 'generator', `${name}.c`);
    await run('gcc', ['-O2', '-o', join(folder, name), source, '-lssl', '-lcrypto']);
  }
  await makeCertificate(folder);
}

/** `bench.pem` holds the certificate and its key; it is its own authority. */
async function makeCertificate(folder: string): Promise<void> {
  const [key, certificate] = [join(folder, 'bench.key'), join(folder, 'bench.crt')];
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench.local';
  const names = 'subjectAltName=IP:127.0.0.1,DNS:bench.local';
  await run('openssl', [...made.split(' '), '-addext', names, '-keyout', key, '-out', certificate]);
  writeFileSync(join(folder, 'bench.pem'), readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
}

/** Makes ready what sends `rate × seconds` units. */
export async function begin(load: Load, options: LoadOptions): Promise<ReadyLoad> {
  const count = Math.max(1, Math.round(load.rate * load.seconds));
  if (load.tool === 'sipp') return beginSipp(load.scene, load.rate, count, options);
  const program = load.scene === 'call' ? 'call' : 'register';
  return beginPaced(program, load.rate, count, options, load.holdMs ?? 0);
}

/** Sends `rate × seconds` units and waits for the last of them. */
export async function put(load: Load, options: LoadOptions): Promise<Outcome> {
  const ready = await begin(load, options);
  const outcome = await ready.send();
  await ready.end();
  return outcome;
}

/**
 * Registers users 0 to count - 1 with their contact at the callee's port. A server that had no core meanwhile lost
 * some, and is asked again more slowly.
 */
export async function registerContacts(count: number, rate: number, options: LoadOptions): Promise<void> {
  let failed = count;
  for (let tries = 0; failed > 0 && tries < REGISTER_TRIES_MAX; tries++) {
    const slower = rate / 2 ** tries;
    const load: Load = {
      name: 'contacts',
      tool: 'paced',
      scene: 'register',
      rate: slower,
      seconds: count / slower,
    };
    failed = (await put(load, { ...options, users: count })).failed;
  }
  if (failed > 0) throw new Error(`${failed} of ${count} contacts could not be registered`);
}
