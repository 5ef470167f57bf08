/**
 * Seed → plan. Every kind of trouble draws from a chance of its own, so that one can be left out and all others stay as
 * they are.
 */
import type { NatKind } from './sim-nat.ts';
import { SimRandom } from './sim-random.ts';
import type { PhoneTransport } from './phone-wire.ts';
import { Draw } from './swarm-draw.ts';
import { everyday } from './swarm-everyday.ts';
import {
  domainOf,
  type PlannedNat,
  type PlannedPhone,
  type SwarmOptions,
  type SwarmPlan,
} from './swarm-plan.ts';
import { troubles } from './swarm-troubles.ts';

const NAMES = [
  'alice',
  'bob',
  'carol',
  'dave',
  'erin',
  'frank',
  'grace',
  'heidi',
  'ivan',
  'judy',
  'kim',
  'leo',
] as const;
/** The most phones a town may have. */
export const PHONES_MAX = NAMES.length;
const PHONES_MIN = 3;
const PHONES_USUAL_MAX = 9;
const CARRIERS = 3;
const STRANGERS = 2;
/** The same options make the same plan. */
export function swarmPlan(options: SwarmOptions): SwarmPlan {
  const draw = new Draw(new SimRandom(options.seed, 'people'));
  const usual = draw.from(PHONES_MIN, PHONES_USUAL_MAX);
  const count = options.phones ?? usual;
  const phones = Array.from({ length: count }, (_, at) => plannedPhone(options.seed, at));
  const carriers = Array.from({ length: CARRIERS }, (_, at) => `203.0.113.${101 + at}`);
  const strangers = Array.from({ length: STRANGERS }, (_, at) => `198.51.100.${66 + at}`);
  const nats = plannedNats(options.seed, phones);
  const openInbound = draw.chance(0.4);
  const people = { options, phones, nats, carriers, strangers, openInbound };
  const timeline = [...everyday(people), ...troubles(people)].sort((a, b) => a.atMs - b.atMs);
  return { ...people, timeline };
}

/** Each phone has a chance of its own, so that a town of fewer has the same ones. */
function plannedPhone(seed: number, at: number): PlannedPhone {
  const draw = new Draw(new SimRandom(seed, `phone ${at}`));
  const name = NAMES[at] ?? `phone${at}`;
  // Now and then somebody has a second phone: then both ring.
  const user = at > 0 && draw.chance(0.25) ? NAMES[at - 1]! : name;
  const transport = draw.one<PhoneTransport>([
    'udp',
    'udp',
    'udp',
    'udp',
    'udp',
    'udp',
    'tcp',
    'tcp',
    'tls',
    'ws',
    'wss',
  ]);
  const domain = domainOf(user);
  const host = draw.chance(0.4) ? `10.0.0.${11 + at}` : `192.0.2.${11 + at}`;
  return { name, user, domain, host, transport };
}

function plannedNats(seed: number, phones: readonly PlannedPhone[]): PlannedNat[] {
  const draw = new Draw(new SimRandom(seed, 'nats'));
  const hidden = phones.map(({ host }) => host).filter((host) => host.startsWith('10.'));
  return [0, 1].flatMap((half) => {
    const inside = hidden.filter((_, at) => at % 2 === half);
    const kind = draw.one<NatKind>(['full-cone', 'restricted', 'port-restricted', 'symmetric']);
    const udpTimeoutMs = draw.one([30_000, 120_000, 300_000]);
    return inside.length === 0 ? [] : [{ public: `198.18.0.${1 + half}`, inside, kind, udpTimeoutMs }];
  });
}
