/** One random town under one seed: lived through, judged by the laws, made smaller when it breaks one. */
import { ladder } from './ladder.ts';
import { broken, type Breach } from './laws.ts';
import type { SwarmDisk } from './swarm-disk.ts';
import { type SwarmOptions, type SwarmPlan, TROUBLES } from './swarm-plan.ts';
import { swarmPlan } from './swarm-planner.ts';
import { SwarmTown } from './swarm-town.ts';
import { EXCHANGE } from './town.ts';

/** How it went. */
export interface SwarmOutcome {
  readonly options: SwarmOptions;
  readonly breaches: readonly Breach[];
  /** Equal for two runs that were equal. */
  readonly fingerprint: string;
  readonly messages: number;
  /** The flow of the first guilty call; empty when none is guilty. */
  readonly ladder: string;
}

/** Lives through the town of these options. Never rejects: what throws breaks a law. */
export async function runSwarm(options: SwarmOptions, makeDisk: () => SwarmDisk): Promise<SwarmOutcome> {
  const plan: SwarmPlan = swarmPlan(options);
  const town = new SwarmTown(plan, makeDisk());
  const breaches: Breach[] = [];
  try {
    await town.live();
    breaches.push(...(await broken(town)));
  } catch (error) {
    breaches.push({
      law: 'nothing throws',
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  } finally {
    town.disk.close();
  }
  const { fingerprint, messages } = town.log;
  return { options, breaches, fingerprint, messages: messages.length, ladder: guiltyLadder(town, breaches) };
}

/** Less of everything, as long as the same law is broken: fewer minutes, fewer phones, fewer kinds of trouble. */
export async function shrink(
  outcome: SwarmOutcome,
  run: (options: SwarmOptions) => Promise<SwarmOutcome>,
): Promise<SwarmOutcome> {
  let smallest = outcome;
  const law = outcome.breaches[0]?.law;
  if (law === undefined) return outcome;
  for (const smaller of smallerOnes) {
    for (let options = smaller(smallest.options); options !== undefined;) {
      const tried = await run(options);
      if (tried.breaches[0]?.law !== law) break;
      smallest = tried;
      options = smaller(smallest.options);
    }
  }
  return smallest;
}

/** Each makes one thing less; undefined when there is no less. */
const smallerOnes: readonly ((options: SwarmOptions) => SwarmOptions | undefined)[] = [
  ...TROUBLES.map((trouble) => (options: SwarmOptions): SwarmOptions | undefined => {
    const { without = [] } = options;
    return without.includes(trouble) ? undefined : { ...options, without: [...without, trouble] };
  }),
  (options) => {
    const phones = (options.phones ?? swarmPlan(options).phones.length) - 1;
    return phones < 2 ? undefined : { ...options, phones };
  },
  (options) => (options.minutes > 1 ? { ...options, minutes: Math.floor(options.minutes / 2) } : undefined),
];

/** The words that run this town again. */
export function commandOf({ seed, minutes, phones, without = [] }: SwarmOptions): string {
  const fewer = phones === undefined ? '' : ` --phones ${phones}`;
  const calmer = without.length === 0 ? '' : ` --without ${without.join(',')}`;
  return `tandem swarm --seed ${seed} --minutes ${minutes}${fewer}${calmer}`;
}

function guiltyLadder(town: SwarmTown, breaches: readonly Breach[]): string {
  const callId = breaches.find((breach) => breach.callId !== undefined)?.callId;
  if (callId === undefined) return '';
  const { entries } = town.world.network.trace;
  // Streams are cut anywhere, so one that carries the call is shown whole.
  const streams = new Set(entries.filter(({ text }) => text.includes(callId)).map(({ stream }) => stream));
  const ofCall = entries.filter(({ stream, text }) =>
    stream === 0 ? text.includes(callId) : streams.has(stream),
  );
  const involved = new Set(ofCall.flatMap(({ fromHost, toHost }) => [fromHost, toHost]));
  const columns = Object.entries({ [EXCHANGE]: 'tandem', ...town.hosts }).filter(([host]) =>
    involved.has(host),
  );
  return ladder(ofCall, Object.fromEntries(columns));
}
