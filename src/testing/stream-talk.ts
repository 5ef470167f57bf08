/** What a stream told its owner, for tests. */
import type { StreamEnd, StreamUser } from '../base/world.ts';

/** Keeps all of it, and lets a test wait. */
export class StreamTalk implements StreamUser {
  /** Every text that came. */
  readonly texts: string[] = [];
  readonly ready = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<{ why: StreamEnd; detail: string }>();
  isOpen = false;
  private readonly waiting: { count: number; done: () => void }[] = [];

  opened(): void {
    this.isOpen = true;
    this.ready.resolve();
  }

  data(text: string): void {
    this.texts.push(text);
    for (const { count, done } of this.waiting) if (this.texts.length >= count) done();
  }

  closed(why: StreamEnd, detail: string): void {
    this.ended.resolve({ why, detail });
  }

  /** Settles when so many texts have come. */
  heard(count: number): Promise<void> {
    if (this.texts.length >= count) return Promise.resolve();
    return new Promise((done) => this.waiting.push({ count, done }));
  }
}
