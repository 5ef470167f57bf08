/** What must hold on a real database server; the same table for PostgreSQL and MariaDB. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Logger } from '../../src/base/world.ts';
import { Commands } from '../../src/cli/commands.ts';
import type { StatusDocument } from '../../src/server/control-documents.ts';
import { loadSettings } from '../../src/server/settings.ts';
import { watchChanges } from '../../src/store/changes.ts';
import type { RowChange } from '../../src/store/changes.ts';
import {
  openDatabase,
  openDatabaseIfThere,
  openDatabaseToRead,
  openWriter,
} from '../../src/store/database.ts';
import { serverPlace } from '../../src/store/database-place.ts';
import type { DatabasePlace, ServerPlace } from '../../src/store/database-place.ts';
import { textIn } from '../../src/store/dialect.ts';
import { migrationStates } from '../../src/store/migrate.ts';
import { openServer } from '../../src/store/server-database.ts';
import { PART_ROWS, readRows } from '../../src/store/read-rows.ts';
import { secret } from '../../src/store/sqlite.ts';
import type { Database } from '../../src/store/sqlite.ts';
import { statementNames, statements } from '../../src/store/statements.ts';
import type { DurableWriter, WriterLimits } from '../../src/store/writer.ts';
import { acknowledgedBefore, IDS_A_WRITER, KILLS } from '../../src/testing/killed-writer.ts';
import { assertKept, KILLED_PHONES, lifeOfExchange } from '../../src/testing/killed-exchange.ts';
import { account, databaseLaws, RealClock, writerLaws } from '../../src/testing/writer-contract.ts';
import type { WriterTrial } from '../../src/testing/writer-contract.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { missingServer, startDatabaseServer } from './database-server.ts';
import type { DatabaseServer } from './database-server.ts';
import { startPeer } from './peer.ts';
import type { Peer } from './peer.ts';

const PATIENCE_MS = 20_000;
/** `KILL_ROUNDS=20` for a long run. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 2);

let server: DatabaseServer;
/** The database that the laws of writers share. */
let trialPlace: DatabasePlace;
const opened: (() => Promise<unknown>)[] = [];
const logged: string[] = [];
const note = (what: string): void => void logged.push(what);
const log: Logger = { debug: () => {}, info: note, warn: note, error: note };

/** Declares them all; skipped with the name of the package when the server is not installed. */
export function serverLaws(dialect: DatabaseServer['dialect']): void {
  const name = dialect === 'postgres' ? 'PostgreSQL' : 'MariaDB';
  describe(name, { skip: missingServer(dialect) }, () => {
    before(async () => {
      server = await startDatabaseServer(dialect);
      trialPlace = await makePlace();
    });
    afterEach(() => Promise.allSettled(opened.splice(0).map((close) => close())));
    after(() => server.remove());
    writerLaws(name, makeTrial);
    databaseLaws(name, makeTrial);
    tableLaws();
    ownershipLaws();
    watchLaws();
    exchangeLaws();
    lossLaws();
    killLaws();
    killExchangeLaw();
  });
}

async function makePlace(): Promise<ServerPlace> {
  return serverPlace(await server.makeDatabase());
}

async function openHere(place: DatabasePlace): Promise<Database> {
  const db = await openDatabase(place);
  opened.push(() => db.destroy());
  return db;
}

function writeTo(place: DatabasePlace, limits: Partial<WriterLimits> = {}): DurableWriter {
  const writer = openWriter(place, { clock: new RealClock(), log, limits });
  opened.push(() => writer.close());
  return writer;
}

async function makeTrial(limits: Partial<WriterLimits>): Promise<WriterTrial> {
  const db = await openHere(trialPlace);
  await db.deleteFrom('subscriber').execute();
  const clock = new RealClock();
  const writer = openWriter(trialPlace, { clock, log, limits });
  opened.push(() => writer.close());
  return { writer, clock, users: () => usersIn(db) };
}

async function usersIn(db: Database): Promise<readonly string[]> {
  const rows = await db.selectFrom('subscriber').select('username').orderBy('id').execute();
  return rows.map((row) => row.username);
}

async function until(holds: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < giveUpAt, `not within ${PATIENCE_MS} ms: ${holds.toString()}`);
    await sleep(10);
  }
}

function tableLaws(): void {
  test('two nodes that start at once make the tables once', async () => {
    const place = await makePlace();
    const [db] = await Promise.all([openHere(place), openHere(place), openHere(place)]);

    const states = await migrationStates(db);

    assert.ok(states.length > 0 && states.every(({ doneAt }) => doneAt !== null));
  });

  test('tables of a newer release are refused', async () => {
    const place = await makePlace();
    const db = await openHere(place);
    await sql`insert into kysely_migration (name, timestamp) values ('999-of-tomorrow', '2099')`.execute(db);

    await assert.rejects(openDatabase(place), { code: 'DATABASE', hint: /newer release/ });
  });

  test('every statement runs on the tables', async () => {
    const db = await openHere(await makePlace());

    for (const name of statementNames) {
      const parts = textIn(server.dialect, statements[name]).split(/\?|\$\d+/);
      const query = parts.map((part, i) => (i === 0 ? sql.raw(part) : sql`${null}${sql.raw(part)}`));
      // Null where none may be is the row's fault, not the statement's.
      const fault = await sql`${sql.join(query, sql``)}`.execute(db).catch((error: unknown) => String(error));
      if (typeof fault === 'string') assert.match(fault, /null/i, name);
    }
  });

  test('a secret is made once, by whichever node comes first', async () => {
    const db = await openHere(await makePlace());
    const made = await Promise.all(['a', 'b', 'c'].map((value) => secret(db, 'nonce', () => value)));

    assert.equal(new Set(made).size, 1);
  });

  for (const count of [0, 1, PART_ROWS, PART_ROWS + 1]) {
    test(`${count} rows are read in parts, each once and in order`, async () => {
      const place = await makePlace();
      const db = await openHere(place);
      const writer = writeTo(place);
      for (let id = 1; id <= count; id++) writer.write('upsertSubscriber', account(id));
      await writer.flush();
      const read: number[] = [];

      for await (const rows of readRows(db, db.selectFrom('subscriber').selectAll().orderBy('id')))
        read.push(...rows.map((row) => row.id));

      assert.deepEqual(
        read,
        Array.from({ length: count }, (_, i) => i + 1),
      );
    });
  }
}

function ownershipLaws(): void {
  test('a database without our tables is not read from', async () => {
    await assert.rejects(openDatabaseToRead(await makePlace()), { code: 'DATABASE' });
    assert.equal(await openDatabaseIfThere(await makePlace()), undefined);
  });

  test('tables of another program are refused, and left as they are', async () => {
    const place = await makePlace();
    const theirs = await openServer(place);
    opened.push(() => theirs.destroy());
    await sql`create table subscriber (username char(64))`.execute(theirs);

    const refusal = { code: 'DATABASE', message: /another program: subscriber/ };
    await assert.rejects(openDatabase(place), refusal);

    const left = await theirs.introspection.getTables({ withInternalKyselyTables: true });
    assert.deepEqual(
      left.map(({ name, columns }) => [name, columns.length]),
      [['subscriber', 1]],
    );
    assert.equal(await openDatabaseIfThere(place), undefined);
  });
}

function watchLaws(): void {
  test('a row changed by another program is told, with its key', async () => {
    const place = await makePlace();
    const db = await openHere(place);
    const told: RowChange[] = [];
    const options = { clock: new RealClock(), log, pollMs: 50 };
    const watch = await watchChanges(place, ['domain', 'grp'], (change) => told.push(change), options);
    opened.push(() => watch.close());
    const row = { domain: 'example.com', accept_subdomain: 0, last_modified: 1 };

    await db.insertInto('domain').values(row).execute();
    await db.updateTable('domain').set({ domain: 'example.net' }).execute();
    await db.deleteFrom('domain').execute();
    await db.insertInto('globalblacklist').values({ prefix: '+900', whitelist: 0 }).execute();
    await db.insertInto('grp').values({ username: 'a', domain: 'b', grp: 'c', last_modified: 1 }).execute();
    await until(() => told.length >= 5);

    assert.deepEqual(
      told.map(({ table, key }) => `${table} ${key?.join(' ')}`),
      ['domain example.com', 'domain example.com', 'domain example.net', 'domain example.net', 'grp a b c'],
    );
  });

  test('a change that is committed after a later one is told too', async () => {
    const place = await makePlace();
    const db = await openHere(place);
    const told: string[] = [];
    const options = { clock: new RealClock(), log, pollMs: 20 };
    const watch = await watchChanges(place, ['domain'], ({ key }) => told.push(String(key)), options);
    opened.push(() => watch.close());
    const row = (domain: string) => ({ domain, accept_subdomain: 0, last_modified: 1 });

    const slow = await db.startTransaction().execute();
    await slow.insertInto('domain').values(row('slow.test')).execute();
    await db.insertInto('domain').values(row('fast.test')).execute();
    await until(() => told.length === 1);
    await slow.commit().execute();
    await until(() => told.length === 2);

    assert.deepEqual(told, ['fast.test', 'slow.test']);
  });
}

/** As an operator does, in a process of its own; settles when it answers. */
async function startExchange(config: string, commands: Commands): Promise<Peer> {
  const root = join(import.meta.dirname, '..', '..');
  const words = ['--disable-warning=ExperimentalWarning', join(root, 'src', 'cli', 'main.ts'), 'start'];
  const peer = startPeer(process.execPath, [...words, '--config', config], root);
  const giveUpAt = performance.now() + PATIENCE_MS;
  while ((await commands.ask('status', {})) === undefined) {
    assert.ok(performance.now() < giveUpAt, peer.output());
    await sleep(50);
  }
  return peer;
}

function exchangeLaws(): void {
  test('an exchange keeps its accounts there, and finds them after a restart', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-served-'));
    t.after(() => rm(folder, { recursive: true }));
    const url = await server.makeDatabase();
    const config = join(folder, 'tandem.toml');
    const data = `[data]\nfolder = ${JSON.stringify(folder)}\nurl = ${JSON.stringify(url)}\n`;
    await writeFile(config, `[sip]\nlisten = ["udp:127.0.0.1:0"]\n${data}`);
    const commands = new Commands(loadSettings(config));
    const alice = { user: 'alice@example.com', password: 'secret' };

    const first = await startExchange(config, commands);
    await commands.change('users.add', alice);
    const status = (await commands.ask('status', {}))?.result as StatusDocument;
    await first.stop();
    const second = await startExchange(config, commands);
    await assert.rejects(commands.change('users.add', alice), { code: 'CONFLICT' });
    await second.stop();
    const users = await commands.read((db) => db.selectFrom('subscriber').select('username').execute());

    assert.deepEqual(status.database, { name: url, waitingRows: 0, lostSince: null, lostWhy: '' });
    assert.deepEqual(users, [{ username: 'alice' }]);
  });
}

function lossLaws(): void {
  test('a commit whose answer is lost is not made twice', async () => {
    const url = new URL(await server.makeDatabase());
    const db = await openHere(serverPlace(url.href));
    const proxy = await startCuttingProxy(Number(url.port));
    opened.push(() => proxy.close());
    url.port = String(proxy.port);
    const writer = writeTo(serverPlace(url.href));
    await writer.flush();
    proxy.loseCommitAnswers(3);
    const errors: unknown[] = [];

    for (let port = 1; port <= 2_500; port++) {
      writer.write('insertAddress', [1, '192.0.2.1', 32, port, 'any', null, null], (error) =>
        errors.push(error),
      );
    }
    await writer.flush();
    const rows = await db.selectFrom('address').select('port').orderBy('id').execute();

    assert.equal(proxy.lost, 3);
    assert.deepEqual(errors, Array(2_500).fill(undefined));
    assert.deepEqual(
      rows.map((row) => row.port),
      Array.from({ length: 2_500 }, (_, i) => i + 1),
    );
  });

  test('beyond waitingRowsMax a change fails at once while the server is away', async () => {
    const writer = writeTo(serverPlace(`${server.dialect}://root@127.0.0.1:1/none`), {
      waitingRowsMax: 3,
      closeMs: 100,
    });
    const failed = await new Promise<Error | undefined>((settle) => {
      for (let id = 1; id <= 3; id++) writer.write('upsertSubscriber', account(id));
      writer.write('upsertSubscriber', account(4), settle);
    });

    assert.match(String(failed?.message), /more than 3 rows wait/);
    assert.equal(writer.waiting, 3);
  });
}

function killLaws(): void {
  test('the server is killed in mid-batch and comes back: changes wait, none is lost, one line each', async () => {
    const place = await makePlace();
    const db = await openHere(place);
    const writer = writeTo(place);
    const acknowledged = new Set<number>();
    const refused: unknown[] = [];
    let id = 0;
    const write = (): void => {
      const mine = ++id;
      writer.write('upsertSubscriber', account(mine), (error) => {
        if (error === undefined) acknowledged.add(mine);
        else refused.push(error);
      });
    };
    while (acknowledged.size < 1_000) {
      for (let row = 0; row < 50; row++) write();
      await sleep(1);
    }
    logged.splice(0);
    await server.kill();
    await until(() => writer.health.lostSince !== undefined);
    const before = acknowledged.size;
    for (let row = 0; row < 5_000; row++) write();
    await sleep(500);
    const whileAway = acknowledged.size;
    await server.start();
    await writer.flush();
    const there = await db.selectFrom('subscriber').select('id').orderBy('id').execute();

    assert.equal(whileAway, before);
    assert.deepEqual(refused, []);
    assert.equal(acknowledged.size, id);
    assert.deepEqual(
      there.map((row) => row.id),
      Array.from({ length: id }, (_, i) => i + 1),
    );
    assert.equal(writer.health.lostSince, undefined);
    assert.deepEqual(logged, [
      'the database is lost; changes wait for it',
      'the database is back; waiting changes are written',
    ]);
  });

  test('the writer of an exchange is killed twenty times under load: everything acknowledged is there', async () => {
    const place = await makePlace();
    const db = await openHere(place);
    const acknowledged: number[] = [];

    // Four at a time: writers of several nodes are killed beside one another.
    for (let from = 0; from < KILLS.length; from += 4) {
      const four = KILLS.slice(from, from + 4).map((kill, i) =>
        acknowledgedBefore(kill, place, 1 + (from + i) * IDS_A_WRITER),
      );
      acknowledged.push(...(await Promise.all(four)).flat());
    }
    const there = new Set((await db.selectFrom('subscriber').select('id').execute()).map((row) => row.id));

    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
  });
}

function killExchangeLaw(): void {
  test(`a whole exchange is killed ${ROUNDS} times and started again: everything promised is there`, async () => {
    const url = await server.makeDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'tandem-killed-exchange-'));
    opened.push(() => rm(folder, { recursive: true }));
    const promised = new Set<string>();

    for (let round = 0; round < ROUNDS; round++) {
      const kill = 1 + ((round * 97) % KILLED_PHONES);
      const life = { folder, data: `url = ${JSON.stringify(url)}`, name: `r${round}`, kill };
      for (const user of await lifeOfExchange(life)) promised.add(user);
    }

    await assertKept(await openHere(serverPlace(url)), promised);
  });
}
