/** `forwards.add` and its like: the commands that change what is provisioned, for every kind the same. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { AnyShelf } from '../subscriber/shelf.ts';
import type { Provisions } from '../subscriber/provisions.ts';
import type { Given } from '../subscriber/kind.ts';
import type { ControlHandler } from './control.ts';
import type { ImportDocument } from './control-documents.ts';

/** Rows of one import command; the command line sends longer files in parts. */
export const IMPORT_ROWS_MAX = 500;

const given = z.record(z.string(), z.unknown());
const batch = z.strictObject({ rows: z.array(given).max(IMPORT_ROWS_MAX) });

/** `add`, `set`, `rm` and `import` of every kind. */
export function provisionCommands(provisions: Provisions): Record<string, ControlHandler> {
  return Object.assign({}, ...provisions.all.map(commandsOf)) as Record<string, ControlHandler>;
}

function commandsOf(shelf: AnyShelf): Record<string, ControlHandler> {
  const { name } = shelf;
  return {
    [`${name}.add`]: (args) => shelf.add(fields(args)),
    [`${name}.set`]: (args) => shelf.set(fields(args)),
    [`${name}.rm`]: (args) => shelf.remove(fields(args)),
    [`${name}.import`]: (args) => importRows(shelf, args),
  };
}

/** What becomes of the rows; one that is refused spoils no other. `row` counts from 1. */
async function importRows(shelf: AnyShelf, args: unknown): Promise<ImportDocument> {
  const { success, data } = batch.safeParse(args);
  if (!success) throw new TandemError('INVALID', `an import takes ${IMPORT_ROWS_MAX} rows at most`);
  const { added, changed, refused } = await shelf.import(data.rows);
  return { added, changed, refused: refused.map(({ row, error }) => ({ row, reason: error.message })) };
}

function fields(args: unknown): Given {
  const { success, data } = given.safeParse(args);
  if (success) return data;
  throw new TandemError('INVALID', 'fields with their names expected');
}
