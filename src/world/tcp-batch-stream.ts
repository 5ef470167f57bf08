import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, HostPort, StreamUser, Timer } from '../base/world.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from './epoll.ts';
import { errno, systemError } from './kernel.ts';
import { limits } from './limits.ts';
import type { TcpBatch, Watched } from './tcp-batch.ts';

const NO_FD = -1;
const unknownLocal = new Endpoint('0.0.0.0', 0);
/** Nothing to do now, and no harm done. */
const again: readonly number[] = [-errno.EAGAIN, -errno.EINTR];

/**
 * One TCP connection of {@link TcpBatch}.
 *
 *   connecting ──writable──▶ open ──end()──▶ ending ──all has left──▶ closed
 *        │                    │                 │ streamEndMs
 *        │                    ├──the peer ends──┘
 *        └────────────────────┴── it breaks, destroy() ───────────────▶ closed
 */
export class BatchStream implements ByteStream, Watched {
  readonly remote: Endpoint;
  readonly peerNames: readonly string[] = [];
  local = unknownLocal;
  private readonly batch: TcpBatch;
  private fd = NO_FD;
  private id = 0;
  private user: StreamUser | undefined = undefined;
  private connecting = false;
  private ended = false;
  private endedByPeer = false;
  /** What waits to be sent, and how much that is. */
  private texts: string[] = [];
  private waitingBytes = 0;
  private flushPending = false;
  /** The kernel took no more; it says when it does. */
  private full = false;
  private grace: Timer | undefined = undefined;
  private told = false;

  private constructor(batch: TcpBatch, remote: Endpoint) {
    this.batch = batch;
    this.remote = remote;
  }

  static accept(batch: TcpBatch, fd: number, remote: Endpoint, accept: (it: ByteStream) => StreamUser): void {
    const stream = new BatchStream(batch, remote);
    stream.fd = fd;
    stream.local = batch.calls.local(fd);
    try {
      stream.id = batch.watch(fd, stream, EPOLLIN);
    } catch (error) {
      batch.calls.close(fd); // The kernel watches no more of them.
      throw error;
    }
    stream.user = accept(stream);
    if (!stream.ended) stream.user.opened?.();
  }

  static connect(batch: TcpBatch, to: HostPort, user: StreamUser): BatchStream {
    const stream = new BatchStream(batch, new Endpoint(to.host, to.port));
    stream.user = user;
    stream.connecting = true;
    try {
      stream.fd = batch.calls.connect(to);
      stream.id = batch.watch(stream.fd, stream, EPOLLOUT);
    } catch (error) {
      stream.close('error', error instanceof Error ? error.message : String(error));
    }
    return stream;
  }

  /** A text that is refused is not queued, so no message is ever cut. */
  write(text: string): boolean {
    if (this.ended || this.fd === NO_FD || this.waitingBytes > limits.streamQueueBytes) return false;
    this.texts.push(text);
    this.waitingBytes += text.length;
    if (!this.flushPending) {
      this.flushPending = true;
      this.batch.parts.soon.addLast(this.flush);
    }
    return true;
  }

  end(): void {
    if (this.ended || this.fd === NO_FD) return;
    this.ended = true;
    this.limitEnding();
    this.flush();
  }

  destroy(): void {
    this.ended = true;
    this.close('local', '');
  }

  ready(events: number): number {
    if (this.connecting) this.finishConnecting(events);
    else if ((events & EPOLLOUT) !== 0) this.goOnSending();
    return (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) === 0 || this.fd === NO_FD ? 0 : this.read();
  }

  private finishConnecting(events: number): void {
    const { calls } = this.batch;
    const failure = calls.failure(this.fd);
    if (failure !== 0) {
      this.close('error', systemError(failure, 'connect', this.remote.key).message);
    } else if ((events & EPOLLOUT) !== 0) {
      this.connecting = false;
      this.local = calls.local(this.fd);
      this.rewatch();
      if (!this.ended) this.user?.opened?.();
      this.flush();
    }
  }

  private goOnSending(): void {
    this.full = false;
    this.rewatch();
    this.flush();
  }

  /** Once a look: what is left is told of again, and others have their turn. */
  private read(): number {
    const { calls } = this.batch;
    const count = calls.read(this.fd);
    if (count > 0) {
      if (!this.ended) this.user?.data(calls.text(count));
      return Math.ceil(count / limits.streamMessageBytes);
    }
    if (count === 0) this.endByPeer();
    else if (!again.includes(count)) this.close('error', systemError(-count, 'read', '').message);
    return 0;
  }

  /** What waits is for a peer that may have closed one direction alone; to be told again says it was both. */
  private endByPeer(): void {
    if (this.endedByPeer) return this.closeEnded();
    this.endedByPeer = true;
    this.flush();
    if (this.fd === NO_FD) return;
    this.limitEnding();
    this.rewatch();
  }

  private limitEnding(): void {
    this.grace ??= this.batch.parts.clock.after(limits.streamEndMs, () => this.destroy());
  }

  private readonly flush = (): void => {
    this.flushPending = false;
    if (this.connecting || this.full || this.fd === NO_FD) return;
    this.send();
    if ((this.ended || this.endedByPeer) && this.waitingBytes === 0) this.closeEnded();
  };

  private send(): void {
    while (this.waitingBytes > 0 && this.fd !== NO_FD) {
      const bytes = this.gather();
      const sent = this.batch.calls.send(this.fd, bytes);
      if (sent > 0) this.drop(sent);
      if (sent === bytes || sent === -errno.EINTR) continue;
      if (sent >= 0 || sent === -errno.EAGAIN) this.waitForRoom();
      else this.close('error', systemError(-sent, 'write', '').message);
      return;
    }
  }

  /** Puts the front of the queue where the kernel sends from. */
  private gather(): number {
    const { calls } = this.batch;
    let bytes = 0;
    for (const text of this.texts) {
      const put = calls.put(text, bytes);
      bytes += put;
      if (put < text.length) break;
    }
    return bytes;
  }

  /** These have left. */
  private drop(bytes: number): void {
    this.waitingBytes -= bytes;
    let gone = 0;
    let left = bytes;
    while (gone < this.texts.length && left >= this.texts[gone]!.length) left -= this.texts[gone++]!.length;
    if (gone === this.texts.length) this.texts.length = 0;
    else {
      this.texts.splice(0, gone);
      this.texts[0] = this.texts[0]!.substring(left);
    }
  }

  private waitForRoom(): void {
    this.full = true;
    this.rewatch();
  }

  /** What comes, until the peer has ended; and room, where there was none. */
  private rewatch(): void {
    const events = (this.endedByPeer ? 0 : EPOLLIN) | (this.full ? EPOLLOUT : 0);
    this.batch.rewatch(this.fd, this.id, events);
  }

  private closeEnded(): void {
    this.close(this.ended ? 'local' : 'end', '');
  }

  /** Once; the user hears of it in a turn of its own. */
  private close(why: 'local' | 'end' | 'error', detail: string): void {
    const { batch, fd } = this;
    if (this.told) return;
    this.told = true;
    this.fd = NO_FD;
    this.grace?.cancel();
    if (fd !== NO_FD) {
      batch.unwatch(this.id);
      if (this.waitingBytes === 0) batch.calls.shutdown(fd);
      batch.calls.close(fd);
    }
    this.texts = [];
    batch.parts.soon.add(() => this.user?.closed(why, detail));
  }
}
