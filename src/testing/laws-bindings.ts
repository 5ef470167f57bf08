/** Laws of registrations: what was acknowledged holds, as long as it was said to hold. */
import type { Millis } from '../base/world.ts';
import { branchOf } from './laws-calls.ts';
import type { SipResponse } from '../sip/message.ts';
import { splitList } from '../sip/name-addr.ts';
import type { Complaint, Law } from './laws.ts';
import type { SwarmRun } from './swarm-exchange.ts';
import type { Overheard } from './swarm-log.ts';
import type { SwarmTown } from './swarm-town.ts';

/** Contacts say whole seconds. */
const ROUNDING_MS = 1_000;

/** How long after a jump of the wall clock the rows of a disk without troubles may still go by the old one. */
const JUMP_NOTICED_MS = 5_000;

/** When a binding ends. A restart goes by the wall clock: after a jump that no row followed yet it is not sure. */
interface End {
  readonly soonestMs: Millis;
  readonly latestMs: Millis;
}

/** What one address-of-record was told last. */
interface Acknowledged {
  contacts: ReadonlyMap<string, End>;
  /** REGISTERs that were not answered, and the run that heard them: with one, nobody knows what holds. */
  readonly pending: Map<string, number>;
  /** Those that were answered: what is said again is no news. */
  readonly answered: Set<string>;
}

/** Nobody is rung who was not bound when the INVITE came, whatever the wall clock did meanwhile. */
export const bindingsOutlive: Law = ({ town, index }) => {
  const complaints: Complaint[] = [];
  const known = new Set<string>();
  const telling = new Telling(town);
  const { told } = telling;
  let at = 0;
  for (const invite of index.invites) {
    for (; at < town.log.messages.length; at++) {
      const overheard = town.log.messages[at]!; // Below the length.
      if (overheard.atMs > invite.atMs) break;
      telling.note(overheard);
      for (const { contacts } of told.values()) for (const uri of contacts.keys()) known.add(uri);
    }
    if (invite.inDialog || [...told.values()].some(({ pending }) => pending.size > 0)) continue;
    for (const { uriText } of invite.branches) {
      if (!known.has(uriText)) continue;
      const ends = [...told.values()].map(({ contacts }) => contacts.get(uriText)?.latestMs ?? -Infinity);
      if (Math.max(...ends) + ROUNDING_MS >= invite.atMs) continue;
      complaints.push({ callId: invite.callId, why: `${uriText} was rung, and is not bound any more` });
    }
  }
  return complaints;
};

/** What a run of the exchange found on its disk is what its forerunners had acknowledged. */
export const bindingsHold: Law = ({ town }) => {
  const complaints: Complaint[] = [];
  const { runs } = town.exchange;
  for (const [number, run] of runs.entries()) {
    const { restored, startedMs } = run;
    const telling = toldBefore(town, number, startedMs);
    for (const [aor, { contacts, pending }] of telling.told) {
      if (pending.size > 0) continue;
      const there = restored.get(aor) ?? [];
      for (const [uri, end] of contacts) {
        // What was over once does not come back with the wall clock.
        if (end.soonestMs <= telling.endedBefore(number) + ROUNDING_MS) continue;
        if (telling.restored(end, run).soonestMs <= startedMs + ROUNDING_MS || endsWithConnection(uri))
          continue;
        if (!there.includes(uri)) {
          complaints.push({ why: `${aor} at ${uri} was acknowledged, and is gone after the restart` });
        }
      }
    }
  }
  return complaints;
};

/** Who is reached only by the connection he made is reached no more when it ends. Phones of towns listen for TCP. */
function endsWithConnection(uri: string): boolean {
  return /;transport=(?:tls|ws)/.test(uri) || /@10\..*;transport=tcp/.test(uri);
}

function toldBefore(town: SwarmTown, run: number, atMs: Millis): Telling {
  const telling = new Telling(town);
  for (const overheard of town.log.messages) {
    if (overheard.run >= run || overheard.atMs > atMs) break;
    telling.note(overheard);
  }
  telling.goOn(run - 1);
  return telling;
}

/** By how much the wall clock was ahead of the other one, and when that was last seen. */
interface Ahead {
  readonly byMs: Millis;
  untilMs: Millis;
}

/** Goes along with what is heard and said, through every run. */
class Telling {
  readonly told = new Map<string, Acknowledged>();
  private readonly runs: readonly SwarmRun[];
  /** Whether rows may be late, or never be written. */
  private readonly diskTroubles: boolean;
  private readonly aheads: Ahead[] = [];
  private run = 0;

  constructor(town: SwarmTown) {
    this.runs = town.exchange.runs;
    this.diskTroubles = town.plan.timeline.some(({ action }) => action.do === 'disk');
  }

  note(overheard: Overheard): void {
    this.goOn(overheard.run);
    this.see(overheard);
    note(this.told, overheard);
  }

  /** Through runs in which nothing was heard, too. */
  goOn(run: number): void {
    for (; this.run < run; this.run++) this.restarted(this.runs[this.run + 1]);
  }

  /** When the run before this one ended. */
  endedBefore(number: number): Millis {
    const startedMs = this.runs[number]?.startedMs ?? Infinity;
    return Math.min(this.runs[number - 1]?.endedMs ?? startedMs, startedMs);
  }

  /** When a binding ends of which a run learned from the disk. */
  restored({ soonestMs, latestMs }: End, run: SwarmRun): End {
    const { startedMs, startedWall } = run;
    const then = startedWall - startedMs;
    const sinceMs = this.diskTroubles ? 0 : this.endedBefore(this.runs.indexOf(run)) - JUMP_NOTICED_MS;
    // What was seen last held until the end, however long before that was.
    const held = this.aheads.filter((ahead) => ahead.untilMs >= sinceMs || ahead === this.aheads.at(-1));
    const late = held.map(({ byMs }) => byMs - then);
    return { soonestMs: soonestMs + Math.min(0, ...late), latestMs: latestMs + Math.max(0, ...late) };
  }

  private see({ atMs, wallMs }: Overheard): void {
    const last = this.aheads.at(-1);
    if (last !== undefined) last.untilMs = atMs;
    const byMs = wallMs - Math.floor(atMs);
    if (last === undefined || Math.abs(last.byMs - byMs) > 1) this.aheads.push({ byMs, untilMs: atMs });
  }

  private restarted(run: SwarmRun | undefined): void {
    if (run === undefined) return;
    for (const [aor, of] of this.told) {
      const there = [...of.contacts].filter(([uri]) => run.restored.get(aor)?.includes(uri));
      of.contacts = new Map(there.map(([uri, end]) => [uri, this.restored(end, run)]));
    }
  }
}

function note(told: Map<string, Acknowledged>, overheard: Overheard): void {
  const { heard, message, run } = overheard;
  if (message.method !== 'REGISTER') return;
  const aor = aorIn(message.headers.get('To') ?? '');
  const of = told.get(aor) ?? { contacts: new Map(), pending: new Map(), answered: new Set() };
  told.set(aor, of);
  const key = `${run} ${message.callId} ${message.cseq} ${branchOf(message)}`;
  if (heard && message.kind === 'request') {
    // A challenge changes nothing, and whoever has no credentials is only challenged.
    const mayChange = message.headers.get('Authorization') !== undefined;
    if (mayChange && !of.answered.has(key)) of.pending.set(key, run);
  } else if (!heard && message.kind === 'response' && message.status >= 200 && !of.answered.has(key)) {
    of.answered.add(key);
    // Who was told of a fault does not know whether it was carried out nevertheless.
    if (message.status < 500) of.pending.delete(key);
    if (message.status !== 200) return;
    of.contacts = contactsOf(message, overheard.atMs);
    // What was on its way when an earlier run ended is in this answer, or is not at all.
    for (const [other, by] of of.pending) if (by < run) of.pending.delete(other);
  }
}

/** URI → when it ends. */
function contactsOf(response: SipResponse, atMs: Millis): Map<string, End> {
  const contacts = new Map<string, End>();
  for (const value of response.headers.all('Contact').flatMap((field) => splitList(field))) {
    const uri = /<([^>]*)>/.exec(value)?.[1] ?? '';
    const seconds = Number(/;\s*expires=(\d+)/i.exec(value)?.[1] ?? 0);
    const endsMs = atMs + seconds * 1000;
    contacts.set(uri, { soonestMs: endsMs, latestMs: endsMs });
  }
  return contacts;
}

/** `alice@example.com` of `<sip:alice@example.com>`. */
function aorIn(to: string): string {
  return /sips?:([^>;]*)/.exec(to)?.[1] ?? '';
}
