/** Counted over all UDP sockets of a World. */
export interface UdpCounts {
  received: number;
  sent: number;
  /** Never left: too long, no such address family, refused by the kernel, or no room in its buffer. */
  dropped: number;
  /** Messages handed to the kernel; less than `sent` when GSO groups them. */
  sends: number;
}
