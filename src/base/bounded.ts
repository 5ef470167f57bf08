/** A map with a limit: what grows by what strangers or scripts say needs an end. */

/** Keeps at most so many entries; a new one beyond them is refused, and the caller says what that means. */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    return this.entries.get(key);
  }

  /** False when the map is full and has no entry of that key to replace. */
  set(key: K, value: V): boolean {
    if (this.entries.size >= this.most && !this.entries.has(key)) return false;
    this.entries.set(key, value);
    return true;
  }

  delete(key: K): boolean {
    return this.entries.delete(key);
  }

  values(): IterableIterator<V> {
    return this.entries.values();
  }
}
