/** Stands between a writer and its server, and cuts the connection when it is told to. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** How long the server has to carry out what was passed on before the cut. */
const CARRY_OUT_MS = 100;

/** A proxy on loopback. */
export interface CuttingProxy {
  readonly port: number;
  /** So many times from now on a commit is passed on, and its answer is not. */
  loseCommitAnswers(times: number): void;
  /** Commits whose answer was lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

/** Passes everything on to this port, until told otherwise. */
export async function startCuttingProxy(to: number): Promise<CuttingProxy> {
  let left = 0;
  let lost = 0;
  const open = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    let isSilent = false;
    for (const socket of [client, server]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    server.on('data', (bytes) => void (isSilent || client.write(bytes)));
    client.on('data', (bytes) => {
      if (left > 0 && bytes.includes('commit')) {
        left--;
        lost++;
        isSilent = true;
        setTimeout(() => client.destroy(), CARRY_OUT_MS);
      }
      server.write(bytes);
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    loseCommitAnswers: (times) => (left = times),
    get lost() {
      return lost;
    },
    async close() {
      for (const socket of open) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
