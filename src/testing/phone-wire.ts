/**
 * A phone's socket: UDP on one port; TCP connections that are made when needed and taken on that port; TLS and
 * WebSocket connections that are made only, and bring what comes in as well.
 */
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, StreamKind, StreamUser, World } from '../base/world.ts';
import { Frames } from './frames.ts';

/** What a phone speaks. */
export type PhoneTransport = 'udp' | StreamKind;

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
  readonly name: string;
  /** As it stands in Contact; '' for UDP. RFC 7118 §5 has one name for both kinds of WebSocket. */
  readonly uriTransport: '' | 'tcp' | 'tls' | 'ws';
  /** Where it is, as it says itself; a browser does not know, and makes up a name. RFC 7118 §5 */
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
  if (transport === 'udp') return openUdp(world, at, receive);
  return openStreams(world, transport, at, receive);
}

async function openUdp(world: World, at: HostPort, receive: WireReceiver): Promise<Wire> {
  const socket = await world.net.udp(at, (text, from) => receive(text, wayTo(from)));
  const wayTo = (remote: Endpoint): Way => ({
    remote,
    reliable: false,
    send: (text) => socket.send(text, remote, 0),
  });
  return { name: 'UDP', uriTransport: '', local: socket.local, wayTo, close: () => socket.close() };
}

async function openStreams(
  world: World,
  kind: StreamKind,
  at: HostPort,
  receive: WireReceiver,
): Promise<Wire> {
  const whole = kind === 'ws' || kind === 'wss';
  const streams = new Map<string, ByteStream>();
  const userOf = (remote: Endpoint): StreamUser => {
    const frames = new Frames();
    return {
      data(chunk) {
        for (const text of whole ? [chunk] : frames.push(chunk)) receive(text, wayTo(remote));
      },
      closed() {
        streams.delete(remote.key);
      },
    };
  };
  const streamTo = (remote: Endpoint): ByteStream => {
    const open = streams.get(remote.key) ?? world.net.connect(remote, userOf(remote), { kind });
    streams.set(remote.key, open);
    return open;
  };
  const wayTo = (remote: Endpoint): Way => ({
    remote,
    reliable: true,
    send: (text) => void streamTo(remote).write(text),
  });
  const taken = (stream: ByteStream): StreamUser => {
    streams.set(stream.remote.key, stream);
    return userOf(stream.remote);
  };
  const listener = kind === 'tcp' ? await world.net.listen(at, taken) : undefined;
  const close = (): void => {
    listener?.close();
    for (const stream of streams.values()) stream.destroy();
  };
  const nowhere = (): Endpoint => new Endpoint(`${world.random.token(60)}.invalid`, at.port);
  const local = listener?.local ?? (whole ? nowhere() : new Endpoint(at.host, at.port));
  return { name: kind.toUpperCase(), uriTransport: whole ? 'ws' : kind, local, wayTo, close };
}
