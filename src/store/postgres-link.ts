/** The writer's connection to PostgreSQL. Statements are prepared once and pipelined: a batch costs a round trip. */
import pg from 'pg';
import { CONNECT_MS, ROW_LOCK_WAIT_SECONDS, STATEMENT_MS } from './link.ts';
import type { Fault, Link } from './link.ts';
import type { Value } from './writer.ts';

/** SQLSTATE classes that say the row itself is wrong: data, integrity, access or syntax, a limit of the server. */
const ROW_CLASSES = new Set(['22', '23', '42', '54']);
/** After the first error of a transaction every other statement of it fails with this. */
const ABORTED = '25P02';
/** Serialization failures and deadlocks, and a row that was locked for too long. */
const AGAIN = /^(40...|55P03)$/;

/** Opens a connection; `lost` is called at most once, when it ends by itself. */
export async function connectPostgres(url: string, lost: (error: Error) => void): Promise<Link> {
  const options = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    keepAlive: true,
    application_name: 'tandem writer',
    // The types of pg do not know it yet: queries leave without waiting for the answer to the one before.
    pipeline: true,
  };
  const client = new pg.Client(options);
  let isOver = false;
  const end = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    lost(error);
  };
  client.on('error', end);
  await client.connect();
  client.on('end', () => end(new Error('the server closed the connection')));
  await client.query(`set lock_timeout = '${ROW_LOCK_WAIT_SECONDS}s'`);
  return new PostgresLink(client, () => (isOver = true));
}

class PostgresLink implements Link {
  readonly dialect = 'postgres';
  private readonly client: pg.Client;
  private readonly over: () => void;

  constructor(client: pg.Client, over: () => void) {
    this.client = client;
    this.over = over;
  }

  async run(name: string, text: string, values: readonly Value[]): Promise<void> {
    await this.client.query({ name, text, values: [...values] });
  }

  async command(text: string): Promise<void> {
    await this.client.query(text);
  }

  async number(text: string, values: readonly Value[]): Promise<number | undefined> {
    const { rows } = await this.client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
    return rows[0] === undefined ? undefined : Number(rows[0][0]);
  }

  faultOf(error: unknown): Fault {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === ABORTED || AGAIN.test(code)) return 'again';
    return code.length === 5 && ROW_CLASSES.has(code.slice(0, 2)) ? 'row' : 'lost';
  }

  async close(): Promise<void> {
    this.over();
    await this.client.end();
  }

  destroy(): void {
    this.over();
    // Its end is not awaited: the server may be out of reach.
    void this.client.end().catch(() => {});
  }
}
