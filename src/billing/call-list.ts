/** Reading the records back: for the command line, and for a start after a crash. */
import type { Selectable } from 'kysely';
import type { CallsTable } from '../store/schema.ts';
import type { Database } from '../store/sqlite.ts';
import { callNumbersIn } from './call-number.ts';

/** One call attempt, as its row says. */
export type CallRecord = Readonly<Selectable<CallsTable>>;

/** Which calls to list. */
export interface CallFilter {
  /** At most so many; CALLS_LISTED unless told otherwise. */
  readonly limit?: number;
  /** Only calls that began at or after this moment. */
  readonly since?: number;
  /** Caller or callee: `alice`, or `alice@example.com`. */
  readonly user?: string;
}

/** What a start needs to know of the runs before it. */
export interface UnfinishedCalls {
  /** The largest number a record has, 0 without any. */
  readonly lastId: number;
  readonly rows: readonly Pick<CallRecord, 'id' | 'state' | 'started_at' | 'setup_ms' | 'status'>[];
}

/** How many calls are listed unless told otherwise. */
export const CALLS_LISTED = 50;

/** The latest calls, newest first. */
export async function listCalls(db: Database, filter: CallFilter = {}): Promise<readonly CallRecord[]> {
  const { limit = CALLS_LISTED, since, user } = filter;
  let query = db.selectFrom('calls').selectAll().orderBy('id', 'desc').limit(limit);
  if (since !== undefined) query = query.where('started_at', '>=', since);
  if (user !== undefined) {
    query = query.where((where) => {
      const names = (['caller', 'callee'] as const).flatMap((column) => [
        where(column, '=', user),
        // Every text that begins with `alice@`, without a pattern that a user name could be mistaken for.
        where.and([where(column, '>', `${user}@`), where(column, '<', `${user}A`)]),
      ]);
      return where.or(names);
    });
  }
  return query.execute();
}

/** The record with this number, or all attempts of this Call-ID in order; none when there is no such call. */
export async function showCalls(db: Database, idOrCallId: string): Promise<readonly CallRecord[]> {
  const query = db.selectFrom('calls').selectAll().orderBy('id');
  const numbers = callNumbersIn(idOrCallId);
  if (numbers.length > 0) {
    const byNumber = await query.where('id', 'in', numbers).execute();
    if (byNumber.length > 0) return byNumber;
  }
  return query.where('call_id', '=', idOrCallId).execute();
}

/** What `CallRecords.restore` takes. */
export async function readUnfinishedCalls(db: Database): Promise<UnfinishedCalls> {
  const last = await db
    .selectFrom('calls')
    .select((select) => select.fn.max('id').as('id'))
    .executeTakeFirst();
  const rows = await db
    .selectFrom('calls')
    .select(['id', 'state', 'started_at', 'setup_ms', 'status'])
    .where('state', '<>', 'ended')
    .orderBy('id')
    .execute();
  return { lastId: last?.id ?? 0, rows };
}
