/** One connection to a database server, as the writer's thread uses it: the port that PostgreSQL and MariaDB fill. */
import type { Dialect } from './dialect.ts';
import type { Value } from './writer.ts';

/**
 * What an error means for the batch: `row` the row is refused for good; `again` the transaction may be tried again on
 * the same connection, such as after a deadlock; `lost` the server cannot do it now, or the connection is gone.
 */
export type Fault = 'row' | 'again' | 'lost';

/** A connection. Statements run in the order they are given; the next may be given before the last has ended. */
export interface Link {
  readonly dialect: Exclude<Dialect, 'sqlite'>;
  /** Runs one change. `name` stands for the text on this connection, so that it is prepared once. */
  run(name: string, text: string, values: readonly Value[]): Promise<void>;
  /** Runs a command without values. */
  command(text: string): Promise<void>;
  /** The first column of the first row; undefined when there is none. */
  number(text: string, values: readonly Value[]): Promise<number | undefined>;
  faultOf(error: unknown): Fault;
  /** Says goodbye, and settles when the connection is closed. */
  close(): Promise<void>;
  /** Closes it at once. */
  destroy(): void;
}

/** Opens a connection; `lost` is called at most once, when it ends by itself. */
export type Connect = (url: string, lost: (error: Error) => void) => Promise<Link>;

/** How long the server may take to let us in. */
export const CONNECT_MS = 5_000;
/** A statement that takes longer is as good as a lost connection: a batch takes milliseconds. */
export const STATEMENT_MS = 20_000;
/** How long a statement waits for a row that another node holds. */
export const ROW_LOCK_WAIT_SECONDS = 5;
