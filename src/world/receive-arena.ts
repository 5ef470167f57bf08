import type { Endpoint } from '../base/endpoint.ts';
import { EndpointCache } from './endpoint-cache.ts';
import type { Kernel } from './kernel.ts';
import { limits } from './limits.ts';
import { Region } from './region.ts';

const MSG_DONTWAIT = 0x40;
const SLOT_BYTES = 65_536;
/** Not a power of two: equal offsets in every slot would compete for the same few lines of the cache. */
const SLOT_STRIDE = SLOT_BYTES + 1_024;

/**
 * Where recvmmsg puts a batch of datagrams.
 *
 *   headers  mmsghdr × 64:  name* ┊ namelen ┊ iov* ┊ iovlen ┊ … ┊ msg_len     (64 bytes each)
 *                             │               │
 *   names    sockaddr_in × 64 ◀               │     family, port, address     (16 bytes each)
 *   vectors  iovec × 64       ◀───────────────┘     base*, length             (16 bytes each)
 *   slots    65,536 bytes × 64: the longest datagram fits; pages never written take no memory
 */
export class ReceiveArena {
  private readonly kernel: Kernel;
  private readonly headers: Region;
  private readonly names: Region;
  private readonly vectors: Region;
  private readonly slots: Region;
  private readonly endpoints = new EndpointCache();

  constructor(kernel: Kernel) {
    const count = limits.receiveBatch;
    this.kernel = kernel;
    this.headers = new Region(kernel, count * 64);
    this.names = new Region(kernel, count * 16);
    this.vectors = new Region(kernel, count * 16);
    this.slots = new Region(kernel, count * SLOT_STRIDE);
    for (let i = 0; i < count; i++) {
      this.headers.writeAddress(i * 16, this.names.address + i * 16);
      this.headers.words[i * 16 + 2] = 16;
      this.headers.writeAddress(i * 16 + 4, this.vectors.address + i * 16);
      this.headers.words[i * 16 + 6] = 1;
      this.vectors.writeAddress(i * 4, this.slots.address + i * SLOT_STRIDE);
      this.vectors.words[i * 4 + 2] = SLOT_BYTES;
    }
  }

  /** How many datagrams came; none is waited for. */
  read(fd: number): number {
    const count = this.kernel.call.recvmmsg(fd, this.headers.pointer, limits.receiveBatch, MSG_DONTWAIT, 0n);
    return count > 0 ? count : 0;
  }

  text(i: number): string {
    const at = i * SLOT_STRIDE;
    return this.slots.bytes.latin1Slice(at, at + this.headers.words[i * 16 + 14]!);
  }

  from(i: number): Endpoint {
    const port = this.names.words[i * 4]! >>> 16;
    return this.endpoints.ofIp4(this.names.words[i * 4 + 1]!, ((port & 255) << 8) | (port >>> 8));
  }
}
