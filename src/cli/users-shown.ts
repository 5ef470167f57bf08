/** `tandem users show` and `tandem users export`: an account with all that it has, and all accounts for a file. */
import { TandemError } from '../base/errors.ts';
import { userDocument } from '../server/control-documents.ts';
import { readSubscribers } from '../store/sqlite.ts';
import { splitAccount } from '../subscriber/field.ts';
import { printExport, printResult, printTime } from './output.ts';
import { type AnyKind, anyKinds, type Row, valueText } from './provisioned-kinds.ts';
import { readKind } from './provisions-read.ts';
import type { Session } from './session.ts';

/** `users show NAME@DOMAIN` */
export async function showUser(session: Session, name: string): Promise<number> {
  const { user, domain } = splitAccount(name);
  const account = await session.commands.readIfThere(
    (db) =>
      db
        .selectFrom('subscriber')
        .select(['username', 'domain', 'created_at'])
        .where('username', '=', user)
        .where('domain', '=', domain.toLowerCase())
        .executeTakeFirst(),
    undefined,
  );
  if (account === undefined)
    throw new TandemError('NOT_FOUND', `no user ${name}`, { hint: 'tandem users ls   shows them' });
  const document = userDocument(account);
  const has: Record<string, readonly Row[]> = {};
  for (const kind of anyKinds) {
    const rows = await session.commands.read((db) => readKind(db, kind));
    const own = rows.filter((row) => ownerOf(kind, row) === document.user);
    if (own.length > 0) has[kind.name] = own;
  }
  printResult(session.terminal, session.json, { ...document, ...has }, () => userText(document, has));
  return 0;
}

function ownerOf(kind: AnyKind, row: Row): string {
  return kind.ownerOf(row as never); // A row of this very kind.
}

function userText(
  document: { user: string; createdAt: string },
  has: Record<string, readonly Row[]>,
): string {
  const { user, createdAt } = document;
  const lines = Object.entries(has).flatMap(([kind, rows]) =>
    rows.map((row) => {
      const values = Object.values(row).map(valueText);
      return [kind, values.filter((value) => value !== '' && value !== user).join(' ')] as const;
    }),
  );
  const all = [['user', user], ['since', `${printTime(createdAt)} UTC`], ...lines] as const;
  const width = Math.max(...all.map(([name]) => name.length));
  return all.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** `users export`: with `--hashes` as another exchange can import them; they are as good as passwords. */
export async function exportUsers(session: Session, withHashes: boolean): Promise<number> {
  const all = await session.commands.readIfThere(readSubscribers, []);
  const rows = all.map(({ ha1, ha1_sha256, ...account }): Row => {
    const { user, createdAt } = userDocument(account);
    return withHashes ? { user, ha1, ha1_sha256 } : { user, createdAt };
  });
  const names = withHashes ? ['user', 'ha1', 'ha1_sha256'] : ['user', 'createdAt'];
  printExport(session.terminal, session.json, names, rows);
  return 0;
}
