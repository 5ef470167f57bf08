/** PostgreSQL and MariaDB behind kysely. Loaded only when the settings name such a server. */
import { Kysely, MysqlDialect, PostgresDialect } from 'kysely';
import type { ServerPlace } from './database-place.ts';
import { CONNECT_MS } from './link.ts';
import type { Schema } from './schema.ts';

/** Queries at start and of the command line: few at once. */
const CONNECTIONS_MAX = 4;
const INT8 = 20;

/** Opens the database without looking at its tables; nothing is connected before the first query. */
export async function openServer(place: ServerPlace): Promise<Kysely<Schema>> {
  return place.dialect === 'postgres' ? openPostgres(place.url) : openMariadb(place.url);
}

async function openPostgres(url: string): Promise<Kysely<Schema>> {
  const { default: pg } = await import('pg');
  const types = new pg.TypeOverrides();
  // Ours fit into 53 bits: milliseconds since 1970, and counts.
  types.setTypeParser(INT8, Number);
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'tandem',
    types,
  });
  // An idle connection that breaks is no news: the next query opens another.
  pool.on('error', () => {});
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

async function openMariadb(url: string): Promise<Kysely<Schema>> {
  const { default: mysql } = await import('mysql2');
  const pool = mysql.createPool({
    uri: url,
    connectionLimit: CONNECTIONS_MAX,
    connectTimeout: CONNECT_MS,
    enableKeepAlive: true,
    charset: 'utf8mb4_bin',
  });
  return new Kysely<Schema>({ dialect: new MysqlDialect({ pool }) });
}
