/** Laws of what is sent, and of what the exchange says about itself. */
import type { Complaint, Law } from './laws.ts';
import { EVIL, SENTINEL } from './swarm-hostile.ts';
import { THROWN } from './swarm-script.ts';
import { EXCHANGE } from './town.ts';

/** A request that nobody answers is sent eleven times, and each copy of a request is answered once. */
const REPEATS_MAX = 64;
/** What an operator is told as an error and is no mistake of ours. */
const EXPECTED_ERRORS: readonly string[] = [
  'call records were not written; they are written again',
  'a trunk is down: none of its servers is left',
];

/** Whatever happens by itself happens without an error. */
export const noFaults: Law = ({ town }) => town.faults.map((fault) => ({ why: textOf(fault) }));

/** The script throws on purpose now and then, and the disk breaks. */
export const noErrorsLogged: Law = ({ town }) =>
  town.world.logged.flatMap(({ host, level, what, facts }): Complaint[] => {
    if (host !== EXCHANGE || level !== 'error' || EXPECTED_ERRORS.includes(what)) return [];
    const why = `${what} ${JSON.stringify(facts)}`;
    if (why.includes(THROWN)) return [];
    const callId = 'call' in facts && typeof facts.call === 'string' ? facts.call : undefined;
    return [{ why, callId }];
  });

/** Neither packets nor connections. */
export const nothingForSentinel: Law = ({ town }) =>
  town.log.addressed.has(SENTINEL) ? [{ why: `something was sent to ${SENTINEL}` }] : [];

/** Where strangers may not call, what they send leads to nobody. */
export const nothingForStrangers: Law = ({ town }) => {
  const { strangers, openInbound } = town.plan;
  if (openInbound) return [];
  return town.log.messages.flatMap(({ heard, peer, message }): Complaint[] => {
    const passed = !heard && message.callId.startsWith(EVIL) && !strangers.includes(peer.host);
    return passed ? [{ callId: message.callId, why: `${message.method} went to ${peer.key}` }] : [];
  });
};

/** Whoever listens can parse it. */
export const onlySip: Law = ({ town }) => town.log.gibberish.map((text) => ({ why: text.substring(0, 200) }));

/** The same text to the same peer. */
export const repeatsEnd: Law = ({ town }) => {
  const times = new Map<string, number>();
  return town.log.messages.flatMap(({ heard, peer, message }): Complaint[] => {
    if (heard) return [];
    const key = `${peer.key} ${message.headers.text}`;
    const count = (times.get(key) ?? 0) + 1;
    times.set(key, count);
    return count === REPEATS_MAX + 1
      ? [{ callId: message.callId, why: `${message.method} went to ${peer.key} again and again` }]
      : [];
  });
};

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
