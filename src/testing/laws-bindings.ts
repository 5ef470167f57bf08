/** Laws of registrations: what was acknowledged holds, as long as it was said to hold. */
import type { Millis } from '../base/world.ts';
import { branchOf } from './laws-calls.ts';
import type { SipResponse } from '../sip/message.ts';
import { splitList } from '../sip/name-addr.ts';
import type { Complaint, Law } from './laws.ts';
import type { Overheard } from './swarm-log.ts';
import type { SwarmTown } from './swarm-town.ts';

/** Contacts say whole seconds. */
const ROUNDING_MS = 1_000;

/** What one address-of-record was told last. */
interface Acknowledged {
  contacts: ReadonlyMap<string, Millis>;
  /** REGISTERs that were not answered, and the run that heard them: with one, nobody knows what holds. */
  readonly pending: Map<string, number>;
  /** Those that were answered: what is said again is no news. */
  readonly answered: Set<string>;
}

/** Nobody is rung who was not bound when the INVITE came. */
export const bindingsOutlive: Law = ({ town, index }) => {
  const complaints: Complaint[] = [];
  const known = new Set<string>();
  const told = new Map<string, Acknowledged>();
  let at = 0;
  for (const invite of index.invites) {
    for (; at < town.log.messages.length; at++) {
      const overheard = town.log.messages[at]!; // Below the length.
      if (overheard.atMs > invite.atMs) break;
      note(told, overheard);
      for (const { contacts } of told.values()) for (const uri of contacts.keys()) known.add(uri);
    }
    if (invite.inDialog || [...told.values()].some(({ pending }) => pending.size > 0)) continue;
    for (const { uriText } of invite.branches) {
      if (!known.has(uriText)) continue;
      const ends = [...told.values()].map(({ contacts }) => contacts.get(uriText) ?? -Infinity);
      if (Math.max(...ends) + ROUNDING_MS >= invite.wallMs) continue;
      complaints.push({ callId: invite.callId, why: `${uriText} was rung, and is not bound any more` });
    }
  }
  return complaints;
};

/** What a run of the exchange found on its disk is what its forerunners had acknowledged. */
export const bindingsHold: Law = ({ town }) => {
  const complaints: Complaint[] = [];
  for (const [number, { restored, startedMs, startedWall }] of town.exchange.runs.entries()) {
    for (const [aor, { contacts, pending }] of toldBefore(town, number, startedMs)) {
      if (pending.size > 0) continue;
      const there = restored.get(aor) ?? [];
      for (const [uri, expiresWall] of contacts) {
        if (expiresWall <= startedWall + ROUNDING_MS || endsWithConnection(uri)) continue;
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

function toldBefore(town: SwarmTown, run: number, atMs: Millis): ReadonlyMap<string, Acknowledged> {
  const told = new Map<string, Acknowledged>();
  for (const overheard of town.log.messages) {
    if (overheard.run >= run || overheard.atMs > atMs) break;
    note(told, overheard);
    // What was over once does not come back with the wall clock.
    for (const of of told.values()) of.contacts = unexpired(of.contacts, overheard.wallMs);
  }
  return told;
}

function unexpired(contacts: ReadonlyMap<string, Millis>, wallMs: Millis): ReadonlyMap<string, Millis> {
  for (const endMs of contacts.values()) {
    if (endMs <= wallMs) return new Map([...contacts].filter(([, ends]) => ends > wallMs));
  }
  return contacts;
}

function note(told: Map<string, Acknowledged>, { heard, message, wallMs, run }: Overheard): void {
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
    of.contacts = contactsOf(message, wallMs);
    // What was on its way when an earlier run ended is in this answer, or is not at all.
    for (const [other, by] of of.pending) if (by < run) of.pending.delete(other);
  }
}

/** URI → when it ends, on the wall clock. */
function contactsOf(response: SipResponse, wallMs: Millis): Map<string, Millis> {
  const contacts = new Map<string, Millis>();
  for (const value of response.headers.all('Contact').flatMap((field) => splitList(field))) {
    const uri = /<([^>]*)>/.exec(value)?.[1] ?? '';
    const seconds = Number(/;\s*expires=(\d+)/i.exec(value)?.[1] ?? 0);
    contacts.set(uri, wallMs + seconds * 1000);
  }
  return contacts;
}

/** `alice@example.com` of `<sip:alice@example.com>`. */
function aorIn(to: string): string {
  return /sips?:([^>;]*)/.exec(to)?.[1] ?? '';
}
