/** A thread that lives through random towns, one after the other: told seeds, it tells how each went. */
import { parentPort } from 'node:worker_threads';
import type { SwarmJob, SwarmReport } from '../cli/swarm-pool.ts';
import { diskMaker } from './swarm-disk.ts';
import { type SwarmOptions, TROUBLES } from './swarm-plan.ts';
import { commandOf, runSwarm, shrink, type SwarmOutcome } from './swarm.ts';

const makeDisk = await diskMaker();

parentPort?.on('message', (job: SwarmJob) => {
  void run(job).then((report) => parentPort?.postMessage(report));
});

async function run({ options: asked, shrinks }: SwarmJob): Promise<SwarmReport> {
  const options = { ...asked, without: TROUBLES.filter((trouble) => asked.without?.includes(trouble)) };
  const live = (of: SwarmOptions): Promise<SwarmOutcome> => runSwarm(of, makeDisk);
  const outcome = await live(options);
  const shown = shrinks && outcome.breaches.length > 0 ? await shrink(outcome, live) : outcome;
  return {
    seed: options.seed,
    breaches: shown.breaches,
    command: commandOf(shown.options),
    ladder: shown.ladder,
    messages: outcome.messages,
    fingerprint: outcome.fingerprint,
  };
}
