/** Our exchange as an operator runs it: the command line, a configuration file, a data folder, users. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Endpoint } from '../../src/base/endpoint.ts';
import { type Authority, makeAuthority } from '../../src/testing/certificates.ts';
import { freePorts, startPeer, waitForPort } from './peer.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const NODE = ['--disable-warning=ExperimentalWarning', join(root, 'src', 'cli', 'main.ts')];

const DEFAULT_SCRIPT = join(root, 'examples', 'registrar-proxy.ts');
const LOOK_EVERY_MS = 50;
const RECORDS_MS = 5000;

/** A call as `tandem calls ls --json` shows it. */
export interface CallRecord {
  readonly id: string;
  readonly callId: string;
  readonly caller: string;
  readonly callee: string;
  readonly startedAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly durationMs: number | null;
  readonly status: number | null;
  readonly endedBy: string | null;
  readonly state: string;
}

/** Where a certificate lies. */
export interface IssuedFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A running exchange with its own folder. */
export interface Exchange {
  readonly pid: number;
  readonly domain: string;
  /** The loopback address that it and its peers use. */
  readonly host: string;
  readonly port: number;
  /** Where it listens for what else, when it was started with `streams`. */
  readonly ports: { readonly tls: number; readonly ws: number; readonly wss: number };
  /** Where it listens for TCP from the pipe at `pipedFrom`. */
  readonly pipedTo: number;
  /** The file of the authority that signed its certificate. */
  readonly authority: string;
  /** For what its peers write. */
  readonly folder: string;
  /** The records of these calls, once there are as many as asked for and each is closed. */
  records(callIds: ReadonlySet<string>): Promise<readonly CallRecord[]>;
  /** What a command of the command line answers. */
  command(words: readonly string[]): Promise<string>;
  /** A certificate of its authority for somebody else: the files of the chain and of the key. */
  issue(name: string): IssuedFiles;
  /** Puts a certificate for another name into its place, and has everything read again by SIGHUP. */
  renewCertificate(name: string): void;
  /** What it logged. */
  output(): string;
  stop(): Promise<void>;
}

/** The password of a user of the tests. */
export function passwordOf(user: string): string {
  return `secret-${user}`;
}

/** What else it can do. */
export interface ExchangeOptions {
  /** Listens for TLS, WebSocket and secure WebSocket as well. */
  readonly streams?: boolean;
  /** Where it listens, and its peers: 127.0.0.1 unless given. */
  readonly host?: string;
  /** The script it runs; the default one unless given. */
  readonly script?: string;
  /** Further sections of its settings. */
  readonly settings?: string;
  /** Further lines of `[sip]`, and of `[tls]`. */
  readonly sip?: string;
  readonly tls?: string;
  /** Another name that it has a certificate for, beside its domain. */
  readonly alsoNamed?: string;
  /** Further places where it listens, without a port: `udp:[::1]`. They have that of its first one. */
  readonly listen?: readonly string[];
  /** A TCP port from where a program of the test passes connections on: peers reach it there. */
  readonly pipedFrom?: number;
}

/** Starts the exchange with the default script, and adds the users. */
export async function startExchange(
  users: readonly string[],
  options: ExchangeOptions = {},
): Promise<Exchange> {
  const { streams = false, host = '127.0.0.1', script = DEFAULT_SCRIPT, settings = '' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tandem-peers-'));
  const domain = 'tandem.test';
  const [port = 0, tls = 0, ws = 0, wss = 0, pipedTo = 0] = await freePorts(5);
  const ports = { tls, ws, wss };
  const config = join(folder, 'tandem.toml');
  const authority = join(folder, 'authority.pem');
  const signer = makeAuthority();
  writeFileSync(authority, signer.pem);
  const more = streams ? writeCertificates(folder, signer, domain, options) : '';
  const listen = entries(host, { port, pipedTo, ...(streams ? ports : {}) }, options);
  writeFileSync(config, configuration(domain, listen, folder, script, options.sip ?? '') + more + settings);
  const server = startPeer(process.execPath, [...NODE, 'start', '--config', config], folder);
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  /** One that failed because the exchange did shows why. */
  const command = async (words: readonly string[]): Promise<string> => {
    try {
      return await runCommand(config, words);
    } catch (error) {
      throw new Error(`${String(error)}\nthe exchange said:\n${server.output()}`, { cause: error });
    }
  };
  try {
    await waitForPort(server, 'udp', port);
    for (const at of streams ? [port, tls, ws, wss] : [port]) await waitForPort(server, 'tcp', at);
    for (const user of users) {
      await command(['users', 'add', `${user}@${domain}`, '--password', passwordOf(user)]);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid: server.pid,
    domain,
    host,
    port,
    ports,
    pipedTo,
    authority,
    folder,
    records: (ids) => closedRecords(command, ids),
    command,
    issue: (name) => issue(folder, signer, name),
    renewCertificate: (name) => {
      issue(folder, signer, name, 'chain');
      process.kill(server.pid, 'SIGHUP');
    },
    output: () => server.output(),
    stop,
  };
}

/** An entry of `[sip] listen`. */
type Listen = string | { readonly listen: string; readonly advertise: string };

/** UDP and TCP at `port`, streams at ports of their own. */
function entries(
  host: string,
  { port, pipedTo, ...streams }: { readonly port: number; readonly pipedTo: number },
  { listen: more = [], pipedFrom }: ExchangeOptions,
): readonly Listen[] {
  const keyOf = (at: number): string => new Endpoint(host, at).key;
  const own = Object.entries({ udp: port, tcp: port, ...streams });
  const listen: Listen[] = own.map(([transport, at]) => `${transport}:${keyOf(at)}`);
  for (const place of more) listen.push(`${place}:${port}`);
  if (pipedFrom !== undefined) listen.push({ listen: `tcp:${keyOf(pipedTo)}`, advertise: keyOf(pipedFrom) });
  return listen;
}

function configuration(
  domain: string,
  listen: readonly Listen[],
  folder: string,
  script: string,
  sip: string,
): string {
  return `[sip]
listen = [${listen.map(tomlOf).join(', ')}]
domains = [${JSON.stringify(domain)}]
${sip}

[data]
folder = ${JSON.stringify(join(folder, 'data'))}

[script]
file = ${JSON.stringify(script)}
`;
}

function tomlOf(entry: Listen): string {
  if (typeof entry === 'string') return JSON.stringify(entry);
  return `{ listen = ${JSON.stringify(entry.listen)}, advertise = ${JSON.stringify(entry.advertise)} }`;
}

/** Certificates for the domain and for whatever else it is called; what the settings say of them. */
function writeCertificates(
  folder: string,
  signer: Authority,
  domain: string,
  { alsoNamed, tls = '' }: ExchangeOptions,
): string {
  const issued = [issue(folder, signer, domain, 'chain')];
  if (alsoNamed !== undefined) issued.push(issue(folder, signer, alsoNamed));
  const tables = issued.map(
    ({ certificate, key }) =>
      `{ certificate = ${JSON.stringify(certificate)}, key = ${JSON.stringify(key)} }`,
  );
  return `
[tls]
certificates = [${tables.join(', ')}]
${tls}
`;
}

/** For a name and for loopback. */
function issue(folder: string, signer: Authority, name: string, file = name): IssuedFiles {
  const { chain, key } = signer.issue({ dns: [name, 'localhost'], ips: ['127.0.0.1'] });
  const files = { certificate: join(folder, `${file}.pem`), key: join(folder, `${file}-key.pem`) };
  writeFileSync(files.certificate, chain);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}

/** Records are written soon after, not while, a call ends. */
async function closedRecords(
  command: Exchange['command'],
  callIds: ReadonlySet<string>,
): Promise<readonly CallRecord[]> {
  const giveUpAt = performance.now() + RECORDS_MS;
  for (;;) {
    const text = await command(['calls', 'ls', '--limit', '10000', '--json']);
    const records = (JSON.parse(text) as readonly CallRecord[]).filter(({ callId }) => callIds.has(callId));
    const closed = records.filter(({ endedAt }) => endedAt !== null);
    if (closed.length >= callIds.size || performance.now() > giveUpAt) return records;
    await sleep(LOOK_EVERY_MS);
  }
}

async function runCommand(config: string, words: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [...NODE, ...words, '--config', config], {
    maxBuffer: 64 << 20,
  });
  return stdout;
}
