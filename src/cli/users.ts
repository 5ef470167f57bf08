/** `tandem users`: accounts. */
import { TandemError } from '../base/errors.ts';
import type { UserDocument } from '../server/control-documents.ts';
import { listUsers } from '../server/control-queries.ts';
import type { Commands } from './commands.ts';
import { confirm } from './confirm.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import type { Terminal } from './terminal.ts';

/** What every command of this kind works with. */
export interface Session {
  readonly commands: Commands;
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly wide: boolean;
}

/** `--password` alone asks for it; without a terminal it is read from stdin. */
export type PasswordOption = string | true | undefined;

const COLUMNS: readonly Column<UserDocument>[] = [
  { title: 'USER', rank: 0, cell: ({ user }) => user },
  { title: 'SINCE (UTC)', rank: 1, cell: ({ createdAt }) => printTime(createdAt) },
];

/** `users add NAME@DOMAIN`. */
export async function addUser(session: Session, user: string, given: PasswordOption): Promise<number> {
  const password = await passwordOf(session, given);
  const added = (await session.commands.change('users.add', { user, password })) as UserDocument;
  printResult(session.terminal, session.json, added, () => `added ${added.user}`);
  return 0;
}

/** `users set NAME@DOMAIN`: another password. */
export async function setUser(session: Session, user: string, given: PasswordOption): Promise<number> {
  const password = await passwordOf(session, given);
  const changed = (await session.commands.change('users.set', { user, password })) as UserDocument;
  printResult(session.terminal, session.json, changed, () => `changed ${changed.user}`);
  return 0;
}

/** `users ls [DOMAIN]`. */
export async function listAllUsers(session: Session, domain: string | undefined): Promise<number> {
  const users = await session.commands.read((db) => listUsers(db, domain));
  if (session.json) printResult(session.terminal, true, users, String);
  else if (users.length > 0) printTable(session.terminal, users, COLUMNS, session.wide);
  else session.terminal.note('no users yet; add one:   tandem users add alice@example.com');
  return 0;
}

/** `users rm NAME@DOMAIN`: asks first, or wants `--yes`. */
export async function removeUser(session: Session, user: string, yes: boolean): Promise<number> {
  if (!yes) await confirm(session.terminal, `Remove ${user} and its password?`);
  const removed = (await session.commands.change('users.rm', { user })) as UserDocument;
  printResult(session.terminal, session.json, removed, () => `removed ${removed.user}`);
  return 0;
}

async function passwordOf({ terminal }: Session, given: PasswordOption): Promise<string> {
  if (typeof given === 'string') return given;
  const password = terminal.asks ? await terminal.ask('Password: ', true) : await terminal.firstLine();
  if (password !== '') return password;
  throw new TandemError('USAGE', 'no password: give --password PASSWORD, or a line on stdin');
}
