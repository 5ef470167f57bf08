/** Performs a Plan: parallel parts at once, serial parts one after the other. RFC 3261 §16.6. */
import { assert } from '../base/assert.ts';
import type { Branch } from './branch.ts';
import { BRANCHES_MAX } from '../sip/breadth.ts';
import type { Plan, Target } from './plan.ts';

/** A part of a plan that is running. */
export class Fork {
  readonly parent: Fork | undefined;
  readonly plans: readonly Plan[];
  readonly serial: boolean;
  /** Whether nothing comes after this part. */
  readonly isLast: boolean;
  next = 0;
  running = 0;
  /** False once a branch of a parallel part ended in a way that moves nothing on, whichever ended last. */
  advances = true;

  constructor(parent: Fork | undefined, plans: readonly Plan[], serial: boolean, isLast: boolean) {
    this.parent = parent;
    this.plans = plans;
    this.serial = serial;
    this.isLast = isLast;
  }
}

/** What a running plan asks of the response context. */
export interface ForkUser {
  /** Opens the branch; when that is impossible it ends it at once. */
  launch(target: Target, index: number, parent: Fork | undefined, isLast: boolean): void;
  /** Whether a failed branch moves a serial part on. */
  advances(branch: Branch): boolean;
  /** Every branch of the plan has ended. */
  planEnded(): void;
}

/** One run of a plan. */
export class PlanRun {
  private readonly user: ForkUser;
  private branches = 0;
  /** No further branch is opened: answered, cancelled, or a 6xx came. */
  stopped = false;

  constructor(user: ForkUser) {
    this.user = user;
  }

  start(plan: Plan): void {
    this.run(plan, undefined, true);
  }

  /** A leaf has ended; goes on with what comes after it. */
  branchEnded(branch: Branch): void {
    this.ended(branch.parent, this.user.advances(branch));
  }

  /** What a leaf answered leads on to these: they take its place. RFC 3261 §16.7 step 4 */
  instead(branch: Branch, plan: Plan): void {
    const { parent } = branch;
    const isLast =
      parent === undefined || (parent.isLast && (!parent.serial || parent.next === parent.plans.length));
    this.run(plan, parent, isLast);
  }

  private run(plan: Plan, parent: Fork | undefined, isLast: boolean): void {
    if ('parallel' in plan) this.runParallel(new Fork(parent, plan.parallel, false, isLast));
    else if ('serial' in plan) this.runNext(new Fork(parent, plan.serial, true, isLast), true);
    else if (this.branches === BRANCHES_MAX) this.ended(parent, true);
    else this.user.launch(plan, this.branches++, parent, isLast);
  }

  private runParallel(fork: Fork): void {
    fork.running = fork.plans.length;
    if (fork.running === 0) this.ended(fork.parent, true);
    for (const plan of fork.plans) this.run(plan, fork, fork.isLast);
  }

  private runNext(fork: Fork, advances: boolean): void {
    const plan = fork.plans[fork.next];
    if (plan === undefined || this.stopped || !advances) {
      this.ended(fork.parent, advances);
      return;
    }
    fork.next++;
    fork.running = 1;
    this.run(plan, fork, fork.isLast && fork.next === fork.plans.length);
  }

  private ended(fork: Fork | undefined, advances: boolean): void {
    if (fork === undefined) {
      this.user.planEnded();
      return;
    }
    fork.running--;
    assert(fork.running >= 0, 'a part of a plan ends once');
    fork.advances &&= advances;
    if (fork.running > 0) return;
    if (fork.serial) this.runNext(fork, advances);
    else this.ended(fork.parent, fork.advances);
  }
}
