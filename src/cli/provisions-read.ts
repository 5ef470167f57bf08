/** Provisions as the database has them. */
import { TandemError } from '../base/errors.ts';
import type { Database } from '../store/sqlite.ts';
import { readRows } from '../store/read-rows.ts';
import type { AnyKind, Row } from './provisioned-kinds.ts';

/** All rows of one kind, in the order they came; those that nobody can read are left out. */
export async function readKind(db: Database, kind: AnyKind): Promise<readonly Row[]> {
  const found: Row[] = [];
  for await (const rows of readRows(db, db.selectFrom(kind.table).selectAll().orderBy('id'))) {
    for (const columns of rows) {
      try {
        found.push(kind.rowOf(columns));
      } catch (error) {
        if (!(error instanceof TandemError)) throw error;
      }
    }
  }
  return found;
}
