/** An ordinary day in a random town: who registers, who calls whom, who hangs up. */
import type { Millis } from '../base/world.ts';
import { SimRandom } from './sim-random.ts';
import { Draw } from './swarm-draw.ts';
import type { Action, CallEnding, People, Planned, PlannedPhone } from './swarm-plan.ts';
import { DOMAINS, MINUTE_MS, QUIET_START_MS } from './swarm-plan.ts';

/** Registrations and calls, whatever else goes wrong. */
export function everyday(people: People): Planned[] {
  const { options, phones } = people;
  const draw = new Draw(new SimRandom(options.seed, 'everyday'));
  const endMs = options.minutes * MINUTE_MS;
  const planned: Planned[] = phones.map((_, phone) => ({
    atMs: draw.from(0, 2_000),
    action: { do: 'register', phone, expires: draw.one([60, 90, 3600]) },
  }));
  // Those behind a NAT must be heard of more often than their binding expires, as in life.
  for (const [phone, { host }] of phones.entries()) {
    const everyMs = host.startsWith('10.') ? draw.from(20_000, 35_000) : draw.from(40_000, 70_000);
    for (let atMs = everyMs; atMs < endMs; atMs += everyMs) {
      planned.push({
        atMs,
        action: { do: 'register', phone, expires: draw.one([60, 61, 90, 120, 0, 3600]) },
      });
    }
  }
  const calls = options.minutes * draw.from(6, 14);
  for (let call = 0; call < calls; call++) planned.push(...plannedCall(people, draw, endMs));
  return planned;
}

function plannedCall(people: People, draw: Draw, endMs: Millis): Planned[] {
  const atMs = draw.from(QUIET_START_MS, Math.max(QUIET_START_MS + 1, endMs - 5_000));
  const phone = draw.from(0, people.phones.length - 1);
  const callee = draw.from(0, people.phones.length - 1);
  const mood: Planned = { atMs: atMs - 1, action: plannedMood(draw, callee) };
  if (people.openInbound && draw.chance(0.1)) {
    const carrier = draw.from(0, people.carriers.length - 1);
    const to = uriOf(people.phones[callee]!); // From 0 to the last.
    return [mood, { atMs, action: { do: 'inbound', carrier, to, afterMs: draw.from(500, 20_000) } }];
  }
  if (draw.chance(0.12)) {
    const method = draw.one(['MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'INFO', 'UNKNOWN']);
    return [{ atMs, action: { do: 'ask', phone, method, to: dialled(people, draw, callee) } }];
  }
  const ending = draw.one<CallEnding>(['caller', 'callee', 'both', 'cancel', 'cancel', 'nobody']);
  const asks = draw.chance(0.3) ? [draw.one(['INVITE', 'INFO', 'UPDATE', 'INVITE'])] : [];
  const to = dialled(people, draw, callee);
  return [mood, { atMs, action: { do: 'call', phone, to, ending, afterMs: callMs(draw, ending), asks } }];
}

/** A CANCEL may cross anything: half of them come within the first moments. */
function callMs(draw: Draw, ending: CallEnding): Millis {
  if (ending === 'cancel') return draw.chance(0.5) ? draw.from(0, 60) : draw.from(60, 8_000);
  return draw.from(300, 30_000);
}

/** What the script makes of a user part: see `swarm-script.ts`. */
function dialled(people: People, draw: Draw, callee: number): string {
  const one = people.phones[callee]!; // From 0 to the last.
  const another = (): string => draw.one(people.phones).user;
  const kind = draw.from(0, 19);
  if (kind < 9) return uriOf(one);
  if (kind < 12) return `sip:+4930${draw.from(100, 999)}@${one.domain}`;
  if (kind < 14) return `sip:team.${one.user}.${another()}.${another()}@${DOMAINS[0]}`;
  if (kind < 15) return `sip:turns.${one.user}.${another()}@${DOMAINS[0]}`;
  if (kind < 17) return `sip:legs.${one.user}.${another()}@${DOMAINS[0]}`;
  if (kind < 18) return `sip:slow.${one.user}@${DOMAINS[0]}`;
  return draw.one([
    `sip:oops@${DOMAINS[0]}`,
    `sip:nobody@${one.domain}`,
    'sip:someone@elsewhere.example',
    `sip:moved.${one.user}@${DOMAINS[0]}`,
  ]);
}

function plannedMood(draw: Draw, phone: number): Action {
  const status = draw.one([200, 200, 200, 200, 200, 200, 486, 603, 302, 480, 500, 503, 0, -1]);
  return {
    do: 'mood',
    phone,
    status,
    ringMs: draw.one([0, 50, 400]),
    afterMs: draw.one([0, 5, 300, 1_500, 6_000, 14_000]),
  };
}

function uriOf({ user, domain }: PlannedPhone): string {
  return `sip:${user}@${domain}`;
}
