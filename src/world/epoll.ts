import { type Kernel, systemError } from './kernel.ts';
import { limits } from './limits.ts';
import { Region } from './region.ts';

/** What a descriptor is watched for, and what is told of it. */
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
/** epoll_event: events 4 ┊ id 4 ┊ 4. On x64 it is packed, elsewhere the id begins at the eighth byte. */
const [EVENT_WORDS, ID_WORD] = process.arch === 'x64' ? ([3, 1] as const) : ([4, 2] as const);

/** Which of many descriptors are ready, by one call. */
export class Epoll {
  readonly fd: number;
  private readonly kernel: Kernel;
  private readonly ready: Region;
  private readonly wish: Region;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.ready = new Region(kernel, limits.readyBatch * EVENT_WORDS * 4);
    this.wish = new Region(kernel, EVENT_WORDS * 4);
    this.fd = kernel.call.epoll_create1(EPOLL_CLOEXEC);
    if (this.fd < 0) throw systemError(kernel.errno, 'epoll_create1', '');
  }

  /** `id` is told with what happens. A descriptor that is closed is forgotten. */
  add(fd: number, id: number, events: number): void {
    this.control(EPOLL_CTL_ADD, fd, id, events);
  }

  change(fd: number, id: number, events: number): void {
    this.control(EPOLL_CTL_MOD, fd, id, events);
  }

  /** How many are ready, `limits.readyBatch` at most; none is waited for. */
  wait(): number {
    return Math.max(0, this.kernel.call.epoll_wait(this.fd, this.ready.pointer, limits.readyBatch, 0));
  }

  id(i: number): number {
    return this.ready.words[i * EVENT_WORDS + ID_WORD]!;
  }

  events(i: number): number {
    return this.ready.words[i * EVENT_WORDS]!;
  }

  close(): void {
    this.kernel.call.close(this.fd);
  }

  private control(operation: number, fd: number, id: number, events: number): void {
    this.wish.words[0] = events;
    this.wish.words[ID_WORD] = id;
    if (this.kernel.call.epoll_ctl(this.fd, operation, fd, this.wish.pointer) !== 0)
      throw systemError(this.kernel.errno, 'epoll_ctl', `fd ${fd}`);
  }
}
