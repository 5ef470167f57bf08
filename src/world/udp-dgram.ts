import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Endpoint } from '../base/endpoint.ts';
import type { HostPort, UdpReceiver, UdpSocket } from '../base/world.ts';
import { EndpointCache } from './endpoint-cache.ts';
import { limits } from './limits.ts';
import type { UdpCounts } from './udp-counts.ts';

/** Opens a socket of `node:dgram`: works everywhere, IPv6 too. What it costs: `bench/udp.ts`. */
export async function openUdpDgram(
  at: HostPort,
  receive: UdpReceiver,
  counts: UdpCounts,
): Promise<UdpSocket> {
  const isIPv6 = at.host.includes(':');
  const socket = createSocket({
    type: isIPv6 ? 'udp6' : 'udp4',
    ipv6Only: isIPv6,
    recvBufferSize: limits.receiveBufferBytes,
    sendBufferSize: limits.sendBufferBytes,
    // Addresses are numeric here; the default would ask the resolver's thread pool for each datagram.
    lookup: (host, _options, done) => done(null, host, isIPv6 ? 6 : 4),
  });
  const listening = once(socket, 'listening');
  try {
    socket.bind({ address: at.host, port: at.port });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  return new DgramSocket(socket, isIPv6, receive, counts);
}

class DgramSocket implements UdpSocket {
  readonly local: Endpoint;
  private readonly socket: Socket;
  private readonly isIPv6: boolean;
  private readonly counts: UdpCounts;
  private readonly endpoints = new EndpointCache();
  private closed = false;

  constructor(socket: Socket, isIPv6: boolean, receive: UdpReceiver, counts: UdpCounts) {
    const { address, port } = socket.address();
    this.local = new Endpoint(address, port);
    this.socket = socket;
    this.isIPv6 = isIPv6;
    this.counts = counts;
    socket.on('message', (bytes, from) => {
      counts.received++;
      receive(bytes.latin1Slice(0, bytes.length), this.endpoints.ofHost(from.address, from.port));
    });
    // Only failures of a send come here once the socket is bound, and each costs that datagram alone.
    socket.on('error', () => {
      counts.sent--;
      counts.dropped++;
    });
  }

  /** Leaves at once, so `order` is always kept. */
  send(text: string, to: Endpoint): void {
    if (this.closed) return;
    const fits = to.port >= 1 && to.port <= 65_535 && text.length <= limits.datagramBytes;
    const room = this.socket.getSendQueueSize() <= limits.dgramQueueBytes;
    if (!fits || !room || to.isIPv6 !== this.isIPv6) {
      this.counts.dropped++;
      return;
    }
    this.counts.sent++;
    this.counts.sends++;
    this.socket.send(Buffer.from(text, 'latin1'), to.port, to.host);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.close();
  }
}
