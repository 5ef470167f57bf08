import { type Kernel, systemError, UV_POLL } from './kernel.ts';

const UV_READABLE = 1;

/**
 * A uv_poll_t: libuv's own loop watches a socket of ours and calls back in its poll phase.
 * `readable` runs outside Node's bookkeeping (no microtasks, no throwing): it may only set an immediate.
 */
export class ReadPoll {
  private readonly kernel: Kernel;
  private readonly handle: bigint;
  private readonly callback: bigint;
  private polling = false;
  private closing = false;

  constructor(kernel: Kernel, fd: number, readable: () => void) {
    this.kernel = kernel;
    this.handle = kernel.call.calloc(1n, kernel.call.uv_handle_size(UV_POLL));
    const failed = kernel.call.uv_poll_init(kernel.loop, this.handle, fd);
    if (failed !== 0) {
      kernel.call.free(this.handle);
      throw systemError(-failed, 'uv_poll_init', `fd ${fd}`);
    }
    this.callback = kernel.onPoll((status) => {
      // libuv stops a poll by itself when it reports an error.
      if (status < 0) this.polling = false;
      readable();
    });
    // While the environment is torn down the loop may turn once more, and JavaScript must not be called then.
    kernel.stopAtExit(this.stop);
  }

  start(): void {
    if (this.polling || this.closing) return;
    this.polling = true;
    this.kernel.call.uv_poll_start(this.handle, UV_READABLE, this.callback);
  }

  readonly stop = (): void => {
    this.polling = false;
    this.kernel.call.uv_poll_stop(this.handle);
  };

  /** The socket may be closed as soon as this returns; libuv gives the memory back a turn later. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.stop();
    this.kernel.dontStopAtExit(this.stop);
    const closed = this.kernel.onClose(() => setImmediate(() => this.free(closed)));
    this.kernel.call.uv_close(this.handle, closed);
  }

  private free(closed: bigint): void {
    this.kernel.forget(closed);
    this.kernel.forget(this.callback);
    this.kernel.call.free(this.handle);
  }
}
