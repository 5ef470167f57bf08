/** What every server that is measured has, and how it is known to be ready. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Started } from '../processes.ts';
import type { Scenario } from '../scenarios.ts';

/** A server that can be measured. */
export interface Peer {
  readonly name: string;
  /** What ran, for the record: a version. */
  version(): Promise<string>;
  /** Starts it; everything it writes goes to `folder`. */
  start(scenario: Scenario, port: number, folder: string): Promise<Started>;
}

const READY_MS = 30_000;
const ASK_EVERY_MS = 100;

/** The file a peer's output goes to. */
export function logFile(folder: string): string {
  return `${folder}/server.log`;
}

/** Asks with OPTIONS until an answer comes, whatever the answer is. */
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
