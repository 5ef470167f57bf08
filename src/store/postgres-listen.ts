/** PostgreSQL's own notices: they come with the commit, so nobody waits for the next look at the table. */
import pg from 'pg';
import { CHANGES_CHANNEL } from './change-triggers.ts';
import { CONNECT_MS } from './link.ts';

/** A listener; the connection that broke is opened again by `retry`. */
export interface Listener {
  retry(): void;
  close(): Promise<void>;
}

/** Calls `heard` when a transaction that changed watched tables was committed. Without a connection it is silent. */
export function listen(url: string, heard: () => void): Listener {
  let client: pg.Client | undefined;
  let closed = false;
  const drop = (broken: pg.Client): void => {
    if (client === broken) client = undefined;
    void broken.end().catch(() => {});
  };
  const begin = async (fresh: pg.Client): Promise<void> => {
    fresh.on('error', () => drop(fresh));
    fresh.on('end', () => drop(fresh));
    fresh.on('notification', heard);
    try {
      await fresh.connect();
      await fresh.query(`listen ${CHANGES_CHANNEL}`);
    } catch {
      // The table is looked at all the same; the next look tries again.
      drop(fresh);
    }
  };
  const retry = (): void => {
    if (closed || client !== undefined) return;
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      application_name: 'tandem changes',
    });
    void begin(client);
  };
  retry();
  const close = async (): Promise<void> => {
    closed = true;
    const last = client;
    client = undefined;
    await last?.end().catch(() => {});
  };
  return { retry, close };
}
