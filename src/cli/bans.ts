/** `tandem bans`: who is shut out. Bans are in the memory of the running exchange. */
import type { BanDocument } from '../server/bans-commands.ts';
import { notRunning } from '../server/control-client.ts';
import { parseDuration } from './calls.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import type { Session } from './session.ts';

const COLUMNS: readonly Column<BanDocument>[] = [
  { title: 'SOURCE', rank: 0, cell: ({ source }) => source },
  { title: 'UNTIL (UTC)', rank: 1, cell: ({ until }) => printTime(until) },
  { title: 'SINCE (UTC)', rank: 3, cell: ({ since }) => printTime(since) },
  { title: 'REASON', rank: 2, cell: ({ reason }) => reason },
];

/** `bans ls`. */
export async function listBans(session: Session): Promise<number> {
  const bans = (await ask(session, 'bans.ls', {})) as readonly BanDocument[];
  if (session.json) printResult(session.terminal, true, bans, String);
  else if (bans.length > 0) printTable(session.terminal, bans, COLUMNS, session.wide);
  else session.terminal.note('nobody is banned');
  return 0;
}

/** `bans add ADDRESS`. */
export async function addBan(
  session: Session,
  source: string,
  options: { readonly reason: string; readonly for: string },
): Promise<number> {
  const seconds = Math.round(parseDuration(options.for) / 1000);
  const ban = (await ask(session, 'bans.add', { source, reason: options.reason, seconds })) as BanDocument;
  printResult(
    session.terminal,
    session.json,
    ban,
    () => `banned ${ban.source} until ${printTime(ban.until)}`,
  );
  return 0;
}

/** `bans rm ADDRESS`. */
export async function removeBan(session: Session, source: string): Promise<number> {
  const ban = (await ask(session, 'bans.rm', { source })) as BanDocument;
  printResult(session.terminal, session.json, ban, () => `${ban.source} is heard again`);
  return 0;
}

async function ask({ commands }: Session, command: string, args: unknown): Promise<unknown> {
  const asked = await commands.ask(command, args);
  if (asked === undefined) throw notRunning('its control socket', 'nobody listens there');
  return asked.result;
}
