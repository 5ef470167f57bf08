/** What random plans are drawn with. */
import type { SimRandom } from './sim-random.ts';

/** Chance with a few more words. */
export class Draw {
  private readonly random: SimRandom;

  constructor(random: SimRandom) {
    this.random = random;
  }

  /** From `least` to `most`, both included. */
  from(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }

  /** True in so many cases, from 0 to 1. */
  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  /** Any of them. */
  one<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!; // The index is below the length.
  }
}
