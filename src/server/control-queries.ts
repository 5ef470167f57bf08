/** Rows of the database as documents. Never asked on the thread that owns SIP state. */
import type { Database } from '../store/sqlite.ts';
import { registrationDocument, userDocument } from './control-documents.ts';
import type { RegistrationDocument, UserDocument } from './control-documents.ts';

/** Rows of one answer, unless fewer are asked for. */
export const ROWS_MAX = 10_000;

/** All accounts, by name. */
export async function listUsers(db: Database, domain: string | undefined): Promise<UserDocument[]> {
  const rows = await db
    .selectFrom('subscriber')
    .select(['username', 'domain', 'created_at'])
    .$if(domain !== undefined, (query) => query.where('domain', '=', domain ?? ''))
    .orderBy('domain')
    .orderBy('username')
    .execute();
  return rows.map(userDocument);
}

/** The bindings that have not expired, by user. */
export async function listRegistrations(
  db: Database,
  user: string | undefined,
  nowWall: number,
): Promise<RegistrationDocument[]> {
  const [username = '', domain] = (user ?? '').split('@');
  const rows = await db
    .selectFrom('location')
    .selectAll()
    .where('expires', '>', nowWall)
    .$if(user !== undefined, (query) => query.where('username', '=', username))
    .$if(domain !== undefined, (query) => query.where('domain', '=', domain ?? ''))
    .orderBy('domain')
    .orderBy('username')
    .orderBy('q', 'desc')
    .limit(ROWS_MAX)
    .execute();
  return rows.map(registrationDocument);
}
