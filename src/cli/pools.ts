/** `tandem pools`: the servers that calls are spread over. Asks the running exchange; on disk there is nothing. */
import { notRunning } from '../server/control-client.ts';
import type { PoolDocument } from '../server/control-documents.ts';
import type { PoolServerDocument } from '../server/control-pools.ts';
import { type Column, printResult, printTable, printTime } from './output.ts';
import type { Session } from './session.ts';

const POOLS: readonly Column<PoolDocument>[] = [
  { title: 'POOL', rank: 0, cell: ({ name }) => name },
  { title: 'UP', rank: 1, right: true, cell: ({ up, servers }) => `${up}/${servers}` },
  { title: 'CALLS', rank: 2, right: true, cell: ({ calls }) => String(calls) },
  { title: 'PICK', rank: 3, cell: ({ pick }) => pick },
  { title: 'OVERDUE', rank: 4, right: true, cell: ({ overdue }) => String(overdue) },
];

const SERVERS: readonly Column<PoolServerDocument>[] = [
  { title: 'SERVER', rank: 0, cell: ({ server }) => server },
  { title: 'STATE', rank: 1, cell: ({ state }) => state },
  { title: 'CALLS', rank: 2, right: true, cell: ({ calls }) => String(calls) },
  { title: 'CHANNELS', rank: 4, cell: ({ channels }) => channelText(channels) },
  { title: 'WEIGHT', rank: 7, right: true, cell: ({ weight }) => String(weight) },
  { title: 'PRIORITY', rank: 8, right: true, cell: ({ priority }) => String(priority) },
  { title: 'SENT', rank: 6, right: true, cell: ({ sent }) => String(sent) },
  { title: 'FAILED', rank: 5, right: true, cell: ({ failed }) => String(failed) },
  { title: 'SINCE (UTC)', rank: 9, cell: ({ since }) => printTime(since) },
  { title: 'WHY', rank: 3, cell: ({ why }) => why },
];

/** `pools ls` */
export async function listPools(session: Session): Promise<number> {
  const found = (await ask(session, 'pools.ls', {})) as PoolDocument[];
  if (session.json) printResult(session.terminal, true, found, String);
  else if (found.length > 0) printTable(session.terminal, found, POOLS, session.wide);
  else session.terminal.note('no pool is open');
  return 0;
}

/** `pools show POOL` */
export async function showPool(session: Session, pool: string): Promise<number> {
  const found = (await ask(session, 'pools.show', { pool })) as PoolServerDocument[];
  if (session.json) printResult(session.terminal, true, found, String);
  else if (found.length > 0) printTable(session.terminal, found, SERVERS, session.wide);
  else session.terminal.note(`${pool} has no servers`);
  return 0;
}

/** `pools enable POOL SERVER` and `pools disable POOL SERVER` */
export async function switchServer(
  session: Session,
  to: 'enable' | 'disable',
  pool: string,
  server: string,
): Promise<number> {
  const found = (await ask(session, `pools.${to}`, { pool, server })) as PoolServerDocument;
  printResult(
    session.terminal,
    session.json,
    found,
    (one) => `${one.server} is ${one.state}, ${one.calls} calls`,
  );
  return 0;
}

/** Pools live in the exchange alone. */
async function ask(session: Session, command: string, args: object): Promise<unknown> {
  const asked = await session.commands.ask(command, args);
  if (asked === undefined) throw notRunning('its control socket', 'nobody listens there');
  return asked.result;
}

function channelText(channels: PoolServerDocument['channels']): string {
  return Object.entries(channels)
    .map(([kind, { taken, all }]) => `${kind} ${taken}/${all}`)
    .join(', ');
}
