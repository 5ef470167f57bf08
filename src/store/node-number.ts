/** Which of the nodes on one database this is: a small number of its own, kept in the table `node`. */
import { TandemError } from '../base/errors.ts';
import type { Database } from './sqlite.ts';

/** Several nodes may start at the same moment and want the same number. */
const TRIES_MAX = 50;

/** The node that asks. */
export interface NamedNode {
  /** The same at every start, and nobody else's. */
  readonly name: string;
  /** When it starts, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Numbers are below this. */
  readonly nodesMax: number;
}

/** The number it had before, else one that nobody has, else that of the node whose last start is longest ago. */
export async function nodeNumber(db: Database, node: NamedNode): Promise<number> {
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const number = await claimNumber(db, node);
    if (number !== undefined) return number;
  }
  throw new TandemError('STORE_FAILED', `other nodes took ${TRIES_MAX} numbers before us`);
}

/** Undefined when another node was faster. */
async function claimNumber(db: Database, node: NamedNode): Promise<number | undefined> {
  const { name, startedAt, nodesMax } = node;
  const rows = await db.selectFrom('node').selectAll().orderBy('id').execute();
  const mine = rows.find((row) => row.name === name);
  if (mine !== undefined) {
    await db.updateTable('node').set({ started_at: startedAt }).where('id', '=', mine.id).execute();
    return mine.id;
  }
  const taken = new Set(rows.map(({ id }) => id));
  for (let id = 0; id < nodesMax; id++) {
    if (!taken.has(id)) return (await insert(db, id, node)) ? id : undefined;
  }
  const [oldest] = rows.toSorted((a, b) => a.started_at - b.started_at);
  if (oldest === undefined) return undefined;
  const { numUpdatedRows } = await db
    .updateTable('node')
    .set({ name, started_at: startedAt })
    .where('id', '=', oldest.id)
    .where('name', '=', oldest.name)
    .executeTakeFirst();
  return numUpdatedRows === 1n ? oldest.id : undefined;
}

/** False when another node has it by now; throws what else is wrong. */
async function insert(db: Database, id: number, { name, startedAt }: NamedNode): Promise<boolean> {
  try {
    await db.insertInto('node').values({ id, name, started_at: startedAt }).execute();
    return true;
  } catch (error) {
    const theirs = await db.selectFrom('node').select('name').where('id', '=', id).executeTakeFirst();
    if (theirs !== undefined) return false;
    throw error;
  }
}
