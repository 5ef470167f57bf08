/** The time limit of a route: one that takes longer than five seconds is answered 500, and counted. */
import { SipError } from '../base/errors.ts';
import { InLine, WaitingLine } from '../base/waiting-line.ts';
import type { Clock, Millis } from '../base/world.ts';
import type { Incoming } from './incoming.ts';

/** How long a route may take to decide. */
export const ROUTE_MS = 5_000;
const SWEEP_MS = 1_000;

/** A request whose route has not decided yet, and since when. */
class Undecided extends InLine {
  readonly incoming: Incoming;
  readonly since: Millis;

  constructor(incoming: Incoming, since: Millis) {
    super();
    this.incoming = incoming;
    this.since = since;
  }
}

/** Keeps the time of every route that waits. */
export class RouteWatch {
  /** Routes that took too long. */
  timedOut = 0;
  private readonly clock: Clock;
  private readonly failed: (incoming: Incoming, error: unknown) => void;
  private readonly pending = new WaitingLine<Undecided>();
  private sweeping = false;

  constructor(clock: Clock, failed: (incoming: Incoming, error: unknown) => void) {
    this.clock = clock;
    this.failed = failed;
  }

  /** Routes that have not decided yet. */
  get waiting(): number {
    return this.pending.size;
  }

  /** `done` gets the decision, unless the time limit came first. */
  watch<T>(work: Promise<T>, incoming: Incoming, done: (value: T) => void): void {
    const undecided = new Undecided(incoming, this.clock.now());
    this.pending.join(undecided);
    if (!this.sweeping) this.sweepLater();
    work.then(
      (value) => {
        if (!this.pending.leave(undecided)) return;
        try {
          done(value);
        } catch (error) {
          this.failed(incoming, error);
        }
      },
      (error: unknown) => {
        if (this.pending.leave(undecided)) this.failed(incoming, error);
      },
    );
  }

  private sweepLater(): void {
    this.sweeping = true;
    this.clock.after(SWEEP_MS, () => {
      this.sweep();
      if (this.pending.size > 0) this.sweepLater();
      else this.sweeping = false;
    });
  }

  private sweep(): void {
    const late = this.clock.now() - ROUTE_MS;
    for (
      let { oldest } = this.pending;
      oldest !== undefined && oldest.since <= late;
      { oldest } = this.pending
    ) {
      this.pending.leave(oldest);
      this.timedOut++;
      this.failed(
        oldest.incoming,
        new SipError('ROUTE_SLOW', 500, 'the route took longer than five seconds'),
      );
    }
  }
}
