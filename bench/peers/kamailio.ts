/**
 * Kamailio at its best: one worker, the TLSF allocator (Debian's default costs two to four times as much),
 * shared memory touched at start, one reader of connections, SQLite with a write-ahead log.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { passwordOf } from '../sipp-load.ts';
import type { Ports } from '../ports.ts';
import { SERVER_CORE, start, type Started } from '../processes.ts';
import type { Scenario, ServerSettings } from '../scenarios.ts';
import { logFile, type Peer, type Place, waitUntilReady } from './peer.ts';

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

async function startKamailio(scenario: Scenario, { ports, folder, pem }: Place): Promise<Started> {
  const { settings } = scenario;
  const database = join(folder, 'kamailio.db');
  if (needsDatabase(settings)) makeDatabase(database, scenario);
  const tlsFile = join(folder, 'tls.cfg');
  if (settings.transport === 'tls') writeFileSync(tlsFile, tlsConfiguration(pem));
  const memory = `-m ${SHARED_MEGABYTES} -M ${PRIVATE_MEGABYTES} -x tlsf -X tlsf -b ${RECEIVE_BUFFER_BYTES}`;
  const args = [
    '-DD',
    '-E',
    '-e',
    '-f',
    join(import.meta.dirname, 'kamailio.cfg'),
    ...listeners(settings, ports).flatMap((listener) => ['-l', listener]),
    ...memory.split(' '),
    '-Y',
    folder,
    '-P',
    join(folder, 'kamailio.pid'),
    '-w',
    folder,
    ...definitions(settings, database, tlsFile).flatMap((name) => ['-A', name]),
  ];
  const server = start('kamailio', args, { core: SERVER_CORE, folder, output: logFile(folder) });
  await waitUntilReady(server, ports.server, folder);
  return server;
}

function listeners({ transport }: ServerSettings, ports: Ports): readonly string[] {
  const listen = [`udp:127.0.0.1:${ports.server}`];
  if (transport === 'tcp') listen.push(`tcp:127.0.0.1:${ports.server}`);
  if (transport === 'tls') listen.push(`tls:127.0.0.1:${ports.serverTls}`);
  return listen;
}

/** As ours: TLS 1.2 or later, clients need no certificate, and whom we connect to must prove his. */
function tlsConfiguration(pem: string): string {
  const files = `private_key = ${pem}\ncertificate = ${pem}\nca_list = ${pem}\n`;
  return (
    `[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n${files}\n` +
    `[client:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n${files}`
  );
}

function definitions(settings: ServerSettings, database: string, tlsFile: string): readonly string[] {
  const names: string[] = [];
  if (settings.touchedMemory) names.push('WITH_TOUCHED_MEMORY');
  if (settings.transport !== 'udp') names.push('WITH_TCP');
  if (settings.transport === 'tls') names.push('WITH_TLS', `TLS_CONFIG="${tlsFile}"`);
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
