/** `status` of a running exchange: what whoever is called at night looks at first. */
import type { StatusDocument } from './control-documents.ts';
import { poolDocument } from './control-pools.ts';
import type { Exchange } from './exchange.ts';

/** What it says of the traffic. */
export type TrafficStatus = Omit<StatusDocument, keyof ProcessStatus>;
type ProcessStatus = Pick<
  StatusDocument,
  'version' | 'pid' | 'listeners' | 'dataFolder' | 'startedAt' | 'database'
>;

/** How much the stores keep in memory. */
export interface KeptCounts {
  readonly calls: { readonly count: number };
  readonly location: { readonly count: number };
}

/** Read from the counts of the exchange: no call and no row is looked at. */
export function trafficStatus(exchange: Exchange, kept: KeptCounts, scriptFile: string): TrafficStatus {
  const { dispatcher, layer, protection, shared } = exchange;
  const { refused, crowding } = layer.counters;
  return {
    script: {
      file: scriptFile,
      generation: dispatcher.generation.number,
      errors: exchange.scriptErrors,
      slowRoutes: dispatcher.slowRoutes,
    },
    calls: kept.calls.count,
    registrations: kept.location.count,
    transactions: { now: layer.count, max: layer.transactionsMax, refused, refusedOfSource: crowding },
    pools: shared.pools.list().map(poolDocument),
    banned: protection.bans.list().length,
    failedLogins: protection.failedLogins,
    droppedOfStrangers: protection.guard?.dropped ?? 0,
    isRefusingNew: dispatcher.draining,
  };
}
