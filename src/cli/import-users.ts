/** `tandem users import`: accounts from a CSV or JSON file. */
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { IMPORT_USERS_MAX, importUsers } from '../server/control-accounts.ts';
import type { ImportUser } from '../server/control-accounts.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { readSubscribers } from '../store/sqlite.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { nodeWorld } from '../world/node-world.ts';
import { type Imported, inParts, type Placed, readRecords, report } from './import-records.ts';
import type { Session } from './session.ts';

/** `users import FILE`: exit 5 when a record was refused; the others are taken all the same. */
export async function importFile(session: Session, file: string, dryRun: boolean): Promise<number> {
  const records = readRecords(file);
  checkColumns(file, records);
  const users = records.map(({ fields }) => importUser(fields));
  const done = await (dryRun ? tryImport(session, users) : doImport(session, users));
  return report(session, file, records, done, (row) => users[row - 1]?.user ?? '');
}

/** The wrong file, or a column that is misspelt, is told once and not for each line. */
function checkColumns(file: string, records: readonly Placed[]): void {
  if (records.some(({ fields }) => 'user' in fields || 'username' in fields)) return;
  const names = Object.keys(records[0]?.fields ?? {});
  const why = names.length === 0 ? 'it is empty' : `no column user or username among ${names.join(', ')}`;
  throw new TandemError('INVALID', `${file} names no user: ${why}`, {
    hint: 'see   tandem users import --help',
  });
}

function doImport(session: Session, users: readonly ImportUser[]): Promise<Imported> {
  return session.commands.changes('users.import', (change) =>
    inParts(session, users, IMPORT_USERS_MAX, (part) => change('users.import', { users: part })),
  );
}

/** The real thing on a copy in memory, which is then forgotten. */
async function tryImport({ commands }: Session, users: readonly ImportUser[]): Promise<Imported> {
  const rows = await commands.readIfThere(readSubscribers, []);
  const known = new Set(rows.map(({ username, domain }) => `${username}@${domain}`));
  const { clock } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const copy = new Subscribers({ writer: new MemoryWriter(clock), clock, rows });
  const done = await importUsers(copy, users);
  const refused = new Set(done.refused.map(({ row }) => row));
  const taken = users.filter((_, i) => !refused.has(i + 1));
  return { ...done, diff: taken.map(({ user }) => `${known.has(user) ? '~' : '+'} ${user}`) };
}

/** `user` as alice@example.com, or `username` and `domain` as OpenSIPS has them; the rest is ignored. */
function importUser(fields: Readonly<Record<string, unknown>>): ImportUser {
  const text = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [name, domain] = [text('username') ?? text('user') ?? '', text('domain')];
  const [password, ha1, ha1Sha256] = [text('password'), text('ha1'), text('ha1_sha256')];
  return {
    user: domain === undefined ? name : `${name}@${domain}`,
    ...(password === undefined ? {} : { password }),
    ...(ha1 === undefined ? {} : { ha1 }),
    ...(ha1Sha256 === undefined ? {} : { ha1Sha256 }),
  };
}
