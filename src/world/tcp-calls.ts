import type { Endpoint } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';
import { errno, type Kernel, systemError } from './kernel.ts';
import { limits } from './limits.ts';
import { Region } from './region.ts';
import { familyOf, SocketAddress } from './socket-address.ts';

const SOCK_STREAM = 1;
const SOCK_FLAGS = 0o4000 | 0o2000000; // SOCK_NONBLOCK, SOCK_CLOEXEC
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SHUT_WR = 1;
const MSG_NOSIGNAL = 0x4000;
const BACKLOG = 511;
const READ_BYTES = BigInt(limits.streamReadBytes);

/** The calls that a TCP socket needs, with the memory they work on. Descriptors never block. */
export class TcpCalls {
  private readonly kernel: Kernel;
  private readonly address: SocketAddress;
  private readonly option: Region;
  private readonly optionLength: Region;
  private readonly incoming: Region;
  private readonly outgoing: Region;
  /** msghdr: name* ┊ namelen ┊ iov* ┊ iovlen ┊ control* ┊ controllen ┊ flags; and its one iovec. */
  private readonly message: Region;
  private readonly vector: Region;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.address = new SocketAddress(kernel);
    this.option = new Region(kernel, 4);
    this.optionLength = new Region(kernel, 4);
    this.incoming = new Region(kernel, limits.streamReadBytes);
    this.outgoing = new Region(kernel, limits.streamSendBytes);
    this.message = new Region(kernel, 56);
    this.vector = new Region(kernel, 16);
    this.message.writeAddress(4, this.vector.address);
    this.message.words[6] = 1;
    this.vector.writeAddress(0, this.outgoing.address);
  }

  /** A socket that listens. Throws with a Node-style `code`. */
  listen(at: HostPort): number {
    const where = `${at.host}:${at.port}`;
    const fd = this.socket(at.host);
    this.set(fd, SOL_SOCKET, SO_REUSEADDR);
    if (at.host.includes(':')) this.set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    const { call } = this.kernel;
    if (call.bind(fd, this.address.pointer, this.address.write(at)) !== 0) this.refuse(fd, 'bind', where);
    if (call.listen(fd, BACKLOG) !== 0) this.refuse(fd, 'listen', where);
    return fd;
  }

  /** A connection that came in, and `remote` knows from where; or what is wrong, an errno, negative. */
  accept(fd: number): number {
    const { pointer, lengthPointer } = this.address;
    const accepted = this.kernel.call.accept4(fd, pointer, lengthPointer, SOCK_FLAGS);
    return accepted < 0 ? -this.kernel.errno : accepted;
  }

  /** From where the connection came that was accepted last. */
  accepted(): Endpoint {
    return this.address.read();
  }

  /** A socket that is about to connect. Throws with a Node-style `code`. */
  connect(to: HostPort): number {
    const fd = this.socket(to.host);
    const failed = this.kernel.call.connect(fd, this.address.pointer, this.address.write(to)) !== 0;
    if (failed && this.kernel.errno !== errno.EINPROGRESS)
      this.refuse(fd, 'connect', `${to.host}:${to.port}`);
    return fd;
  }

  /** The errno by which it failed, 0 when it did not; it is told once. */
  failure(fd: number): number {
    this.optionLength.words[0] = 4;
    this.kernel.call.getsockopt(fd, SOL_SOCKET, SO_ERROR, this.option.pointer, this.optionLength.pointer);
    return this.option.words[0]!;
  }

  local(fd: number): Endpoint {
    this.kernel.call.getsockname(fd, this.address.pointer, this.address.lengthPointer);
    return this.address.read();
  }

  /** How many bytes came, which `text` gives; 0 when the peer has ended, or an errno, negative. */
  read(fd: number): number {
    const count = this.kernel.call.recv(fd, this.incoming.pointer, READ_BYTES, 0);
    return count < 0 ? -this.kernel.errno : count;
  }

  text(bytes: number): string {
    return this.incoming.bytes.latin1Slice(0, bytes);
  }

  /** Puts a text behind what is there; tells how many of its bytes found room. */
  put(text: string, at: number): number {
    return this.outgoing.bytes.latin1Write(text, at, Math.min(text.length, limits.streamSendBytes - at));
  }

  /** Sends what was put: how many of the bytes left, or an errno, negative. */
  send(fd: number, bytes: number): number {
    this.vector.words[2] = bytes;
    const sent = this.kernel.call.sendmsg(fd, this.message.pointer, MSG_NOSIGNAL);
    return sent < 0 ? -this.kernel.errno : sent;
  }

  /** Says goodbye behind what was sent. */
  shutdown(fd: number): void {
    this.kernel.call.shutdown(fd, SHUT_WR);
  }

  close(fd: number): void {
    this.kernel.call.close(fd);
  }

  private socket(host: string): number {
    const fd = this.kernel.call.socket(familyOf(host), SOCK_STREAM | SOCK_FLAGS, 0);
    if (fd < 0) throw systemError(this.kernel.errno, 'socket', 'tcp');
    this.set(fd, IPPROTO_TCP, TCP_NODELAY); // Who is accepted has it from the socket that listens.
    return fd;
  }

  private set(fd: number, level: number, option: number): void {
    this.option.words[0] = 1;
    this.kernel.call.setsockopt(fd, level, option, this.option.pointer, 4);
  }

  private refuse(fd: number, syscall: string, where: string): never {
    const error = systemError(this.kernel.errno, syscall, where);
    this.close(fd);
    throw error;
  }
}
