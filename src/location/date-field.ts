/** The value of Date, which a phone without a clock of its own sets it by. RFC 3261 §20.17 */
import type { Clock, Millis } from '../base/world.ts';

const SECOND_MS = 1000;

/** Written once a second, however often it is asked for. */
export class DateField {
  private readonly clock: Pick<Clock, 'wall'>;
  private second: Millis = -1;
  private text = '';

  constructor(clock: Pick<Clock, 'wall'>) {
    this.clock = clock;
  }

  /** `Sat, 13 Nov 2010 23:29:00 GMT`. */
  get value(): string {
    const second = Math.floor(this.clock.wall() / SECOND_MS);
    if (second !== this.second) {
      this.second = second;
      this.text = new Date(second * SECOND_MS).toUTCString();
    }
    return this.text;
  }
}
