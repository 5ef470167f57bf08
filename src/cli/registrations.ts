/** `tandem regs`: who can be reached where. */
import { listRegistrations } from '../server/control-queries.ts';
import type { RegistrationDocument } from '../server/control-documents.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import type { Session } from './users.ts';

const COLUMNS: readonly Column<RegistrationDocument>[] = [
  { title: 'USER', rank: 0, cell: ({ user }) => user },
  { title: 'CONTACT', rank: 1, cell: ({ contact }) => contact },
  { title: 'EXPIRES (UTC)', rank: 2, cell: ({ expiresAt }) => printTime(expiresAt) },
  { title: 'RECEIVED', rank: 4, cell: ({ received }) => received ?? '' },
  { title: 'Q', rank: 5, right: true, cell: ({ q }) => String(q) },
  { title: 'PHONE', rank: 3, cell: ({ userAgent }) => userAgent },
];

/** `regs ls [USER]`: from the running exchange's memory; else what the disk has kept. */
export async function listRegs(session: Session, user: string | undefined): Promise<number> {
  const asked = await session.commands.ask('regs.ls', user === undefined ? {} : { user });
  const found =
    asked === undefined
      ? await session.commands.read((db) => listRegistrations(db, user, Date.now()))
      : (asked.result as RegistrationDocument[]);
  if (session.json) printResult(session.terminal, true, found, String);
  else if (found.length > 0) printTable(session.terminal, found, COLUMNS, session.wide);
  else session.terminal.note(user === undefined ? 'no phone is registered' : `${user} is not registered`);
  return 0;
}
