/** Laws of the end: what nobody uses any more is gone. */
import type { Millis } from '../base/world.ts';
import type { Complaint, Law } from './laws.ts';
import { IDLE_MS } from './swarm-exchange.ts';
import type { SwarmTown } from './swarm-town.ts';

/** A moment more than any timer that nobody cancels. */
const AFTERWARDS_MS: Millis = 60_000;

/** All calls are over, all phones have gone: neither transactions nor texts, neither dialogs nor channels are left. */
export const nothingLeftAtRest: Law = ({ town }) => {
  const run = town.exchange.current;
  if (run === undefined) return [{ why: 'the exchange is not running' }];
  const { layer, agent, shared, dispatcher } = run.exchange;
  const channels = shared.pools.list().reduce((sum, pool) => sum + pool.calls, 0);
  const left: Readonly<Record<string, number>> = {
    'server transactions': layer.serverCount,
    'client transactions': layer.clientCount,
    'bytes in the slab': layer.slab.bytesUsed,
    'dialogs of ours': agent.dialogCount,
    'routes that wait': dispatcher.waitingRoutes,
    'channels of pools': channels,
    'calls that hold a channel': shared.pools.calls.count,
    bindings: run.location.count,
    'rows on their way': run.writer.waiting,
  };
  return Object.entries(left).flatMap(([what, count]) => (count === 0 ? [] : [{ why: `${count} ${what}` }]));
};

/** Everybody has hung up; then connections end by themselves, and with the exchange its timers and sockets. */
export async function nothingLeftAfterStop(town: SwarmTown): Promise<readonly Complaint[]> {
  const { world, exchange } = town;
  const run = exchange.current;
  if (run === undefined) return [];
  const listeners = run.exchange.transports.listeners.length;
  town.leave();
  await world.run(IDLE_MS + AFTERWARDS_MS);
  const connections = run.process.sockets - listeners;
  await world.until(exchange.stop());
  await world.run(AFTERWARDS_MS);
  const left = { connections, timers: run.process.timers, sockets: run.process.sockets };
  run.process.kill();
  return Object.entries(left).flatMap(([what, count]) => (count === 0 ? [] : [{ why: `${count} ${what}` }]));
}
