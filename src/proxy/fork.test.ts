import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Branch } from './branch.ts';
import { type Fork, PlanRun } from './fork.ts';
import { BRANCHES_MAX } from '../sip/breadth.ts';
import { parallel, type Plan, serial, type Target } from './plan.ts';

const t = (host: string): Target => ({ uri: { scheme: 'sip', host, params: {} } });
const [a, b, c, d] = [t('a'), t('b'), t('c'), t('d')];

/** Runs a plan; branches end when told, or at once when their name is in `endsAtOnce`. */
class Player {
  readonly said: string[] = [];
  readonly run = new PlanRun(this);
  private readonly open = new Map<string, { parent: Fork | undefined }>();
  private readonly endsAtOnce: string;

  constructor(plan: Plan, endsAtOnce = '') {
    this.endsAtOnce = endsAtOnce;
    this.run.start(plan);
  }

  launch(target: Target, index: number, parent: Fork | undefined, isLast: boolean): void {
    const { host } = target.uri;
    this.said.push(`${host}${index}${isLast ? '!' : ''}`);
    this.open.set(host, { parent });
    if (this.endsAtOnce.includes(host)) this.end(host);
  }

  /** Upper case: it does not move a serial part on. */
  end(...hosts: string[]): this {
    for (const host of hosts) {
      const branch = this.open.get(host.toLowerCase());
      assert.ok(branch !== undefined, `${host} was launched`);
      this.open.delete(host.toLowerCase());
      // Only `parent` is looked at here, and by `advances` below.
      this.run.branchEnded({ parent: branch.parent, status: host === host.toLowerCase() ? 1 : 0 } as Branch);
    }
    return this;
  }

  advances(branch: Branch): boolean {
    return branch.status === 1;
  }

  planEnded(): void {
    this.said.push('end');
  }
}

// `!`: nobody comes after it. [plan, branches as they end (upper case: not moving on), what happens]
const cases: readonly [string, Plan, string, string][] = [
  ['one target', a, 'a', 'a0! end'],
  ['parallel', parallel(a, b), 'ba', 'a0! b1! end'],
  ['serial', serial(a, b, c), 'abc', 'a0 b1 c2! end'],
  ['serial, stopped by the first', serial(a, b), 'A', 'a0 end'],
  ['parallel in serial', serial(parallel(a, b), c), 'bac', 'a0 b1 c2! end'],
  ['one of a parallel part does not move on, last', serial(parallel(a, b), c), 'aB', 'a0 b1 end'],
  ['one of a parallel part does not move on, first', serial(parallel(a, b), c), 'Ba', 'a0 b1 end'],
  ['serial in parallel', parallel(serial(a, b), c), 'acb', 'a0 c1! b2! end'],
  ['serial in serial', serial(serial(a, b), c), 'abc', 'a0 b1 c2! end'],
  ['deep', serial(parallel(serial(a, b), c), d), 'cabd', 'a0 c1 b2 d3! end'],
  ['nobody in parallel', parallel(), '', 'end'],
  ['nobody in serial', serial(), '', 'end'],
  ['empty parts between', serial(parallel(), a, serial(), b), 'ab', 'a0 b1! end'],
  ['empty parts beside', parallel(serial(), a, parallel()), 'a', 'a0! end'],
];

for (const [what, plan, ends, said] of cases) {
  test(`a plan runs: ${what}`, () => {
    assert.equal(new Player(plan).end(...Array.from(ends)).said.join(' '), said);
  });
}

test('branches that end at once, such as skipped ones, go the same way', () => {
  assert.equal(new Player(serial(a, parallel(b, c), d), 'abcd').said.join(' '), 'a0 b1 c2 d3! end');
  assert.equal(new Player(parallel(a, b), 'ab').said.join(' '), 'a0! b1! end');
});

test('a stopped plan opens nothing more, and ends when its open branches have', () => {
  const player = new Player(serial(parallel(a, b), c));
  player.run.stopped = true;

  assert.equal(player.end('a', 'b').said.join(' '), 'a0 b1 end');
});

for (const shape of ['parallel', 'serial'] as const) {
  test(`${shape}: the 33rd branch is not opened, and the plan ends all the same`, () => {
    const targets = Array.from({ length: BRANCHES_MAX + 1 }, (_, i) => t(`h${i}`));
    const player = new Player(shape === 'parallel' ? parallel(...targets) : serial(...targets));
    for (const { uri } of targets.slice(0, BRANCHES_MAX)) player.end(uri.host);

    assert.equal(player.said.length, BRANCHES_MAX + 1);
    assert.equal(player.said.at(-1), 'end');
  });
}
