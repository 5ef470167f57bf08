/** What goes wrong in a random town. Each kind of trouble draws from a chance of its own. */
import { SimRandom } from './sim-random.ts';
import { Draw } from './swarm-draw.ts';
import type { Action, HostileKind, People, Planned, Trouble } from './swarm-plan.ts';
import { MINUTE_MS, QUIET_START_MS, TROUBLES } from './swarm-plan.ts';

/** What goes wrong, and when. */
export function troubles(people: People): Planned[] {
  const { seed, minutes, without = [] } = people.options;
  const endMs = minutes * MINUTE_MS;
  return TROUBLES.flatMap((trouble) => {
    const draw = new Draw(new SimRandom(seed, trouble));
    // Not every town has every trouble: some faults show only where the rest is calm.
    if (!draw.chance(0.55) || without.includes(trouble)) return [];
    const count = Math.max(1, Math.round((minutes * draw.from(1, OFTEN[trouble])) / 2));
    return Array.from({ length: count }, () => {
      const atMs = draw.from(QUIET_START_MS, endMs);
      return HAPPENINGS[trouble](draw, people).map((action, at) => ({ atMs: atMs + at, action }));
    }).flat();
  });
}

/** At most so often in two minutes. */
const OFTEN: Readonly<Record<Trouble, number>> = {
  weather: 3,
  cuts: 4,
  crashes: 2,
  restarts: 2,
  reloads: 6,
  storms: 3,
  strangers: 20,
  clock: 3,
  carriers: 8,
  disk: 4,
  vanishing: 4,
  misbehaviour: 5,
};

const HAPPENINGS: Readonly<Record<Trouble, (draw: Draw, people: People) => Action[]>> = {
  weather: (draw) => [
    {
      do: 'weather',
      loss: draw.one([0, 0.02, 0.1, 0.3]),
      jitterMs: draw.one([0, 20, 200]),
      reordering: draw.one([0, 0.1, 0.5]),
      duplication: draw.one([0, 0.1, 0.5]),
    },
  ],
  cuts: (draw, { phones, carriers }) => [
    {
      do: 'cut',
      host: draw.one([...phones.map(({ host }) => host), ...carriers]),
      forMs: draw.from(500, 50_000),
    },
  ],
  crashes: (draw) => [{ do: 'crash', downMs: draw.from(50, 5_000) }],
  restarts: (draw) => [{ do: 'restart', downMs: draw.from(50, 2_000) }],
  reloads: () => [{ do: 'reload' }],
  storms: (draw, { phones }) =>
    Array.from({ length: phones.length * draw.from(2, 12) }, () => ({
      do: 'register',
      phone: draw.from(0, phones.length - 1),
      expires: draw.one([60, 3600, 0, 600, 10, 4_294_967_295]),
    })),
  strangers: (draw, { strangers }) => [
    {
      do: 'hostile',
      stranger: draw.from(0, strangers.length - 1),
      kind: draw.one<HostileKind>([
        'torture',
        'mutant',
        'mutant',
        'relay',
        'relay',
        'register',
        'hangUp',
        'forgedResponse',
        'cancel',
        'stream',
      ]),
      times: draw.from(1, 10),
    },
  ],
  clock: (draw) => [{ do: 'clock', byMs: draw.one([-3_600_000, -5_000, -300, 300, 5_000, 3_600_000]) }],
  carriers: (draw, { carriers }) => [
    {
      do: 'carrier',
      carrier: draw.from(0, carriers.length - 1),
      mood: draw.one(['well', 'well', 'dead', 'silent', 'busy', 'broken']),
    },
  ],
  disk: (draw) => [{ do: 'disk', commitMs: draw.one([1, 10, 50, 500, 2_000]), broken: draw.chance(0.3) }],
  vanishing: (draw, { phones }) => [
    { do: 'vanish', phone: draw.from(0, phones.length - 1), forMs: draw.from(500, 60_000) },
  ],
  misbehaviour: (draw, { phones }) => [
    {
      do: 'misbehave',
      phone: draw.from(0, phones.length - 1),
      how: draw.one(['neverAcks', 'ignoresBye', 'ignoresCancel']),
      does: draw.chance(0.6),
    },
  ],
};
