/** Random towns: those that once found something, and some that nobody has looked at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTowns, type SwarmJob, type SwarmReport } from '../src/cli/swarm-pool.ts';

const TOWNS = 200;
const MINUTES = 1;

/** Lines of `testing/seeds.txt`: the seed, its minutes, and what it found. */
function keptJobs(): SwarmJob[] {
  const lines = readFileSync(join(import.meta.dirname, 'seeds.txt'), 'utf8').split('\n');
  return lines
    .filter((line) => /^\d/.test(line))
    .map((line) => {
      const [seed, minutes] = line.split(' ').map(Number);
      assert(seed !== undefined && minutes !== undefined && minutes >= 1, `a seed and its minutes: ${line}`);
      return { options: { seed, minutes }, shrinks: false };
    });
}

function randomJobs(): SwarmJob[] {
  return Array.from({ length: TOWNS }, (_, seed) => ({
    options: { seed, minutes: MINUTES },
    shrinks: false,
  }));
}

async function assertLawful(jobs: readonly SwarmJob[]): Promise<void> {
  const broken: SwarmReport[] = [];
  await runTowns(jobs, Math.min(2, availableParallelism()), (report) => {
    if (report.breaches.length > 0) broken.push(report);
  });
  const told = broken.map(({ command, breaches, ladder }) => [
    command,
    ...breaches.map(({ law, why }) => `  ${law}: ${why}`),
    ladder,
  ]);
  assert.equal(broken.length, 0, told.flat().join('\n'));
}

test('towns that found something once find nothing any more', () => assertLawful(keptJobs()));

test(`${TOWNS} random towns of ${MINUTES} minute break no law`, () => assertLawful(randomJobs()));
