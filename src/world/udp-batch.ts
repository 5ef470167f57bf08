import type { Endpoint } from '../base/endpoint.ts';
import type { HostPort, UdpReceiver, UdpSocket } from '../base/world.ts';
import { type Kernel, systemError } from './kernel.ts';
import { limits } from './limits.ts';
import { type LookParts, Looks } from './looks.ts';
import { ReceiveArena } from './receive-arena.ts';
import { Region } from './region.ts';
import { SendArena } from './send-arena.ts';
import { AF_INET, SocketAddress } from './socket-address.ts';
import type { UdpCounts } from './udp-counts.ts';

/** What the batch sockets of one World share. */
export interface BatchParts extends LookParts {
  readonly counts: UdpCounts;
  /** Let the kernel cut groups of equal datagrams to one peer. */
  readonly gso: boolean;
}

/** Opens an IPv4 socket that reads and sends in batches. Throws with a Node-style `code`. */
export function openUdpBatch(at: HostPort, receive: UdpReceiver, parts: BatchParts): UdpSocket {
  const fd = openSocket(parts.kernel);
  try {
    const local = bindSocket(parts.kernel, fd, at);
    return new BatchSocket(fd, local, receive, parts);
  } catch (error) {
    parts.kernel.call.close(fd);
    throw error;
  }
}

class BatchSocket implements UdpSocket {
  readonly local: Endpoint;
  private readonly fd: number;
  private readonly receive: UdpReceiver;
  private readonly parts: BatchParts;
  private readonly incoming: ReceiveArena;
  private readonly outgoing: SendArena;
  private readonly looks: Looks;
  private flushPending = false;
  private closed = false;

  constructor(fd: number, local: Endpoint, receive: UdpReceiver, parts: BatchParts) {
    this.fd = fd;
    this.local = local;
    this.receive = receive;
    this.parts = parts;
    this.incoming = new ReceiveArena(parts.kernel);
    this.outgoing = new SendArena(parts.kernel, fd, parts.gso, parts.counts);
    this.looks = new Looks(parts, fd, this.read);
  }

  send(text: string, to: Endpoint, order: number): void {
    if (this.closed) return;
    if (to.ip4 === 0 || to.port < 1 || to.port > 65_535 || text.length > limits.datagramBytes) {
      this.parts.counts.dropped++;
      return;
    }
    if (!this.flushPending) {
      this.flushPending = true;
      this.parts.soon.addLast(this.flush);
    }
    this.outgoing.add(text, to.ip4, to.port, order);
  }

  /** Sends what is queued first: it was asked for before. */
  close(): void {
    if (this.closed) return;
    this.outgoing.flush();
    this.closed = true;
    this.looks.close();
    this.parts.kernel.call.close(this.fd);
  }

  private readonly flush = (): void => {
    this.flushPending = false;
    if (!this.closed) this.outgoing.flush();
  };

  private readonly read = (): number => {
    let packets = 0;
    let count = 0;
    for (let batches = 0; batches < limits.batchesPerTurn; batches++) {
      count = this.incoming.read(this.fd);
      packets += count;
      this.deliver(count);
      if (this.closed) return packets;
      if (count < limits.receiveBatch) break;
    }
    this.parts.counts.received += packets;
    // After a full batch more is waiting: to sleep now would lose it.
    if (count === limits.receiveBatch) this.looks.again();
    return packets;
  };

  private deliver(count: number): void {
    this.parts.clock.standStill();
    for (let i = 0; i < count && !this.closed; i++) {
      try {
        this.receive(this.incoming.text(i), this.incoming.from(i));
      } catch (error) {
        // The rest of the batch is delivered, for it is ours already; the process hears of the mistake too.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.parts.clock.goOn();
  }
}

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;

function openSocket(kernel: Kernel): number {
  const fd = kernel.call.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(kernel.errno, 'socket', 'udp4');
  setSize(kernel, fd, SO_SNDBUF, limits.sendBufferBytes);
  // To go beyond net.core.rmem_max is for root and CAP_NET_ADMIN.
  if (!setSize(kernel, fd, SO_RCVBUFFORCE, limits.receiveBufferBytes))
    setSize(kernel, fd, SO_RCVBUF, limits.receiveBufferBytes);
  return fd;
}

function setSize(kernel: Kernel, fd: number, option: number, bytes: number): boolean {
  const size = new Region(kernel, 4);
  size.words[0] = bytes;
  return kernel.call.setsockopt(fd, SOL_SOCKET, option, size.pointer, 4) === 0;
}

function bindSocket(kernel: Kernel, fd: number, at: HostPort): Endpoint {
  const address = new SocketAddress(kernel);
  if (kernel.call.bind(fd, address.pointer, address.write(at)) !== 0)
    throw systemError(kernel.errno, 'bind', `${at.host}:${at.port}`);
  kernel.call.getsockname(fd, address.pointer, address.lengthPointer);
  return address.read();
}
