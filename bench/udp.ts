/**
 * What one datagram, echoed, costs the server: CPU by `schedstat`, batch sockets against `node:dgram`.
 *
 *   node bench/udp.ts [packets a second] [seconds]
 *
 * The datagrams leave one by one, evenly spaced, from 64 calls. This process spins between them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ip4ToInt } from '../src/base/endpoint.ts';
import type { Logger, UdpSocket } from '../src/base/world.ts';
import { type Kernel, loadKernel } from '../src/world/kernel.ts';
import { limits } from '../src/world/limits.ts';
import { nodeWorld } from '../src/world/node-world.ts';
import { ReceiveArena } from '../src/world/receive-arena.ts';
import { Region } from '../src/world/region.ts';
import { SendArena } from '../src/world/send-arena.ts';
import { runTimeNs } from './usage.ts';

interface Variant {
  readonly name: string;
  readonly udp: 'batch' | 'dgram';
  readonly pacing: boolean;
  readonly gso: boolean;
}

const variants: readonly Variant[] = [
  { name: 'batch, paced, GSO', udp: 'batch', pacing: true, gso: true },
  { name: 'batch, paced', udp: 'batch', pacing: true, gso: false },
  { name: 'batch, unpaced', udp: 'batch', pacing: false, gso: false },
  { name: 'dgram', udp: 'dgram', pacing: false, gso: false },
];

const WARM_SECONDS = 1;
const CALLS = 64;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const PAYLOAD = 'OPTIONS sip:127.0.0.1 SIP/2.0\r\n'.padEnd(496, '.');
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The echo server; says its port to the parent, and stops with it. */
async function serve(index: number): Promise<void> {
  const variant = variants[index];
  if (variant === undefined) throw new RangeError(`no variant ${index}`);
  const { name: _, ...options } = variant;
  const world = nodeWorld({ log: silent, ...options });
  let order = 0;
  const socket: UdpSocket = await world.net.udp({ host: '127.0.0.1', port: 0 }, (text, from) => {
    order = (order + 1) % CALLS;
    socket.send(text, from, order);
  });
  process.send?.(socket.local.port);
  process.once('disconnect', () => process.exit());
}

async function compare(rate: number, seconds: number): Promise<void> {
  console.log(`${rate} datagrams a second of ${PAYLOAD.length} bytes, ${seconds} s`);
  const kernel = loadKernel();
  for (const [index, { name }] of variants.entries()) {
    const server = spawn(
      process.execPath,
      [...process.execArgv, fileURLToPath(import.meta.url), '--serve', `${index}`],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const [port] = (await once(server, 'message')) as [number];
    console.log(`${name.padEnd(20)} ${measure(kernel, server, port, rate, seconds)}`);
    server.kill();
    await once(server, 'exit');
  }
}

function measure(kernel: Kernel, server: ChildProcess, port: number, rate: number, seconds: number): string {
  const pid = server.pid ?? 0;
  const blaster = new Blaster(kernel, port);
  blaster.run(rate, WARM_SECONDS);
  const before = runTimeNs(pid);
  const { sent, received, latenciesMs } = blaster.run(rate, seconds);
  const used = (runTimeNs(pid) - before) / 1_000;
  blaster.close();
  const at = (share: number): string =>
    (latenciesMs[Math.floor(latenciesMs.length * share)] ?? NaN).toFixed(3);
  const lost = sent - received;
  const cost = (used / received).toFixed(1);
  return `${cost} µs/packet  p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  lost ${lost} of ${sent}`;
}

/** Sends evenly spaced datagrams without an event loop of its own, and reads what comes back. */
class Blaster {
  private readonly kernel: Kernel;
  private readonly port: number;
  private readonly fd: number;
  private readonly outgoing: SendArena;
  private readonly incoming: ReceiveArena;

  constructor(kernel: Kernel, port: number) {
    this.kernel = kernel;
    this.port = port;
    this.fd = kernel.call.socket(2, 2, 0);
    // The default buffer fills up while this process is off its core: that would look like a server's loss.
    const size = new Region(kernel, 4);
    size.words[0] = limits.receiveBufferBytes;
    kernel.call.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, size.pointer, 4);
    this.outgoing = new SendArena(kernel, this.fd, false, { received: 0, sent: 0, dropped: 0, sends: 0 });
    this.incoming = new ReceiveArena(kernel);
  }

  run(rate: number, seconds: number): { sent: number; received: number; latenciesMs: number[] } {
    const latenciesMs: number[] = [];
    const total = Math.round(rate * seconds);
    const start = performance.now();
    const graceMs = 200;
    const loopback = ip4ToInt('127.0.0.1');
    let sent = 0;
    while (latenciesMs.length < total && performance.now() - start < seconds * 1_000 + graceMs) {
      const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1_000));
      for (; sent < due; sent++) {
        this.outgoing.add(
          `${performance.now().toFixed(3)} ${PAYLOAD}`.slice(0, PAYLOAD.length),
          loopback,
          this.port,
          sent,
        );
        this.outgoing.flush();
      }
      const count = this.incoming.read(this.fd);
      for (let i = 0; i < count; i++)
        latenciesMs.push(performance.now() - Number.parseFloat(this.incoming.text(i)));
    }
    return { sent, received: latenciesMs.length, latenciesMs: latenciesMs.sort((a, b) => a - b) };
  }

  close(): void {
    this.kernel.call.close(this.fd);
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { serve: { type: 'string' } } });
if (values.serve !== undefined) await serve(Number(values.serve));
else await compare(Number(positionals[0] ?? 20_000), Number(positionals[1] ?? 3));
