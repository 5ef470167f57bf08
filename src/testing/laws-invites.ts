/** Laws of INVITEs: one answer each, and nobody rings for nothing. */
import type { Millis } from '../base/world.ts';
import type { HeardInvite } from './laws-calls.ts';
import type { Complaint, Evidence, Law } from './laws.ts';
import type { SwarmTown } from './swarm-town.ts';

/** Serial branches, each with its ring time, and timer C behind them. */
const ANSWERED_WITHIN_MS = 360_000;
/** A CANCEL leaves at once; a message that is on its way may cross it. */
const AT_ONCE_MS = 100;
/** Who was not heard of at all so long is given up: RFC 3261 §17.1.1.2, timer B. */
const FORGOTTEN_MS = 32_000;

/** Retransmissions of one final response are one; several 2xx may come of forks. RFC 3261 §16.7 step 5 */
export const oneFinalResponse: Law = ({ town, index }) => {
  const connectionsBreak = mayBreakConnections(town);
  return index.invites.flatMap((invite): Complaint[] => {
    const { finals, callId, run } = invite;
    // These leave no transaction: the same INVITE, delayed or doubled, may find us in another mood.
    const refused = finals.filter(({ status }) => status >= 300 && status !== 407 && status !== 503);
    const said = finals.map(({ status }) => status).join(', ');
    if (refused.length > 1) return [{ callId, why: `answered with ${said}` }];
    if (refused.length > 0 && finals[0]!.status < 300)
      return [{ callId, why: `refused after a 2xx: ${said}` }];
    if (finals.length > 0 || (invite.streamed && connectionsBreak)) return [];
    const ran = town.exchange.runs[run];
    const untilMs = Math.min(ran?.endedMs ?? 0, town.world.clock.now());
    const dropped = ran?.exchange.protection.guard?.dropped ?? 0;
    const mayBeUnheard = dropped > 0 && invite.provisionals === 0;
    if (mayBeUnheard || untilMs - invite.atMs < ANSWERED_WITHIN_MS) return [];
    return [{ callId, why: `no final response within ${ANSWERED_WITHIN_MS / 1000} s` }];
  });
};

/** Who was heard of, and has not answered when the call is over, is cancelled. RFC 3261 §16.7 step 10 */
export const branchesEnd: Law = (evidence) => {
  const connectionsBreak = mayBreakConnections(evidence.town);
  return evidence.index.invites.flatMap((invite): Complaint[] => {
    const overMs = overAt(invite);
    if (overMs === undefined || invite.inDialog) return [];
    return invite.branches.flatMap(
      ({ firstHeardMs, cancelledMs, finals, uriText, atMs, streamed }): Complaint[] => {
        if (firstHeardMs === undefined || cancelledMs !== undefined || (streamed && connectionsBreak))
          return [];
        if (firstHeardMs - atMs > FORGOTTEN_MS) return [];
        const dueMs = Math.max(overMs, firstHeardMs) + AT_ONCE_MS;
        if (finals.some((final) => final.atMs <= dueMs) || !livedUntil(evidence, invite.run, dueMs))
          return [];
        return [{ callId: invite.callId, why: `${uriText} was not cancelled` }];
      },
    );
  });
};

/** Branches that are on the way at that instant aside. */
export const noBranchAfterAnswer: Law = ({ index }) =>
  index.invites.flatMap((invite): Complaint[] => {
    const answeredMs = invite.finals.find(({ status }) => status < 300)?.atMs ?? Infinity;
    const late = invite.branches.find(({ atMs }) => atMs > answeredMs + 1);
    return late === undefined ? [] : [{ callId: invite.callId, why: `${late.uriText} was rung afterwards` }];
  });

const IN_THE_WAY: readonly string[] = [
  'weather',
  'cut',
  'crash',
  'restart',
  'vanish',
  'misbehave',
  'carrier',
];

/** Without loss, cuts, restarts and NATs that forget, both sides know how it ended. */
export const callsEndAtPhones: Law = ({ town }) => {
  const { timeline, nats } = town.plan;
  if (nats.length > 0 || timeline.some(({ action }) => IN_THE_WAY.includes(action.do))) return [];
  return town.phones.flatMap((phone) =>
    phone.calls.flatMap(({ state, callId }): Complaint[] =>
      state === 'ended' ? [] : [{ callId, why: `${phone.name} is still ${state}` }],
    ),
  );
};

/** Nobody can be told anything over a connection that is gone. */
function mayBreakConnections({ plan }: SwarmTown): boolean {
  return plan.timeline.some(({ action }) => action.do === 'vanish' || action.do === 'cut');
}

function overAt({ finals, cancelledMs }: HeardInvite): Millis | undefined {
  const endMs = Math.min(cancelledMs ?? Infinity, finals[0]?.atMs ?? Infinity);
  return endMs === Infinity ? undefined : endMs;
}

function livedUntil({ town }: Evidence, run: number, atMs: Millis): boolean {
  const endedMs = town.exchange.runs[run]?.endedMs ?? 0;
  return Math.min(endedMs, town.world.clock.now()) > atMs;
}
