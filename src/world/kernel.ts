/**
 * The calls of libc and libuv that `node:dgram` and `node:net` do not make for us, or not for many at once, through
 * `node:ffi`.
 * Structures are laid out by hand for 64-bit little-endian Linux; anything else is refused by the probe.
 */
import type * as Ffi from 'node:ffi';
import { getSystemErrorName } from 'node:util';

const signatures = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
  listen: { arguments: ['i32', 'i32'], return: 'i32' },
  accept4: { arguments: ['i32', 'pointer', 'pointer', 'i32'], return: 'i32' },
  connect: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
  shutdown: { arguments: ['i32', 'i32'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'i32'], return: 'i32' },
  getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
  getsockname: { arguments: ['i32', 'pointer', 'pointer'], return: 'i32' },
  recv: { arguments: ['i32', 'pointer', 'u64', 'i32'], return: 'i32' },
  sendmsg: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
  recvmmsg: { arguments: ['i32', 'pointer', 'u32', 'i32', 'pointer'], return: 'i32' },
  sendmmsg: { arguments: ['i32', 'pointer', 'u32', 'i32'], return: 'i32' },
  epoll_create1: { arguments: ['i32'], return: 'i32' },
  epoll_ctl: { arguments: ['i32', 'i32', 'i32', 'pointer'], return: 'i32' },
  epoll_wait: { arguments: ['i32', 'pointer', 'i32', 'i32'], return: 'i32' },
  if_indextoname: { arguments: ['u32', 'pointer'], return: 'pointer' },
  timerfd_create: { arguments: ['i32', 'i32'], return: 'i32' },
  timerfd_settime: { arguments: ['i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
  poll: { arguments: ['pointer', 'u64', 'i32'], return: 'i32' },
  close: { arguments: ['i32'], return: 'i32' },
  calloc: { arguments: ['u64', 'u64'], return: 'pointer' },
  free: { arguments: ['pointer'], return: 'void' },
  __errno_location: { arguments: [], return: 'pointer' },
  uv_handle_size: { arguments: ['i32'], return: 'u64' },
  uv_handle_type_name: { arguments: ['i32'], return: 'pointer' },
  uv_poll_init: { arguments: ['pointer', 'pointer', 'i32'], return: 'i32' },
  uv_poll_start: { arguments: ['pointer', 'i32', 'pointer'], return: 'i32' },
  uv_poll_stop: { arguments: ['pointer'], return: 'i32' },
  uv_close: { arguments: ['pointer', 'pointer'], return: 'void' },
} as const;

/** Numbers of the Linux ABI, the same on x64 and arm64. */
export const errno = {
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
  EINPROGRESS: 115,
} as const;

/** Its place in the table of handle types of libuv; the probe asks libuv for its name. */
export const UV_POLL = 8;

type Calls = Ffi.WrappedFunctionsFromDefinitions<typeof signatures>;

/** One binding to the process's own libc and libuv. */
export class Kernel {
  readonly call: Calls;
  /** The event loop of the thread that made this object. */
  readonly loop: bigint;
  private readonly ffi: typeof Ffi;
  private readonly library: Ffi.DynamicLibrary;
  private readonly errnoWord: Int32Array;
  private readonly stops = new Set<() => void>();

  constructor(ffi: typeof Ffi) {
    this.ffi = ffi;
    this.library = new ffi.DynamicLibrary(null);
    this.call = this.library.getFunctions(signatures);
    this.loop = ffi.getCurrentEventLoop();
    // Read in place: a call to fetch it could change it.
    this.errnoWord = new Int32Array(ffi.toArrayBuffer(this.call.__errno_location(), 4, false));
  }

  /** Of the call that failed last. */
  get errno(): number {
    return this.errnoWord[0]!;
  }

  /** Valid for as long as the buffer is referenced; the caller sees to that. */
  addressOf(buffer: ArrayBuffer): bigint {
    return this.ffi.getRawPointer(buffer);
  }

  onPoll(run: (status: number) => void): bigint {
    const signature = { arguments: ['pointer', 'i32', 'i32'], return: 'void' } as const;
    return this.library.registerCallback(signature, (_poll, status) => run(status));
  }

  onClose(run: () => void): bigint {
    return this.library.registerCallback({ arguments: ['pointer'], return: 'void' } as const, () => run());
  }

  /** Never from within the callback itself. */
  forget(callback: bigint): void {
    this.library.unregisterCallback(callback);
  }

  /** Runs `stop` when the process exits. */
  stopAtExit(stop: () => void): void {
    if (this.stops.size === 0) process.on('exit', this.stopAll);
    this.stops.add(stop);
  }

  dontStopAtExit(stop: () => void): void {
    this.stops.delete(stop);
    if (this.stops.size === 0) process.off('exit', this.stopAll);
  }

  private readonly stopAll = (): void => {
    for (const stop of this.stops) stop();
  };

  /** Throws unless calls, errno and libuv's handle types are what this room takes them for. */
  probe(): void {
    const closed = this.call.close(-1);
    if (closed !== -1 || this.errno !== errno.EBADF) throw new Error('errno cannot be read');
    const name = this.ffi.toString(this.call.uv_handle_type_name(UV_POLL));
    if (name !== 'poll') throw new Error(`libuv calls handle type ${UV_POLL} ${name}`);
  }
}

/** Throws when this Node or this machine has no such thing. */
export function loadKernel(): Kernel {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new Error(`structures are not known for ${platform}-${arch}`);
  }
  const ffi: typeof Ffi | undefined = process.getBuiltinModule('node:ffi');
  if (ffi === undefined) throw new Error('this Node has no node:ffi');
  const kernel = new Kernel(ffi);
  kernel.probe();
  return kernel;
}

/** An error as Node's own sockets give it: `bind EADDRINUSE 127.0.0.1:5060`, with `code`. */
export function systemError(number: number, syscall: string, where: string): Error {
  const code = getSystemErrorName(-number);
  return Object.assign(new Error(`${syscall} ${code} ${where}`), { code, errno: -number, syscall });
}
