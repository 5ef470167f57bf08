/** A phone's socket: UDP on one port, or TCP connections that are made when needed and taken on that port. */
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, StreamUser, World } from '../base/world.ts';
import { Frames } from './frames.ts';

/** What a phone speaks. */
export type PhoneTransport = 'udp' | 'tcp';

/** One peer, as the wire reaches it. */
export interface Way {
  readonly remote: Endpoint;
  readonly reliable: boolean;
  send(text: string): void;
}

/** Told of each whole message, and how to reach who sent it. */
export type WireReceiver = (text: string, way: Way) => void;

/** An open socket of a phone. */
export interface Wire {
  /** As it stands in Via: `UDP`. */
  readonly name: 'UDP' | 'TCP';
  readonly local: Endpoint;
  wayTo(to: Endpoint): Way;
  close(): void;
}

/** Binds the port; rejects when it is taken. */
export function openWire(
  world: World,
  transport: PhoneTransport,
  at: HostPort,
  receive: WireReceiver,
): Promise<Wire> {
  return transport === 'udp' ? openUdp(world, at, receive) : openTcp(world, at, receive);
}

async function openUdp(world: World, at: HostPort, receive: WireReceiver): Promise<Wire> {
  const socket = await world.net.udp(at, (text, from) => receive(text, wayTo(from)));
  const wayTo = (remote: Endpoint): Way => ({
    remote,
    reliable: false,
    send: (text) => socket.send(text, remote, 0),
  });
  return { name: 'UDP', local: socket.local, wayTo, close: () => socket.close() };
}

async function openTcp(world: World, at: HostPort, receive: WireReceiver): Promise<Wire> {
  const streams = new Map<string, ByteStream>();
  const userOf = (remote: Endpoint): StreamUser => {
    const frames = new Frames();
    return {
      data(chunk) {
        for (const text of frames.push(chunk)) receive(text, wayTo(remote));
      },
      closed() {
        streams.delete(remote.key);
      },
    };
  };
  const streamTo = (remote: Endpoint): ByteStream => {
    const open = streams.get(remote.key) ?? world.net.connect(remote, userOf(remote));
    streams.set(remote.key, open);
    return open;
  };
  const wayTo = (remote: Endpoint): Way => ({
    remote,
    reliable: true,
    send: (text) => void streamTo(remote).write(text),
  });
  const listener = await world.net.listen(at, (stream) => {
    streams.set(stream.remote.key, stream);
    return userOf(stream.remote);
  });
  const close = (): void => {
    listener.close();
    for (const stream of streams.values()) stream.destroy();
  };
  return { name: 'TCP', local: listener.local, wayTo, close };
}
