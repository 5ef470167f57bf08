/** What every server that is measured has, and how it is known to be ready. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ports } from '../ports.ts';
import type { Started } from '../processes.ts';
import type { Scenario } from '../scenarios.ts';
import { runTimeNs } from '../usage.ts';

/** Where an instance lives. */
export interface Place {
  readonly ports: Ports;
  /** Everything it writes goes there. */
  readonly folder: string;
  /** The certificate of all sides, its key, and the authority that signed it. */
  readonly pem: string;
}

/** A server that can be measured. */
export interface Peer {
  readonly name: string;
  /** What ran, for the record: a version. */
  version(): Promise<string>;
  start(scenario: Scenario, place: Place): Promise<Started>;
}

const READY_MS = 30_000;
const ASK_EVERY_MS = 100;
/** Ours practises for some seconds at its start: measured meanwhile, the practice would count as the load's. */
const IDLE_CORES_MAX = 0.03;
const IDLE_LOOK_MS = 250;
const IDLE_PATIENCE_MS = 60_000;

/** The file a peer's output goes to. */
export function logFile(folder: string): string {
  return `${folder}/server.log`;
}

/** Asks with OPTIONS until an answer comes, whatever it is, and waits until the server has nothing more to do. */
export async function waitUntilReady(server: Started, port: number, folder: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let ready = false;
  socket.on('message', () => {
    ready = true;
  });
  const giveUpAt = performance.now() + READY_MS;
  for (let asked = 0; !ready && server.running() && performance.now() < giveUpAt; asked++) {
    socket.send(optionsRequest(socket.address().port, asked), port, '127.0.0.1');
    await sleep(ASK_EVERY_MS);
  }
  socket.close();
  if (!ready)
    throw new Error(`no answer on port ${port}; the server said:\n${readFileSync(logFile(folder), 'utf8')}`);
  await untilIdle(server.pid);
}

async function untilIdle(pid: number): Promise<void> {
  const giveUpAt = performance.now() + IDLE_PATIENCE_MS;
  for (let cores = 1; cores > IDLE_CORES_MAX && performance.now() < giveUpAt;) {
    const before = runTimeNs(pid);
    const startedAt = performance.now();
    await sleep(IDLE_LOOK_MS);
    cores = (runTimeNs(pid) - before) / 1e6 / (performance.now() - startedAt);
  }
}

function optionsRequest(port: number, asked: number): string {
  return [
    'OPTIONS sip:bench.local SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKready${asked}`,
    'Max-Forwards: 70',
    'From: <sip:ready@bench.local>;tag=ready',
    'To: <sip:bench.local>',
    `Call-ID: ready${asked}@127.0.0.1`,
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
