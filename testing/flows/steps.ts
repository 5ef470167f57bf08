/**
 * A flow whose ladder also shows what the routes of the script decided, between the messages they led to:
 *
 *     0.005     │                 │── INVITE ──────▶│    sip:bob@192.0.2.12:5060
 *     0.010  ·  failure 486 → relay                      routes.test.ts
 */
import { test } from 'node:test';
import type { Router, RouteStep } from '../../src/index.ts';
import { script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { compare, HOSTS } from './flow.ts';

/** A step, and when it was taken. */
interface Taken {
  readonly atMs: number;
  readonly step: RouteStep;
}

/** A test: plays the flow with alice, bob and carol, and compares ladder and steps with `flows/<file>.ladder`. */
export function stepFlow(
  file: string,
  title: string,
  make: () => Router,
  play: (t: Town, steps: readonly RouteStep[]) => Promise<void>,
): void {
  test(title, async () => {
    const people = Object.fromEntries(
      (['alice', 'bob', 'carol'] as const).map((name) => [name, { host: HOSTS[name] }]),
    );
    const t = await town(
      script(() => make()),
      { people },
    );
    const taken: Taken[] = [];
    const steps: RouteStep[] = [];
    t.exchange.dispatcher.onStep = (step) => {
      taken.push({ atMs: t.world.clock.now(), step });
      steps.push(step);
    };

    await play(t, steps);

    await assertQuiet(t);
    t.stop();
    compare(file, `${title}\n\n${woven(t.ladder(), taken)}`);
  });
}

/** A step stands before what was sent at the same moment: it is why that was sent. */
function woven(ladder: string, taken: readonly Taken[]): string {
  const left = [...taken];
  const lines = ladder.split('\n').flatMap((line) => {
    const [, seconds] = /^ *(\d+\.\d{3}) /.exec(line) ?? [];
    if (seconds === undefined) return [line];
    const due = left.findIndex(({ atMs }) => atMs > Number(seconds) * 1000);
    return [...left.splice(0, due < 0 ? left.length : due).map(stepLine), line];
  });
  const end = lines.pop() ?? '';
  return [...lines, ...left.map(stepLine), end].join('\n');
}

function stepLine({ atMs, step }: Taken): string {
  const seconds = (atMs / 1000).toFixed(3).padStart(7);
  const about = step.about === undefined ? '' : ` ${step.about}`;
  const line = step.at === undefined ? '' : `    ${step.at.replace(/:\d+$/, '')}`;
  return `${seconds}  ·  ${step.route} ${step.method}${about} → ${step.decision}${line}`;
}
