import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Beat } from './beat.ts';
import { loadKernel } from './kernel.ts';
import { Soon } from './soon.ts';

function makeBeat(): { beat: Beat; soon: Soon } {
  const soon = new Soon();
  return { beat: new Beat(loadKernel(), soon), soon };
}

/** Resolves when it was called so often. */
function counted(times: number): { look: () => void; done: Promise<void>; calls: number } {
  const over = Promise.withResolvers<void>();
  const counter = {
    calls: 0,
    done: over.promise,
    look: () => {
      if (++counter.calls === times) over.resolve();
    },
  };
  return counter;
}

describe('a beat', { timeout: 10_000 }, () => {
  test('is never early', async () => {
    const { beat } = makeBeat();
    const counter = counted(20);
    const begun = performance.now();

    beat.join(counter.look, 1.5);
    await counter.done;
    beat.leave(counter.look);

    assert.ok(performance.now() - begun >= 20 * 1.5);
  });

  test('is one for all, as often as the most eager one wants', async () => {
    const { beat } = makeBeat();
    const [calm, eager] = [counted(20), counted(20)]; // The calm one's alone would take 20 s.

    beat.join(calm.look, 999);
    beat.join(eager.look, 1);
    await Promise.all([calm.done, eager.done]);
    beat.leave(eager.look);
    beat.leave(calm.look);

    assert.equal(calm.calls, eager.calls);
  });

  test('is what is asked for soon after a look, in the same turn', async () => {
    const { beat, soon } = makeBeat();
    const ran: string[] = [];
    const over = Promise.withResolvers<void>();
    const look = (): void => {
      ran.push('look');
      beat.leave(look);
      void Promise.resolve().then(() => ran.push('microtask'));
      setImmediate(() => {
        ran.push('next turn');
        over.resolve();
      });
      soon.addLast(() => ran.push('flush'));
    };

    beat.join(look, 1);
    await over.promise;

    assert.deepEqual(ran, ['look', 'microtask', 'flush', 'next turn']);
  });

  test('stops when nobody looks, and begins again', async () => {
    const { beat } = makeBeat();
    const [first, second] = [counted(3), counted(3)];

    beat.join(first.look, 1);
    await first.done;
    beat.leave(first.look);
    const calls = first.calls;
    await sleep(10);
    beat.join(second.look, 1);
    await second.done;
    beat.leave(second.look);

    assert.equal(first.calls, calls);
  });

  test('has its descriptor when it is made, for in a rush there may be none left, and no other one ever', async () => {
    const timers = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === 'anon_inode:[timerfd]').length;
    const before = timers();
    const { beat } = makeBeat();
    const made = timers();

    for (let i = 0; i < 20; i++) {
      const counter = counted(1);
      beat.join(counter.look, 1);
      await counter.done;
      beat.leave(counter.look);
    }

    assert.deepEqual([made, timers()], [before + 1, before + 1]);
  });
});

/** The one that lists the folder is gone by then. */
function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
