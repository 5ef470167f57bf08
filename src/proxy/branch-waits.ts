/** Branches whose time has not come: the others of their part of the plan have a start. See `Target.waitMs`. */
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Branch } from './branch.ts';

/** Those of one relayed request. */
export class BranchWaits {
  private readonly clock: Clock;
  private readonly timers = new Map<Branch, Timer>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Opens the branch when its time has come, unless it was ended before: somebody answered, or nobody may any more. */
  begin(branch: Branch, waitMs: Millis, open: () => void): void {
    const due = (): void => {
      this.timers.delete(branch);
      open();
    };
    this.timers.set(branch, this.clock.after(waitMs, due));
  }

  /** It has ended. */
  end(branch: Branch): void {
    this.timers.get(branch)?.cancel();
    this.timers.delete(branch);
  }
}
