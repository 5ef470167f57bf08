/** Laws of call records: each call that was answered has one, and it says how long the call was. */
import type { Millis } from '../base/world.ts';
import { branchOf, type HeardInvite } from './laws-calls.ts';
import type { Complaint, Evidence, Law } from './laws.ts';
import type { CallRow, SwarmDisk } from './swarm-disk.ts';
import type { SwarmTown } from './swarm-town.ts';

const TOLERANCE_MS = 1_000;
/** Who has not answered by then is not there, RFC 3261 §17.1.2.2; and a moment more. */
const TIMER_F_MS = 34_000;

/** Those whose rows were on their way to the disk when the exchange crashed aside. */
export const oneRecord: Law = ({ town, index }) => {
  const rows = town.disk.calls();
  return index.invites.flatMap((invite): Complaint[] => {
    const { callId, fromTag, finals } = invite;
    const answered = finals.some(({ status }) => status < 300);
    if (invite.inDialog || !answered || town.disk.lostCalls.has(callId)) return [];
    const ofCall = rows.filter((row) => row.call_id === callId && row.from_tag === fromTag);
    if (ofCall.some(({ id }) => town.disk.lostCalls.has(id))) return [];
    const successes = ofCall.filter(({ status }) => status !== null && status < 300);
    return successes.length === 1
      ? []
      : [{ callId, why: `${successes.length} records say that it was answered` }];
  });
};

/** From the first 2xx of a callee to one of the BYEs: forks that both answer are hung up on one by one. */
export const rightSeconds: Law = (evidence) => {
  const { town, index } = evidence;
  const rows = town.disk.calls();
  const byes = byesHeard(town);
  const ended = dialogsEnded(town);
  return index.invites.flatMap((invite): Complaint[] => {
    const { callId, inDialog } = invite;
    const answeredMs = answeredAt(invite);
    const endsMs = byes.get(callId) ?? [];
    if (answeredMs === undefined || inDialog || isClockBlurred(evidence, invite, endsMs)) return [];
    const row = rows.find((one) => one.call_id === callId && one.status !== null && one.status < 300);
    if (row === undefined || isLost(town.disk, row) || (endsMs[0] ?? 0) < answeredMs) return [];
    if (row.state !== 'ended')
      return dialogsOf(invite).every((tag) => ended.has(`${callId} ${tag}`))
        ? [{ callId, why: `hung up, and its record is ${row.state}` }]
        : [];
    return wrongSeconds(
      row,
      endsMs.map((endMs) => endMs - answeredMs),
    );
  });
};

function wrongSeconds(row: CallRow, talkedMs: readonly Millis[]): Complaint[] {
  const { call_id: callId, duration_ms: durationMs } = row;
  if (durationMs !== null && talkedMs.some((ms) => Math.abs(durationMs - ms) <= TOLERANCE_MS)) return [];
  return [{ callId, why: `lasted ${talkedMs.join(' or ')} ms, and its record says ${durationMs} ms` }];
}

function isLost(disk: SwarmDisk, { id, call_id: callId }: CallRow): boolean {
  return disk.lostCalls.has(id) || disk.lostCalls.has(callId);
}

/** The tags of those who answered. */
function dialogsOf({ branches }: HeardInvite): string[] {
  return branches.flatMap(({ finals }) =>
    finals.filter(({ status }) => status < 300).map(({ toTag }) => toTag),
  );
}

/** When the first 2xx of a branch was heard. */
function answeredAt({ branches }: HeardInvite): Millis | undefined {
  const times = branches.flatMap(({ finals }) =>
    finals.filter(({ status }) => status < 300).map(({ atMs }) => atMs),
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

/** By Call-ID: when each BYE was first heard. Over a restart it begins anew. */
function byesHeard(town: SwarmTown): ReadonlyMap<string, readonly Millis[]> {
  const times = new Map<string, Millis[]>();
  const seen = new Set<string>();
  for (const { heard, message, atMs, run } of town.log.messages) {
    if (!heard || message.kind !== 'request' || message.method !== 'BYE') continue;
    const key = `${run} ${message.headers.text}`;
    if (seen.has(key)) continue;
    seen.add(key);
    times.set(message.callId, [...(times.get(message.callId) ?? []), atMs]);
  }
  return times;
}

/** Dialogs, `call-id tag`, with a BYE that was passed on and accepted, or that nobody was there to accept. */
function dialogsEnded(town: SwarmTown): ReadonlySet<string> {
  const ended = new Set<string>();
  for (const { callId, tags, atMs, run, accepted } of byesSent(town)) {
    const untilMs = Math.min(town.exchange.runs[run]?.endedMs ?? 0, town.world.clock.now());
    if (accepted || untilMs > atMs + TIMER_F_MS) for (const tag of tags) ended.add(`${callId} ${tag}`);
  }
  return ended;
}

interface SentBye {
  readonly callId: string;
  /** Of both sides. */
  readonly tags: readonly string[];
  readonly atMs: Millis;
  readonly run: number;
  accepted: boolean;
}

/** Each once for all its retransmissions. */
function byesSent(town: SwarmTown): Iterable<SentBye> {
  const byes = new Map<string, SentBye>();
  for (const { heard, message, atMs, run } of town.log.messages) {
    if (message.method !== 'BYE') continue;
    const { callId, fromTag, toTag } = message;
    const key = `${run} ${branchOf(message)}`;
    if (!heard && message.kind === 'request') {
      if (!byes.has(key)) byes.set(key, { callId, tags: [fromTag, toTag], atMs, run, accepted: false });
    } else if (heard && message.kind === 'response' && message.status >= 200) {
      const bye = byes.get(key);
      if (bye !== undefined) bye.accepted = true;
    }
  }
  return byes.values();
}

/** Over a restart the wall clock says how long a call lasted: one that was moved meanwhile says something else. */
function isClockBlurred({ town }: Evidence, { atMs }: HeardInvite, endsMs: readonly Millis[]): boolean {
  const endMs = Math.max(...endsMs);
  const restarted = town.exchange.runs.some(({ startedMs }) => startedMs > atMs && startedMs <= endMs);
  return restarted && town.wallJumps.some((jumpMs) => jumpMs >= atMs && jumpMs <= endMs);
}
