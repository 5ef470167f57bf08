import type { ByteStream, HostPort, Listener, Logger, StreamUser } from '../base/world.ts';
import { Epoll } from './epoll.ts';
import { limits } from './limits.ts';
import { type LookParts, Looks } from './looks.ts';
import { openListener } from './tcp-batch-listener.ts';
import { BatchStream } from './tcp-batch-stream.ts';
import { TcpCalls } from './tcp-calls.ts';

/** What is watched: a connection, or a socket that accepts them. */
export interface Watched {
  /** What epoll tells of it; answers how many messages came by that. */
  ready(events: number): number;
}

/**
 * All TCP connections that are read and written without Node's streams: one call tells which of them have brought
 * something, and what one turn writes to one of them leaves by one call.
 */
export class TcpBatch {
  readonly calls: TcpCalls;
  readonly parts: LookParts;
  readonly log: Logger;
  private readonly watched = new Map<number, Watched>();
  private lastId = 0;
  private epoll: Epoll | undefined = undefined;
  private looks: Looks | undefined = undefined;

  constructor(parts: LookParts, log: Logger) {
    this.parts = parts;
    this.log = log;
    this.calls = new TcpCalls(parts.kernel);
  }

  /** Throws with a Node-style `code`. */
  listen(at: HostPort, accept: (stream: ByteStream) => StreamUser): Listener {
    return openListener(this, at, accept);
  }

  /** Connects to a literal address; what is written meanwhile waits. */
  connect(to: HostPort, user: StreamUser): ByteStream {
    return BatchStream.connect(this, to, user);
  }

  /** From now on `one` is told of these events; answers the number it is known by. */
  watch(fd: number, one: Watched, events: number): number {
    const epoll = this.opened();
    do this.lastId = (this.lastId + 1) & 0x7fffffff;
    while (this.watched.has(this.lastId));
    epoll.add(fd, this.lastId, events);
    this.watched.set(this.lastId, one);
    return this.lastId;
  }

  rewatch(fd: number, id: number, events: number): void {
    this.epoll?.change(fd, id, events);
  }

  /** To be told before the descriptor is closed. */
  unwatch(id: number): void {
    if (this.watched.delete(id) && this.watched.size === 0) this.close();
  }

  private opened(): Epoll {
    if (this.epoll === undefined) {
      this.epoll = new Epoll(this.parts.kernel);
      this.looks = new Looks(this.parts, this.epoll.fd, this.look);
    }
    return this.epoll;
  }

  /** Nothing keeps the process alive when nothing is watched. */
  private close(): void {
    this.looks?.close();
    this.epoll?.close();
    this.epoll = this.looks = undefined;
  }

  private readonly look = (): number => {
    const { epoll } = this;
    if (epoll === undefined) return 0;
    const count = epoll.wait();
    let messages = 0;
    this.parts.clock.standStill();
    for (let i = 0; i < count; i++) messages += this.tell(epoll.id(i), epoll.events(i));
    this.parts.clock.goOn();
    if (count === limits.readyBatch) this.looks?.again();
    return messages;
  };

  private tell(id: number, events: number): number {
    try {
      return this.watched.get(id)?.ready(events) ?? 0; // One that was closed by another of this look is not there.
    } catch (error) {
      // What the others brought is ours already; the process hears of the mistake too.
      queueMicrotask(() => {
        throw error;
      });
      return 0;
    }
  }
}
