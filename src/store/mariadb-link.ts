/** The writer's connection to MariaDB or MySQL. Statements are prepared once and run one after the other. */
import mysql from 'mysql2/promise';
import { CONNECT_MS, ROW_LOCK_WAIT_SECONDS, STATEMENT_MS } from './link.ts';
import type { Fault, Link } from './link.ts';
import type { Value } from './writer.ts';

/** Deadlock, a row locked for too long, a row that changed since it was read. */
const AGAIN: ReadonlySet<number> = new Set([1213, 1205, 1020]);
/**
 * What says that the server cannot write now: disk or table full, too many connections, shutting down, read-only,
 * killed. All other numbers of the server mean the row.
 */
const LOST: ReadonlySet<number> = new Set([
  1021, 1040, 1041, 1053, 1114, 1129, 1152, 1158, 1159, 1160, 1161, 1180, 1203, 1290, 1317, 1792, 1836, 1927,
  3100, 4031,
]);
/** Numbers of the server begin here; below it is the client's own. */
const SERVER_ERRORS_FROM = 1000;

/** Opens a connection; `lost` is called at most once, when it ends by itself. */
export async function connectMariadb(url: string, lost: (error: Error) => void): Promise<Link> {
  const connection = await mysql.createConnection({
    uri: url,
    connectTimeout: CONNECT_MS,
    enableKeepAlive: true,
    charset: 'utf8mb4_bin',
  });
  let isOver = false;
  const end = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    lost(error);
  };
  connection.on('error', end);
  connection.on('end', () => end(new Error('the server closed the connection')));
  await connection.query(
    `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
      session innodb_lock_wait_timeout = ${ROW_LOCK_WAIT_SECONDS}`,
  );
  await connection.query('set session transaction isolation level read committed');
  return new MariadbLink(connection, () => (isOver = true));
}

class MariadbLink implements Link {
  readonly dialect = 'mysql';
  private readonly connection: mysql.Connection;
  private readonly over: () => void;

  constructor(connection: mysql.Connection, over: () => void) {
    this.connection = connection;
    this.over = over;
  }

  async run(_name: string, text: string, values: readonly Value[]): Promise<void> {
    await this.connection.execute({ sql: text, timeout: STATEMENT_MS }, [...values]);
  }

  async command(text: string): Promise<void> {
    await this.connection.query({ sql: text, timeout: STATEMENT_MS });
  }

  async number(text: string, values: readonly Value[]): Promise<number | undefined> {
    const order = { sql: text, timeout: STATEMENT_MS, rowsAsArray: true };
    const [rows] = await this.connection.execute<mysql.RowDataPacket[][]>(order, [...values]);
    return rows[0] === undefined ? undefined : Number(rows[0][0]);
  }

  faultOf(error: unknown): Fault {
    const code = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    if (AGAIN.has(code)) return 'again';
    return code >= SERVER_ERRORS_FROM && !LOST.has(code) ? 'row' : 'lost';
  }

  async close(): Promise<void> {
    this.over();
    await this.connection.end();
  }

  destroy(): void {
    this.over();
    this.connection.destroy();
  }
}
