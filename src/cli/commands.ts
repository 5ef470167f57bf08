/**
 * How a command is carried out. What changes accounts goes to the running exchange; without one, straight
 * to its database. What reads records goes to the database always: the exchange's one thread has better
 * things to do than to search a million calls.
 */
import { silentLogger } from '../base/silent-logger.ts';
import type { Clock } from '../base/world.ts';
import { accountCommands } from '../server/control-accounts.ts';
import { CLAIM_LOOK_MS, CLAIM_WAIT_MS, claimDataFolder, FolderClaimed } from '../server/control-claim.ts';
import { CONTROL_ANSWER_MS, ControlClient } from '../server/control-client.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { provisionCommands } from '../server/control-provisions.ts';
import { databaseOf } from '../server/database-settings.ts';
import { readProvisions } from '../server/provisions-store.ts';
import type { Settings } from '../server/settings.ts';
import { openDatabase, openDatabaseIfThere, openDatabaseToRead, openWriter } from '../store/database.ts';
import type { DatabasePlace } from '../store/database-place.ts';
import type { WatchedTable } from '../store/change-triggers.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { readSubscribers } from '../store/sqlite.ts';
import type { Database } from '../store/sqlite.ts';
import type { Writer } from '../store/writer.ts';
import { kinds, Provisions } from '../subscriber/provisions.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { logLines } from '../world/log-lines.ts';
import { nodeWorld } from '../world/node-world.ts';

/** A change may wait for others and for the disk. */
export const CHANGE_ANSWER_MS = 30_000;

/** Carries out one change, by `users.add` and its like. */
export type Change = (command: string, args: unknown) => Promise<unknown>;

/** What a running exchange answered. */
interface Answered {
  readonly result: unknown;
}

/** Asks the exchange with these settings, whether it runs or not. */
export class Commands {
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Looks something up in the database. */
  async read<T>(query: (db: Database) => Promise<T>): Promise<T> {
    return closing(await openDatabaseToRead(this.place), query);
  }

  /** The same, where no database is as good as an empty one. */
  async readIfThere<T>(query: (db: Database) => Promise<T>, empty: T): Promise<T> {
    const db = await openDatabaseIfThere(this.place);
    return db === undefined ? empty : closing(db, query);
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

  /** Changes accounts and what else is provisioned, by `users.add` and its like. */
  change(command: string, args: unknown): Promise<unknown> {
    return this.changes(command, (change) => change(command, args));
  }

  /** What such a change would come to: it is made to a copy in memory, which is then forgotten. */
  async tryChange(command: string, args: unknown): Promise<unknown> {
    const { clock } = this;
    const writer = new MemoryWriter(clock);
    const onCopy = async (db?: Database): Promise<readonly [unknown]> => {
      const handlers = await handlersOn(command, writer, db);
      return [await handlers[command]?.(args)];
    };
    const [result] = (await this.readIfThere(onCopy, undefined)) ?? (await onCopy());
    return result;
  }

  /**
   * Several changes of one kind, such as `users.import`, by one way: all by the exchange, or all without it. One that
   * just starts is waited for, and so is another command.
   */
  async changes<T>(kind: string, use: (change: Change) => Promise<T>): Promise<T> {
    const { clock } = this;
    const until = clock.now() + CLAIM_WAIT_MS;
    for (;;) {
      const client = await ControlClient.open(controlSocketPath(this.settings.data.folder));
      if (client !== undefined) return changesByExchange(client, use);
      try {
        return await this.changesWithoutExchange(kind, use);
      } catch (error) {
        if (!(error instanceof FolderClaimed) || clock.now() > until) throw error;
      }
      await new Promise<void>((go) => void clock.after(CLAIM_LOOK_MS, go));
    }
  }

  private changesWithoutExchange<T>(kind: string, use: (change: Change) => Promise<T>): Promise<T> {
    return this.write(async (writer, db) => {
      const handlers = await handlersOn(kind, writer, db);
      return use(async (command, args) => handlers[command]?.(args));
    });
  }

  /**
   * Changes the database without an exchange, and makes its tables if need be. The folder is claimed meanwhile, so
   * that no exchange starts with accounts that change under it.
   */
  async write<T>(use: (writer: Writer, db: Database) => Promise<T>): Promise<T> {
    const claim = claimDataFolder(this.settings.data.folder, 'command');
    try {
      const db = await openDatabase(this.place);
      const writer = openWriter(this.place, { clock: this.clock, log: logLines({ level: 'error' }) });
      try {
        return await use(writer, db);
      } finally {
        await writer.close();
        await db.destroy();
      }
    } finally {
      claim.release();
    }
  }

  /** Where the database is. */
  get place(): DatabasePlace {
    return databaseOf(this.settings);
  }

  /** Real time. */
  get clock(): Clock {
    return nodeWorld({ log: logLines({ level: 'error' }), udp: 'dgram' }).clock;
  }
}

async function changesByExchange<T>(client: ControlClient, use: (change: Change) => Promise<T>): Promise<T> {
  try {
    return await use((command, args) => client.ask(command, args, CHANGE_ANSWER_MS));
  } finally {
    client.close();
  }
}

/** Reads what such a change looks at, and no more: there may be millions of rows. Without a database all is empty. */
async function handlersOn(
  kind: string,
  writer: Writer,
  db: Database | undefined,
): Promise<Readonly<Record<string, (args: unknown) => Promise<unknown>>>> {
  const { clock, random } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const rows = db !== undefined && kind.startsWith('users.') ? await readSubscribers(db) : [];
  const subscribers = new Subscribers({ writer, clock, random, rows });
  // All that a user has goes with him.
  const table = kinds.find(({ name }) => kind.startsWith(`${name}.`))?.table;
  const isNeeded = (one: WatchedTable): boolean => kind === 'users.rm' || one === table;
  const provisions =
    db === undefined
      ? new Provisions({ writer, clock, unreadable: () => {} })
      : await readProvisions(db, { writer, clock, log: silentLogger }, isNeeded);
  return { ...accountCommands(subscribers, provisions), ...provisionCommands(provisions) };
}

async function closing<T>(db: Database, query: (db: Database) => Promise<T>): Promise<T> {
  try {
    return await query(db);
  } finally {
    await db.destroy();
  }
}
