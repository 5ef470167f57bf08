/** What only the memory of a running exchange knows: a simulation has it in its own exchange too. */
import type { CallCountDocument } from '../server/control-limits.ts';
import type { PoolDocument } from '../server/control-documents.ts';
import type { PoolServerDocument } from '../server/control-pools.ts';
import type { Exchange } from '../server/exchange.ts';
import type { Pool } from '../trunk/pool.ts';
import type { PoolServer } from '../trunk/pool-server.ts';
import type { Commands } from './commands.ts';

/** Servers that get no requests, the channels that are taken at the others, and the calls that users have. */
export async function asTheyAre(commands: Commands, { shared }: Exchange): Promise<void> {
  const counts = (await commands.ask('limits.ls', {}))?.result as CallCountDocument[] | undefined;
  for (const { owner, calls } of counts ?? []) shared.users.calls.assume(owner, calls);
  const pools = (await commands.ask('pools.ls', {}))?.result as PoolDocument[] | undefined;
  const here = new Map(shared.pools.list().map((pool) => [pool.name, pool]));
  for (const { name } of pools ?? []) {
    const pool = here.get(name);
    if (pool === undefined) continue;
    const shown = (await commands.ask('pools.show', { pool: name }))?.result as
      | PoolServerDocument[]
      | undefined;
    for (const document of shown ?? []) {
      const server = pool.servers.find((one) => one.name === document.server);
      if (server !== undefined) makeAs(pool, server, document);
    }
  }
}

/** Which call holds which channels is not told, and does not matter to the next one. */
function makeAs(pool: Pool, server: PoolServer, { calls, channels, state }: PoolServerDocument): void {
  for (let call = 0; call < calls; call++) {
    const kinds = Object.entries(channels).filter(([, { taken }]) => taken > call);
    pool.take(
      server,
      kinds.map(([kind]) => kind),
    );
  }
  if (state !== 'up') server.disable();
}
