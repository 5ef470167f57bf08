/** `tandem swarm`: random towns under seeds, each judged by the laws that hold in every one. */
import { availableParallelism } from 'node:os';
import { TandemError } from '../base/errors.ts';
import { runTowns, type SwarmJob, type SwarmReport } from './swarm-pool.ts';
import type { Terminal } from './terminal.ts';

/** Problems were found, as `tandem check` says it. */
const EXIT_PROBLEMS = 7;

/** What was asked for. */
export interface SwarmWords {
  /** The seed of the first town. */
  readonly seed: number;
  readonly minutes: number;
  readonly towns: number;
  readonly phones?: number;
  /** Kinds of trouble to leave out, with commas between. */
  readonly without?: string;
  readonly json?: boolean;
}

/** Lives through the towns; answers with 7 when one broke a law. */
export async function swarm(words: SwarmWords, terminal: Terminal): Promise<number> {
  const reports: SwarmReport[] = [];
  const threads = Math.min(availableParallelism(), words.towns);
  await runTowns(jobsOf(words), threads, (report) => {
    reports.push(report);
    if (words.json !== true && report.breaches.length > 0) tellBroken(report, terminal);
  });
  const broken = reports.filter(({ breaches }) => breaches.length > 0);
  if (words.json === true) terminal.result(JSON.stringify(reports, undefined, 2));
  else terminal.result(summary(reports, broken.length));
  return broken.length === 0 ? 0 : EXIT_PROBLEMS;
}

function* jobsOf({ seed, minutes, towns, phones, without }: SwarmWords): Generator<SwarmJob> {
  const left = without === undefined ? undefined : without.split(',').map(known);
  for (let town = 0; town < towns; town++) {
    yield { options: { seed: seed + town, minutes, phones, without: left }, shrinks: true };
  }
}

/** The same list as in `src/testing/swarm-plan.ts`; a test compares them. */
export const TROUBLE_NAMES: readonly string[] = [
  'weather',
  'cuts',
  'crashes',
  'restarts',
  'reloads',
  'storms',
  'strangers',
  'clock',
  'carriers',
  'disk',
  'vanishing',
  'misbehaviour',
];

function known(trouble: string): string {
  if (TROUBLE_NAMES.includes(trouble)) return trouble;
  throw new TandemError('USAGE', `no kind of trouble is called ${trouble}`, {
    hint: `one of ${TROUBLE_NAMES.join(', ')}`,
  });
}

function tellBroken({ seed, breaches, command, ladder }: SwarmReport, terminal: Terminal): void {
  terminal.result(`seed ${seed} breaks a law`);
  terminal.note(`run it again with   ${command}`);
  for (const { law, why, callId } of breaches) {
    terminal.result(`  ${law}: ${why}${callId === undefined ? '' : ` (call ${callId})`}`);
  }
  if (ladder !== '') terminal.result(`\n${ladder}`);
}

function summary(reports: readonly SwarmReport[], broken: number): string {
  const messages = reports.reduce((sum, report) => sum + report.messages, 0);
  const towns = reports.length === 1 ? '1 town' : `${reports.length} towns`;
  return `${towns}, ${messages} messages, ${broken === 0 ? 'no law broken' : `${broken} with a broken law`}`;
}
