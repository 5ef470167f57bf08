/** An exchange's view of a database, without the exchange: accounts and provisions, kept current. */
import { silentLogger } from '../base/silent-logger.ts';
import { ChangeFollower, readProvisions, subscriberFollower } from '../server/provisions-store.ts';
import { watchedTables, type WatchedTable } from '../store/change-triggers.ts';
import { openDatabase, openWriter } from '../store/database.ts';
import type { DatabasePlace } from '../store/database-place.ts';
import { readSubscribers } from '../store/sqlite.ts';
import type { Provisions } from '../subscriber/provisions.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { nodeWorld } from '../world/node-world.ts';

const TABLES = Object.keys(watchedTables) as WatchedTable[]; // The type says that it has these keys.
const WRITER_LIMITS = { commitMs: 1 };

/** One node of several on one database. */
export interface ProvisionedNode {
  readonly subscribers: Subscribers;
  readonly provisions: Provisions;
  readonly follower: ChangeFollower;
  /** The tables in which somebody has changed something. */
  readonly touched: Set<WatchedTable>;
  stop(): Promise<void>;
}

/** Opens it. */
export async function provisionedNode(place: DatabasePlace): Promise<ProvisionedNode> {
  const { clock, random } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const db = await openDatabase(place);
  const touched = new Set<WatchedTable>();
  const changed = (tables: ReadonlySet<WatchedTable>): void => tables.forEach((table) => touched.add(table));
  const follower = await ChangeFollower.open({ place, clock, log: silentLogger, changed }, TABLES);
  const writer = openWriter(place, { clock, log: silentLogger, limits: WRITER_LIMITS });
  const provisions = await readProvisions(db, { writer, clock, log: silentLogger });
  const subscribers = new Subscribers({ writer, clock, random, rows: await readSubscribers(db) });
  await follower.follow([subscriberFollower(subscribers), ...provisions.followers]);
  const stop = async (): Promise<void> => {
    await follower.close();
    await writer.close();
    await db.destroy();
  };
  return { subscribers, provisions, follower, touched, stop };
}
