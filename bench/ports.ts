/** Where servers, callers and callees listen. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** All on 127.0.0.1. */
export interface Ports {
  readonly server: number;
  readonly serverTls: number;
  readonly caller: number;
  readonly callee: number;
  /** SIPp's control ports, as caller and as callee; it opens them on UDP. */
  readonly callerControl: number;
  readonly calleeControl: number;
}

/** Below the ports that the kernel gives to whoever asks for any. */
const FIRST = 15_000;
const LAST = 30_000;
const APART = 10;

/** Six ports a server that nobody has, for UDP and for TCP: several benches may run on one machine. */
export async function findPorts(servers: number): Promise<readonly Ports[]> {
  const start = FIRST + (process.pid % 1000) * APART;
  const found: Ports[] = [];
  for (let first = start; first < LAST && found.length < servers; first += APART) {
    const [server, serverTls, caller, callee, callerControl, calleeControl] = [0, 1, 2, 3, 4, 5].map(
      (place) => first + place,
    ) as [number, number, number, number, number, number]; // As many as places.
    const ports = { server, serverTls, caller, callee, callerControl, calleeControl };
    if (await areFree(Object.values(ports))) found.push(ports);
  }
  if (found.length === servers) return found;
  throw new Error(`no six free ports in a row between ${start} and ${LAST}`);
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) {
    if (!(await isFreeForUdp(port)) || !(await isFreeForTcp(port))) return false;
  }
  return true;
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false; // Taken.
  } finally {
    socket.close();
  }
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false; // Taken.
  } finally {
    server.close();
  }
}
