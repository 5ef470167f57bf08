/**
 * How a command is carried out. What changes accounts goes to the running exchange; without one, straight
 * to its database. What reads records goes to the database always: the exchange's one thread has better
 * things to do than to search a million calls.
 */
import { existsSync } from 'node:fs';
import { accountCommands } from '../server/control-accounts.ts';
import { claimDataFolder } from '../server/control-claim.ts';
import { CONTROL_ANSWER_MS, ControlClient } from '../server/control-client.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { databaseFile } from '../server/settings.ts';
import type { Settings } from '../server/settings.ts';
import type { Synchronous } from '../store/sqlite-connection.ts';
import { SqliteWriter } from '../store/sqlite-writer.ts';
import { open, openToRead, readSubscribers } from '../store/sqlite.ts';
import type { Database, SubscriberRow } from '../store/sqlite.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { logLines } from '../world/log-lines.ts';
import { nodeWorld } from '../world/node-world.ts';

/** A change may wait for others and for the disk. */
export const CHANGE_ANSWER_MS = 30_000;

/** What a running exchange answered. */
interface Answered {
  readonly result: unknown;
}

interface Durability {
  readonly file: string;
  readonly synchronous: Synchronous;
}

/** Asks the exchange with these settings, whether it runs or not. */
export class Commands {
  private readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Looks something up in the database. */
  async read<T>(query: (db: Database) => Promise<T>): Promise<T> {
    const db = openToRead(databaseFile(this.settings.data.folder));
    try {
      return await query(db);
    } finally {
      await db.destroy();
    }
  }

  /** The same, where no database is as good as an empty one. */
  async readIfThere<T>(query: (db: Database) => Promise<T>, empty: T): Promise<T> {
    return existsSync(databaseFile(this.settings.data.folder)) ? this.read(query) : empty;
  }

  /** Asks the running exchange; undefined when none runs. */
  async ask(command: string, args: unknown, answerMs = CONTROL_ANSWER_MS): Promise<Answered | undefined> {
    const client = await ControlClient.open(controlSocketPath(this.settings.data.folder));
    if (client === undefined) return undefined;
    try {
      return { result: await client.ask(command, args, answerMs) };
    } finally {
      client.close();
    }
  }

  /** Changes accounts, by `users.add` and its like. */
  async change(command: string, args: unknown): Promise<unknown> {
    const asked = await this.ask(command, args, CHANGE_ANSWER_MS);
    if (asked !== undefined) return asked.result;
    return this.withSubscribers((subscribers) => accountCommands(subscribers)[command]!(args));
  }

  /** The folder is claimed meanwhile, so that no exchange starts with accounts that change under it. */
  private async withSubscribers<T>(use: (subscribers: Subscribers) => Promise<T>): Promise<T> {
    const { folder, synchronous } = this.settings.data;
    const durability: Durability = {
      file: databaseFile(folder),
      synchronous: synchronous === 'full' ? 'FULL' : 'NORMAL',
    };
    const claim = claimDataFolder(folder);
    try {
      const rows = await accountsOf(durability);
      const { clock, log } = nodeWorld({ log: logLines({ level: 'error' }), udp: 'dgram' });
      const writer = new SqliteWriter({ ...durability, clock, log });
      try {
        return await use(new Subscribers({ writer, clock, rows }));
      } finally {
        await writer.close();
      }
    } finally {
      claim.release();
    }
  }
}

/** Makes the file and its tables if need be. */
async function accountsOf({ file, synchronous }: Durability): Promise<readonly SubscriberRow[]> {
  const db = await open(file, { synchronous });
  try {
    return await readSubscribers(db);
  } finally {
    await db.destroy();
  }
}
