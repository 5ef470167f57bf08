import { errno, type Kernel } from './kernel.ts';
import { limits } from './limits.ts';
import { Region } from './region.ts';
import { SendPlan } from './send-plan.ts';
import { AF_INET } from './socket-address.ts';
import type { UdpCounts } from './udp-counts.ts';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const POLLOUT = 4;
/** A cmsghdr of 16 bytes and two bytes of segment size; and the same, padded. */
const CONTROL_LENGTH = 18;
const CONTROL_BYTES = 24;

/** What the kernel answers when it will not cut this message, or none, into segments. */
const gsoRefusals: readonly number[] = [errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.EOPNOTSUPP];

/**
 * Datagrams on their way to one sendmmsg.
 *
 *   headers   mmsghdr × 256:  name* ┊ namelen ┊ iov* ┊ iovlen ┊ control* ┊ controllen ┊ …   one a group
 *   names     sockaddr_in, one a datagram
 *   vectors   iovec, one a datagram, in the order of leaving: those of a group lie side by side
 *   controls  cmsghdr { 18, SOL_UDP, UDP_SEGMENT } + size, one a group
 *   bytes     the payloads, packed one behind the other
 */
export class SendArena {
  private readonly kernel: Kernel;
  private readonly fd: number;
  private readonly counts: UdpCounts;
  private readonly plan = new SendPlan();
  private readonly headers: Region;
  private readonly names: Region;
  private readonly vectors: Region;
  private readonly controls: Region;
  private readonly payloads: Region;
  private readonly pollSlot: Region;
  private readonly offsets = new Int32Array(limits.sendBatch);
  private bytesUsed = 0;
  private grouped: boolean;
  private refusals = 0;
  /** The group that was refused as a whole and is now tried in pieces. */
  private suspect = -1;

  constructor(kernel: Kernel, fd: number, gso: boolean, counts: UdpCounts) {
    const count = limits.sendBatch;
    this.kernel = kernel;
    this.fd = fd;
    this.counts = counts;
    this.headers = new Region(kernel, count * 64);
    this.names = new Region(kernel, count * 16);
    this.vectors = new Region(kernel, count * 16);
    this.controls = new Region(kernel, count * CONTROL_BYTES);
    this.payloads = new Region(kernel, limits.sendArenaBytes);
    this.pollSlot = new Region(kernel, 8);
    this.pollSlot.words[0] = fd;
    this.pollSlot.words[1] = POLLOUT;
    this.grouped = gso && this.kernelKnowsGso();
  }

  /** Sends at once what is queued when there is no room for more. `text` is at most `datagramBytes`. */
  add(text: string, ip4: number, port: number, order: number): void {
    const plan = this.plan;
    if (plan.count === limits.sendBatch || this.bytesUsed + text.length > limits.sendArenaBytes) this.flush();
    const i = plan.count;
    this.names.words[i * 4] = AF_INET | ((((port & 255) << 8) | (port >>> 8)) << 16);
    this.names.words[i * 4 + 1] = ip4;
    this.offsets[i] = this.bytesUsed;
    this.bytesUsed += this.payloads.bytes.latin1Write(text, this.bytesUsed, text.length);
    plan.add(ip4, port, text.length, order);
  }

  flush(): void {
    const plan = this.plan;
    if (plan.count === 0) return;
    if (this.grouped && plan.count > 1) plan.arrangeGrouped();
    else plan.arrangePlain();
    this.suspect = -1;
    this.writeHeaders(0);
    this.sendAll();
    plan.clear();
    this.bytesUsed = 0;
  }

  private sendAll(): void {
    const plan = this.plan;
    let group = 0;
    let waits = 0;
    while (group < plan.groups) {
      const at = group === 0 ? this.headers.pointer : this.headers.pointer + BigInt(group * 64);
      const done = this.kernel.call.sendmmsg(this.fd, at, plan.groups - group, 0);
      if (done > 0) {
        this.countSent(group, group + done);
        group += done;
        continue;
      }
      const reason = this.kernel.errno;
      if (reason === errno.EINTR) continue;
      if (reason === errno.EAGAIN && waits++ < limits.sendWaits) this.waitForRoom();
      else if (reason === errno.EAGAIN) group = this.drop(group, plan.groups);
      else if (this.wasRefusedAsGroup(group, reason)) this.breakUp(group);
      else group = this.drop(group, group + 1);
    }
  }

  private writeHeaders(fromGroup: number): void {
    const plan = this.plan;
    let s = plan.startOf(fromGroup);
    for (let g = fromGroup; g < plan.groups; g++) {
      const first = s;
      const entry = plan.sequence[first]!;
      for (; s < plan.ends[g]!; s++) {
        const i = plan.sequence[s]!;
        this.vectors.writeAddress(s * 4, this.payloads.address + this.offsets[i]!);
        this.vectors.words[s * 4 + 2] = plan.length[i]!;
      }
      const word = g * 16;
      this.headers.writeAddress(word, this.names.address + entry * 16);
      this.headers.words[word + 2] = 16;
      this.headers.writeAddress(word + 4, this.vectors.address + first * 16);
      this.headers.words[word + 6] = s - first;
      if (s - first > 1) this.writeControl(g, plan.length[entry]!);
      else this.clearControl(word + 8);
    }
  }

  private writeControl(group: number, segmentBytes: number): void {
    const word = (group * CONTROL_BYTES) / 4;
    this.controls.words[word] = CONTROL_LENGTH;
    this.controls.words[word + 2] = SOL_UDP;
    this.controls.words[word + 3] = UDP_SEGMENT;
    this.controls.words[word + 4] = segmentBytes;
    this.headers.writeAddress(group * 16 + 8, this.controls.address + group * CONTROL_BYTES);
    this.headers.words[group * 16 + 10] = CONTROL_BYTES;
  }

  /** By hand: to have four words filled costs more than all else that is done for a datagram here. */
  private clearControl(word: number): void {
    const { words } = this.headers;
    words[word] = words[word + 1] = words[word + 2] = words[word + 3] = 0;
  }

  private countSent(fromGroup: number, toGroup: number): void {
    const plan = this.plan;
    this.counts.sends += toGroup - fromGroup;
    this.counts.sent += plan.startOf(toGroup) - plan.startOf(fromGroup);
    if (this.suspect >= fromGroup && this.suspect < toGroup) {
      // In pieces it goes, so the grouping was at fault and not the address.
      this.suspect = -1;
      if (++this.refusals === limits.gsoRefusals) this.grouped = false;
    }
  }

  private drop(fromGroup: number, toGroup: number): number {
    this.counts.dropped += this.plan.startOf(toGroup) - this.plan.startOf(fromGroup);
    return toGroup;
  }

  private wasRefusedAsGroup(group: number, reason: number): boolean {
    return this.plan.ends[group]! - this.plan.startOf(group) > 1 && gsoRefusals.includes(reason);
  }

  private breakUp(group: number): void {
    this.plan.split(group);
    this.suspect = group;
    this.writeHeaders(group);
  }

  /** Blocks for a moment: the kernel has megabytes of ours to send, what waits here must keep its order. */
  private waitForRoom(): void {
    this.kernel.call.poll(this.pollSlot.pointer, 1n, limits.sendWaitMs);
  }

  /** An older kernel would send a group as one long datagram, without a word. */
  private kernelKnowsGso(): boolean {
    const off = new Region(this.kernel, 4);
    return this.kernel.call.setsockopt(this.fd, SOL_UDP, UDP_SEGMENT, off.pointer, 4) === 0;
  }
}
