import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, Listener, Millis, StreamUser, Timer } from '../base/world.ts';
import { EPOLLIN } from './epoll.ts';
import { errno, systemError } from './kernel.ts';
import { limits } from './limits.ts';
import type { TcpBatch, Watched } from './tcp-batch.ts';
import { BatchStream } from './tcp-batch-stream.ts';

type Accept = (stream: ByteStream) => StreamUser;

/** The machine or the process has no room for one more; the one that knocks goes on knocking. */
const noRoom: readonly number[] = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS];

/** Opens a socket that accepts connections. Throws with a Node-style `code`. */
export function openListener(batch: TcpBatch, at: HostPort, accept: Accept): Listener {
  return new BatchListener(batch, batch.calls.listen(at), accept);
}

class BatchListener implements Listener, Watched {
  readonly local: Endpoint;
  private readonly batch: TcpBatch;
  private readonly fd: number;
  private readonly accept: Accept;
  private readonly id: number;
  private rest: Timer | undefined = undefined;
  private complainedAt: Millis = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(batch: TcpBatch, fd: number, accept: Accept) {
    this.batch = batch;
    this.fd = fd;
    this.accept = accept;
    this.local = batch.calls.local(fd);
    this.id = batch.watch(fd, this, EPOLLIN);
  }

  renew(): void {}

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rest?.cancel();
    this.batch.unwatch(this.id);
    this.batch.calls.close(this.fd);
  }

  ready(): number {
    const { calls } = this.batch;
    for (let count = 0; count < limits.acceptBatch && !this.closed; count++) {
      const fd = calls.accept(this.fd);
      if (fd >= 0) BatchStream.accept(this.batch, fd, calls.accepted(), this.accept);
      else if (fd === -errno.EAGAIN) return count;
      else if (noRoom.includes(-fd)) {
        this.takeRest(-fd);
        return count;
      } // Any other was gone before we looked.
    }
    return limits.acceptBatch;
  }

  private takeRest(reason: number): void {
    this.complain(reason);
    this.batch.rewatch(this.fd, this.id, 0);
    this.rest = this.batch.parts.clock.after(limits.acceptRestMs, () =>
      this.batch.rewatch(this.fd, this.id, EPOLLIN),
    );
  }

  private complain(reason: number): void {
    const now = this.batch.parts.clock.now();
    if (now - this.complainedAt < limits.acceptComplaintMs) return;
    this.complainedAt = now;
    const { message } = systemError(reason, 'accept', this.local.key);
    this.batch.log.warn('a connection could not be accepted', { reason: message });
  }
}
