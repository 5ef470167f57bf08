/**
 * Any server, by its command. It finds BENCH_SCENARIO, BENCH_PORT, BENCH_TLS_PORT, BENCH_PEM and BENCH_FOLDER in its
 * environment, must answer OPTIONS on 127.0.0.1:BENCH_PORT within 30 s, stay in the foreground and end on SIGTERM.
 */
import { SERVER_CORE, start } from '../processes.ts';
import { logFile, type Peer, waitUntilReady } from './peer.ts';

/** A peer out of a shell command. */
export function command(line: string): Peer {
  return {
    name: 'server',
    version: async () => line,
    start: async (scenario, { ports, folder, pem }) => {
      const environment = {
        BENCH_SCENARIO: scenario.name,
        BENCH_PORT: String(ports.server),
        BENCH_TLS_PORT: String(ports.serverTls),
        BENCH_PEM: pem,
        BENCH_FOLDER: folder,
      };
      const output = logFile(folder);
      const server = start('bash', ['-c', `exec ${line}`], {
        core: SERVER_CORE,
        folder,
        output,
        environment,
      });
      await waitUntilReady(server, ports.server, folder);
      return server;
    },
  };
}
