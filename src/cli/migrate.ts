/** `tandem migrate status`: which tables the database has, and which it will get at the next start. */
import { migrationStates } from '../store/migrate.ts';
import { EXIT_FOUND_PROBLEMS, printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import type { Session } from './session.ts';

interface MigrationDocument {
  readonly name: string;
  /** Null when it is not done yet. */
  readonly doneAt: string | null;
}

const COLUMNS: readonly Column<MigrationDocument>[] = [
  { title: 'MIGRATION', rank: 0, cell: ({ name }) => name },
  { title: 'DONE (UTC)', rank: 1, cell: ({ doneAt }) => (doneAt === null ? 'missing' : printTime(doneAt)) },
];

/** Exit 7 when one is missing: the next start brings it. */
export async function migrateStatus({ commands, terminal, json, wide }: Session): Promise<number> {
  const states = await commands.read(migrationStates);
  const found = states.map(({ name, doneAt }) => ({ name, doneAt: doneAt?.toISOString() ?? null }));
  if (json) printResult(terminal, true, found, String);
  else printTable(terminal, found, COLUMNS, wide);
  return found.some(({ doneAt }) => doneAt === null) ? EXIT_FOUND_PROBLEMS : 0;
}
