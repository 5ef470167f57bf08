/** The order in which a pool offers its servers: for each of the ways to pick, a rank; the lowest comes first. */
import type { PickName, PickSubject } from '../route/services.ts';
import { aorOf } from '../sip/uri.ts';
import { CALLS_KIND, type PoolServer } from './pool-server.ts';

/** What a rank may depend on. */
export interface PickTurn {
  readonly c: PickSubject;
  readonly needs: readonly string[];
  /** Counts the picks of this pool. */
  readonly turn: number;
}

/** Those that can take the request, best first; `servers` as they are written. */
export function inOrder(servers: readonly PoolServer[], pick: PickName, turn: PickTurn): PoolServer[] {
  const able: PoolServer[] = [];
  for (const server of servers) if (server.isUp && server.hasRoom(turn.needs)) able.push(server);
  if (able.length < 2) return able;
  const ranks = ranksOf(able, pick, turn);
  const order = able.map((_, at) => at);
  order.sort((a, b) => able[b]!.priority - able[a]!.priority || ranks[a]! - ranks[b]!);
  return order.map((at) => able[at]!);
}

function ranksOf(able: readonly PoolServer[], pick: PickName, turn: PickTurn): readonly number[] {
  // Equal ones take turns: a rank has the place in this round as its fraction.
  const round = (at: number): number =>
    ((at + able.length - (turn.turn % able.length)) % able.length) / able.length;
  switch (pick) {
    case 'round-robin':
      return able.map((_, at) => round(at));
    case 'weight':
      return smoothTurns(able);
    case 'least-calls':
      return able.map(({ calls, weight }, at) => (calls / weight) * TIE + round(at));
    case 'most-free':
      return able.map((server, at) => (1 - freeShare(server, turn.needs)) * TIE + round(at));
    case 'hash-call-id':
      return scores(able, turn.c.callId);
    case 'hash-user':
      return scores(able, aorOf(turn.c.from.uri));
    case 'hash-ip':
      return scores(able, turn.c.source.remote.host);
    case 'priority':
      return able.map((_, at) => at);
  }
}

/** One call more or less outweighs whose turn it is. */
const TIE = 1e9;

/** Smooth weighted round robin: everybody gains his weight, who is first pays for all. */
function smoothTurns(able: readonly PoolServer[]): readonly number[] {
  let top = able[0]!.priority;
  for (const { priority } of able) if (priority > top) top = priority;
  let total = 0;
  let best: PoolServer | undefined;
  for (const server of able) {
    if (server.priority !== top) continue;
    total += server.weight;
    server.turn += server.weight;
    if (best === undefined || server.turn > best.turn) best = server;
  }
  const ranks = able.map((server) => -server.turn);
  if (best !== undefined) best.turn -= total;
  return ranks;
}

/** Of the channels that the call needs, the kind with the smallest free share decides. */
function freeShare(server: PoolServer, needs: readonly string[]): number {
  let least = shareOf(server, CALLS_KIND);
  for (const kind of needs) least = Math.min(least, shareOf(server, kind));
  return least;
}

function shareOf(server: PoolServer, kind: string): number {
  const size = server.channels.get(kind);
  return size === undefined || size === 0 ? 1 : server.free(kind) / size;
}

/**
 * Rendezvous hashing: every server has a score for this key, by its weight. When one goes down only its own keys
 * move, each to the server with the next score.
 */
function scores(able: readonly PoolServer[], key: string): readonly number[] {
  const hash = fnv1a(key, 0x811c9dc5);
  return able.map(({ name, weight }) => -Math.log(unit(fnv1a(name, hash))) / weight);
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** A hash, its bits mixed well, as a number between 0 and 1. */
function unit(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000 + Number.EPSILON;
}
