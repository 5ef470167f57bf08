/**
 * Memory that the collector does not count. V8 counts every other buffer as if it were on its heap: while what we keep
 * there grows, as it does for the first half-minute of a rush of calls, it would look through the whole heap again and
 * again, and find nothing to free. Shared memory it does not count, since it may be another thread's.
 */
export function offHeap(bytes: number): Buffer<ArrayBufferLike> {
  return Buffer.from(new SharedArrayBuffer(bytes));
}
