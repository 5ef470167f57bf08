/** The sockets that questions to name servers go by. */
import { createSocket } from 'node:dgram';
import type { HostPort } from '../base/world.ts';
import type { DatagramPath, DnsSockets } from './dns-question.ts';
import { connectTcp } from './tcp.ts';

/** The real ones. */
export const nodeDnsSockets: DnsSockets = { datagram, connect: (to, user) => connectTcp(to, user) };

/**
 * A socket for one question: the system gives it a port by chance, which whoever forges an answer must guess
 * (RFC 5452 §9.2), and as it is connected, nobody else's datagram gets in, and a port that nobody has open is told.
 */
function datagram(to: HostPort, receive: (bytes: Uint8Array) => void, failed: () => void): DatagramPath {
  const isIPv6 = to.host.includes(':');
  const socket = createSocket({
    type: isIPv6 ? 'udp6' : 'udp4',
    lookup: (host, _options, done) => done(null, host, isIPv6 ? 6 : 4),
  });
  let open = true;
  const fail = (): void => {
    if (open) failed();
  };
  socket.on('error', fail);
  socket.on('message', (bytes) => {
    if (open) receive(bytes);
  });
  return {
    send: (bytes) => {
      socket.connect(to.port, to.host, () => {
        if (open) socket.send(bytes, (error) => error !== null && fail());
      });
    },
    close: () => {
      if (!open) return;
      open = false;
      socket.close();
    },
  };
}
