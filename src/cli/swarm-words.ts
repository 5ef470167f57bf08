/** The words of `tandem swarm`. */
import type { Command } from 'commander';
import { TandemError } from '../base/errors.ts';
import type { SwarmWords } from './swarm.ts';
import type { Terminal } from './terminal.ts';

const SEED_MAX = 2_147_483_647;
const MINUTES_MAX = 600;
const TOWNS_MAX = 1_000_000;
const PHONES_MAX = 12;

/** Adds the command; `run` learns its exit code. */
export function declareSwarm(program: Command, run: { readonly terminal: Terminal; status: number }): void {
  program
    .command('swarm')
    .description(
      'test the exchange itself: random simulated towns, judged by the laws that hold in every one',
    )
    .option('--seed <number>', 'the seed of the first town', inRange(0, SEED_MAX), 1)
    .option('--minutes <number>', 'how long each lives, in simulated minutes', inRange(1, MINUTES_MAX), 2)
    .option('--towns <number>', 'how many towns, each with the next seed', inRange(1, TOWNS_MAX), 1)
    .option(
      '--phones <number>',
      'how many phones, instead of as many as the seed says',
      inRange(2, PHONES_MAX),
    )
    .option('--without <troubles>', 'leave out kinds of trouble, with commas between: crashes,weather')
    .option('--json', 'the result as one JSON document')
    .option('--no-color', 'as NO_COLOR does')
    .addHelpText('after', '\nExample:\n  tandem swarm --seed 7 --minutes 2 --towns 100')
    .action(async (options: SwarmWords & { color: boolean }) => {
      run.terminal.plain = !options.color;
      run.status = await (await import('./swarm.ts')).swarm(options, run.terminal);
    });
}

function inRange(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new TandemError('USAGE', `a number from ${least} to ${most} expected, not ${text}`);
  };
}
