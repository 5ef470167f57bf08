/** `tandem users`: accounts. */
import { TandemError } from '../base/errors.ts';
import type { UserDocument } from '../server/control-documents.ts';
import { listUsers } from '../server/control-queries.ts';
import { confirm } from './confirm.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import { doneText } from './provisions.ts';
import type { Session } from './session.ts';

/** `--password` alone asks for it; without a terminal it is read from stdin. */
export type PasswordOption = string | true | undefined;

/** What `users add`, `set` and `rm` were told beside whom. */
export interface UserOptions {
  readonly password?: PasswordOption;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

const COLUMNS: readonly Column<UserDocument>[] = [
  { title: 'USER', rank: 0, cell: ({ user }) => user },
  { title: 'SINCE (UTC)', rank: 1, cell: ({ createdAt }) => printTime(createdAt) },
];

/** `users add NAME@DOMAIN`. */
export function addUser(session: Session, user: string, options: UserOptions): Promise<number> {
  return changeUser(session, 'add', user, options);
}

/** `users set NAME@DOMAIN`: another password. */
export function setUser(session: Session, user: string, options: UserOptions): Promise<number> {
  return changeUser(session, 'set', user, options);
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
export async function removeUser(session: Session, user: string, options: UserOptions): Promise<number> {
  const { yes = false, dryRun = false } = options;
  if (!yes && !dryRun) await confirm(session.terminal, `Remove ${user} and its password?`);
  return changeUser(session, 'rm', user, options);
}

async function changeUser(
  session: Session,
  verb: 'add' | 'set' | 'rm',
  user: string,
  { password: given, dryRun = false }: UserOptions,
): Promise<number> {
  const { commands, terminal, json } = session;
  const args = verb === 'rm' ? { user } : { user, password: await passwordOf(session, given) };
  const command = `users.${verb}`;
  const asked = dryRun ? commands.tryChange(command, args) : commands.change(command, args);
  const account = (await asked) as UserDocument;
  printResult(terminal, json, account, () => `${doneText(verb, dryRun)} ${account.user}`);
  return 0;
}

async function passwordOf({ terminal }: Session, given: PasswordOption): Promise<string> {
  if (typeof given === 'string') return given;
  const password = terminal.asks ? await terminal.ask('Password: ', true) : await terminal.firstLine();
  if (password !== '') return password;
  throw new TandemError('USAGE', 'no password: give --password PASSWORD, or a line on stdin');
}
