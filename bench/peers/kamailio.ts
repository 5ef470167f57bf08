/**
 * Kamailio at its best: one worker, the TLSF allocator (Debian's default costs two to four times as much),
 * shared memory touched at start, SQLite with a write-ahead log.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { passwordOf } from '../loads.ts';
import { SERVER_CORE, start, type Started } from '../processes.ts';
import type { Scenario, ServerSettings } from '../scenarios.ts';
import { logFile, type Peer, waitUntilReady } from './peer.ts';

const run = promisify(execFile);

const SHARED_MEGABYTES = 3000;
const PRIVATE_MEGABYTES = 32;
const RECEIVE_BUFFER_BYTES = 8 << 20;

/** The schema as Debian installs it with kamailio-sqlite-modules. */
const SCHEMA = '/usr/share/kamailio/db_sqlite';

/** The peer we are compared with. */
export const kamailio: Peer = { name: 'kamailio', version, start: startKamailio };

async function version(): Promise<string> {
  const { stdout } = await run('kamailio', ['-v']);
  return /kamailio [\d.]+/.exec(stdout)?.[0] ?? stdout.trim();
}

async function startKamailio(scenario: Scenario, port: number, folder: string): Promise<Started> {
  const { settings } = scenario;
  const database = join(folder, 'kamailio.db');
  if (needsDatabase(settings)) makeDatabase(database, scenario);
  const server = start(
    'kamailio',
    [
      '-DD',
      '-E',
      '-e',
      '-f',
      join(import.meta.dirname, 'kamailio.cfg'),
      '-l',
      `udp:127.0.0.1:${port}`,
      '-m',
      String(SHARED_MEGABYTES),
      '-M',
      String(PRIVATE_MEGABYTES),
      '-x',
      'tlsf',
      '-X',
      'tlsf',
      '-b',
      String(RECEIVE_BUFFER_BYTES),
      '-Y',
      folder,
      '-P',
      join(folder, 'kamailio.pid'),
      '-w',
      folder,
      ...definitions(settings, database).flatMap((name) => ['-A', name]),
    ],
    { core: SERVER_CORE, folder, output: logFile(folder) },
  );
  await waitUntilReady(server, port, folder);
  return server;
}

function definitions(settings: ServerSettings, database: string): readonly string[] {
  const names: string[] = [];
  if (settings.touchedMemory) names.push('WITH_TOUCHED_MEMORY');
  if (settings.auth) names.push('WITH_AUTH');
  if (settings.callRecords) names.push('WITH_RECORDS');
  if (settings.durableLocation) names.push('WITH_DURABLE_LOCATION');
  if (needsDatabase(settings)) names.push('WITH_DB', `DB_URL="sqlite:///${database}"`);
  return names;
}

function needsDatabase(settings: ServerSettings): boolean {
  return settings.auth || settings.callRecords || settings.durableLocation;
}

function makeDatabase(file: string, scenario: Scenario): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL');
  for (const part of ['standard', 'usrloc', 'htable', 'acc']) {
    database.exec(readFileSync(join(SCHEMA, `${part}-create.sql`), 'utf8'));
  }
  database.exec('DROP INDEX acc_callid_idx'); // It only slows the writer, and nothing here reads.
  if (scenario.settings.auth) addPasswords(database, scenario.users);
  database.close();
}

/** HA1 of RFC 2617 §3.2.2.2, so that Kamailio computes one hash less for each request. */
function addPasswords(database: DatabaseSync, users: number): void {
  const insert = database.prepare('INSERT INTO htable (key_name, key_value) VALUES (?, ?)');
  database.exec('BEGIN');
  for (let number = 0; number < users; number++) {
    const user = `user${number}`;
    insert.run(
      user,
      createHash('md5')
        .update(`${user}:bench.local:${passwordOf(user)}`)
        .digest('hex'),
    );
  }
  database.exec('COMMIT');
}
