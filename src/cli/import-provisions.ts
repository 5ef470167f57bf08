/** `tandem forwards import` and its like: rows of one kind from a CSV or JSON file. */
import { silentLogger } from '../base/silent-logger.ts';
import { IMPORT_ROWS_MAX } from '../server/control-provisions.ts';
import { readProvisions } from '../server/provisions-store.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Provisions } from '../subscriber/provisions.ts';
import { type Imported, inParts, type Placed, readRecords, report } from './import-records.ts';
import { type AnyKind, keyText } from './provisioned-kinds.ts';
import type { Typed } from './provisions.ts';
import type { Session } from './session.ts';

/** `forwards import FILE` */
export async function importProvisions(
  session: Session,
  kind: AnyKind,
  file: string,
  dryRun: boolean,
): Promise<number> {
  const records = readRecords(file);
  const rows = records.map((record) => rowOf(kind, record));
  const done = await (dryRun ? tryImport(session, kind, rows) : doImport(session, kind, rows));
  return report(session, file, records, done, (row) => keyText(kind, rows[row - 1] ?? {}));
}

function doImport(session: Session, kind: AnyKind, rows: readonly Typed[]): Promise<Imported> {
  const command = `${kind.name}.import`;
  return session.commands.changes(command, (change) =>
    inParts(session, rows, IMPORT_ROWS_MAX, (part) => change(command, { rows: part })),
  );
}

/** The real thing on a copy in memory, which is then forgotten. */
async function tryImport({ commands }: Session, kind: AnyKind, rows: readonly Typed[]): Promise<Imported> {
  const { clock } = commands;
  const writer = new MemoryWriter(clock);
  const empty = new Provisions({ writer, clock, unreadable: () => {} });
  const copy = await commands.readIfThere(
    (db) => readProvisions(db, { writer, clock, log: silentLogger }),
    empty,
  );
  const shelf = copy.all.find(({ name }) => name === kind.name);
  if (shelf === undefined) return { added: 0, changed: 0, refused: [], diff: [] };
  const diff: string[] = [];
  const refused: { row: number; reason: string }[] = [];
  const counts = { added: 0, changed: 0 };
  for (const [place, row] of rows.entries()) {
    const { added, refused: wrong } = await shelf.import([row]);
    if (wrong.length > 0) refused.push({ row: place + 1, reason: wrong[0]?.error.message ?? '' });
    else diff.push(`${added > 0 ? '+' : '~'} ${keyText(kind, row)}`);
    if (wrong.length === 0) counts[added > 0 ? 'added' : 'changed']++;
  }
  return { ...counts, refused, diff };
}

/** Names in any letter case, as CSV has them, with or without underscores; an empty field was left out. */
function rowOf(kind: AnyKind, { fields }: Placed): Typed {
  const known = new Map(Object.keys(kind.fields).map((name) => [name.toLowerCase(), name]));
  const given = Object.entries(fields).filter(([, value]) => value !== '');
  return Object.fromEntries(
    given.map(([name, value]) => [known.get(name.toLowerCase().replaceAll(/[_-]/g, '')) ?? name, value]),
  );
}
