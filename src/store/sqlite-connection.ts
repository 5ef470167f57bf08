/**
 * How every connection of ours to an SQLite file is set up; free of kysely, so that the writer's thread stays
 * small.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * `NORMAL` survives the death of the process; `FULL` survives the loss of power too and waits for the disk at
 * every commit.
 */
export type Synchronous = 'NORMAL' | 'FULL';

/** How long a statement waits for another process that holds the lock. */
export const LOCK_WAIT_MS = 5_000;

/** Opens the file, creating it if need be, in write-ahead mode. */
export function connect(file: string, synchronous: Synchronous): DatabaseSync {
  // It holds password hashes and keys: made readable by its owner alone, and SQLite's side files inherit
  // that.
  closeSync(openSync(file, 'a', 0o600));
  const connection = new DatabaseSync(file, { timeout: LOCK_WAIT_MS, enableForeignKeyConstraints: true });
  connection.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous}`);
  return connection;
}

/** Opens a file that is there, for reading alone: it may be in use by a running exchange. */
export function connectToRead(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: LOCK_WAIT_MS, readOnly: true });
}
