/**
 * What holds in every town, whatever happened in it. A law looks at what the exchange heard and said, at its disk, at
 * what is left in it when all is over, and names whoever broke it.
 */
import { CallIndex } from './laws-calls.ts';
import { bindingsHold, bindingsOutlive } from './laws-bindings.ts';
import { nothingLeftAfterStop, nothingLeftAtRest } from './laws-rest.ts';
import { oneRecord, rightSeconds } from './laws-records.ts';
import { branchesEnd, callsEndAtPhones, noBranchAfterAnswer, oneFinalResponse } from './laws-invites.ts';
import {
  noErrorsLogged,
  noFaults,
  nothingForSentinel,
  nothingForStrangers,
  onlySip,
  repeatsEnd,
} from './laws-traffic.ts';
import type { SwarmTown } from './swarm-town.ts';

/** A law that was broken, and how. */
export interface Breach {
  readonly law: string;
  readonly why: string;
  /** Of the call that shows it. */
  readonly callId?: string | undefined;
}

/** What is wrong, and whose call shows it. */
export interface Complaint {
  readonly why: string;
  readonly callId?: string | undefined;
}

/** What a law is given. */
export interface Evidence {
  readonly town: SwarmTown;
  readonly index: CallIndex;
}

/** Every complaint of one kind. */
export type Law = (evidence: Evidence) => readonly Complaint[];

/** The laws that can be judged while the exchange still runs, by what they say. */
export const LAWS: Readonly<Record<string, Law>> = {
  'nothing fails that nobody waits for': noFaults,
  'no mistake of ours is in the log': noErrorsLogged,
  'every INVITE gets one final response': oneFinalResponse,
  'no branch rings on when the call is over': branchesEnd,
  'no branch begins when the call was answered': noBranchAfterAnswer,
  'where nothing is in the way every call ends at its phones': callsEndAtPhones,
  'every call that was answered has one record': oneRecord,
  'a record has the right seconds': rightSeconds,
  'no binding outlives its time': bindingsOutlive,
  'no registration that was acknowledged is lost': bindingsHold,
  'a victim of strangers gets no packet': nothingForSentinel,
  'nothing is relayed for strangers': nothingForStrangers,
  'only SIP is said': onlySip,
  'nothing is said again without end': repeatsEnd,
  'nothing is left when all is quiet': nothingLeftAtRest,
};

/** Judges a town that has come to rest, then switches it off, and looks at what is left. */
export async function broken(town: SwarmTown): Promise<Breach[]> {
  const { strangers } = town.plan;
  const index = new CallIndex(town.log.messages, (host) => strangers.includes(host));
  const evidence = { town, index };
  const breaches = Object.entries(LAWS).flatMap(([law, complaints]) =>
    complaints(evidence).map((complaint): Breach => ({ law, ...complaint })),
  );
  for (const complaint of await nothingLeftAfterStop(town)) {
    breaches.push({ law: 'nothing is left after the end', ...complaint });
  }
  return breaches;
}
