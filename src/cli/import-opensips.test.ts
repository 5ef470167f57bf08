import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { loadSettings } from '../server/settings.ts';
import { digestHa1 } from '../sip/digest.ts';
import { Commands } from './commands.ts';
import { importOpensips } from './import-opensips.ts';
import { migrateStatus } from './migrate.ts';
import type { Terminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-opensips-'));
after(() => rmSync(folder, { recursive: true }));
const from = join(folder, 'opensips.sqlite');
const MD5 = 'a'.repeat(32);
const LATER = 4_000_000_000;

const opensips = new DatabaseSync(from);
opensips.exec(`
  create table subscriber (id integer primary key, username char(64), domain char(64), password char(25),
    ha1 char(64), ha1_sha256 char(64), ha1_sha512t256 char(64));
  insert into subscriber values (1, 'alice', 'Example.com', '', '${MD5}', '', ''),
    (2, 'bob', 'example.com', 'secret', '', '', ''), (3, 'carol', '', 'secret', '', '', ''),
    (4, 'dave', 'example.com', '', '', '', '');
  create table location (contact_id integer primary key, username char(64), domain char(64), contact text,
    received char(255), path char(255), expires int, q float, callid char(255), cseq int, last_modified datetime,
    user_agent char(255), sip_instance char(255));
  insert into location values
    (1, 'alice', 'example.com', 'sip:alice@192.0.2.1', null, null, ${LATER}, -1, 'c', 7, '2026-01-01 00:00:00', 'x',
      '"<urn:uuid:1>"'),
    (2, 'bob', 'example.com', 'sip:bob@192.0.2.2', null, null, 1000, 1, 'd', 7, '2026-01-01 00:00:00', 'x', null);
  create table grp (id integer primary key, username char(64), domain char(64), grp char(64), last_modified datetime);
  insert into grp values (1, 'alice', 'example.com', 'international', '2026-01-01 00:00:00'),
    (2, 'alice', 'example.com', '42', '2026-01-01 00:00:00');
  create table address (id integer primary key, grp int, ip char(50), mask int, port int, proto char(4),
    pattern char(64), context_info char(32));
  insert into address values (1, 1, '192.0.2.7', 32, 5060, 'udp', null, 'carrier');
  create table usr_preferences (id integer primary key, uuid char(64), username char(64), domain char(64),
    attribute char(32), type int, value char(128), last_modified datetime);
  insert into usr_preferences values (1, '', '0', 'example.com', 'calls_max', 0, '5', '2026-01-01 00:00:00'),
    (2, '', 'alice', 'example.com', 'dnd', 0, '1', '2026-01-01 00:00:00');
  create table dbaliases (id integer primary key, alias_username char(64), alias_domain char(64),
    username char(64), domain char(64));
  insert into dbaliases values (1, 'sales', 'example.com', 'alice', 'example.com');
  create table dr_rules (ruleid integer primary key, prefix char(64));
  insert into dr_rules values (1, '49'), (2, '43');
`);
opensips.close();

function session() {
  const results: string[] = [];
  const terminal = { result: (text: string) => void results.push(text) } as unknown as Terminal;
  const file = join(folder, 'tandem.toml');
  writeFileSync(file, '[data]\nfolder = "data"\n');
  const commands = new Commands(loadSettings(file));
  return { results, session: { commands, terminal, json: false, wide: true } };
}

async function run(dryRun: boolean, domain?: string): Promise<[status: number, text: string]> {
  const { results, session: with_ } = session();
  const status = await importOpensips(with_, { from, dryRun, ...(domain === undefined ? {} : { domain }) });
  return [status, results.join('\n')];
}

const DIFFERENCES = `subscriber: would be 2 added, 0 changed, 0 the same, 2 left out
  + alice@example.com
  + bob@example.com
  ✕ carol@: no domain; give --domain
  ✕ dave@example.com: neither password nor ha1
location: would be 1 added, 0 changed, 0 the same, 1 left out
  + alice@example.com sip:alice@192.0.2.1
  ✕ bob@example.com sip:bob@192.0.2.2: expired
dbaliases: would be 1 added, 0 changed, 0 the same, 0 left out
  + sales@example.com
address: would be 1 added, 0 changed, 0 the same, 0 left out
  + 1 192.0.2.7 32 5060 udp carrier
grp: would be 2 added, 0 changed, 0 the same, 0 left out
  + alice@example.com international
  + alice@example.com 42
usr_preferences: would be 2 added, 0 changed, 0 the same, 0 left out
  + @example.com calls_max 0 5
  + alice@example.com dnd 0 1
dr_rules: 2 rows left out: prefixes belong into a routing script`;

test('--dry-run shows the differences and writes nothing', async () => {
  assert.deepEqual(await run(true), [5, DIFFERENCES]);
  assert.deepEqual(await run(true), [5, DIFFERENCES]);
});

test('what is written is there, and a second import finds it the same', async () => {
  await run(false);
  const { session: with_ } = session();
  const users = await with_.commands.read((db) =>
    db.selectFrom('subscriber').selectAll().orderBy('id').execute(),
  );
  const bindings = await with_.commands.read((db) => db.selectFrom('location').selectAll().execute());
  const [, again] = await run(true, 'example.com');

  assert.deepEqual(
    users.map(({ id, username, ha1 }) => [id, username, ha1]),
    [
      [1, 'alice', MD5],
      [2, 'bob', digestHa1('MD5', 'bob', 'example.com', 'secret')],
    ],
  );
  assert.deepEqual(
    bindings.map(({ contact, q, expires, sip_instance }) => [contact, q, expires, sip_instance]),
    [['sip:alice@192.0.2.1', 1, LATER * 1000, '<urn:uuid:1>']],
  );
  assert.match(
    again,
    /^subscriber: would be 1 added, 0 changed, 2 the same, 1 left out\n {2}\+ carol@example.com/,
  );
  for (const table of ['dbaliases', 'address', 'grp', 'usr_preferences'])
    assert.match(again, new RegExp(`\n${table}: would be 0 added, 0 changed, [12] the same, 0 left out`));
});

test('a password that changed there is a change here', async () => {
  const other = new DatabaseSync(from);
  other.exec(`update subscriber set ha1 = '${'b'.repeat(32)}' where username = 'alice'`);
  other.close();

  const [, text] = await run(true);

  assert.match(text, /~ alice@example.com {2}\(ha1\)/);
});

const INJECTION = "x''; drop table subscriber; --";
//    table             its row                                                     why it is left out
const hostile: [string, string, RegExp][] = [
  ['subscriber', `(9, '${INJECTION}', 'example.com', 'x', '', '', '')`, /a user name has letters/],
  ['subscriber', `(9, 'eve', 'a b', 'x', '', '', '')`, /not a domain/],
  [
    'location',
    `(9, 'eve', 'example.com', 'x'||char(13,10)||'Via: y', null, null, ${LATER}, 1, 'c', 1, null, '', null)`,
    /./,
  ],
  [
    'location',
    `(9, '${INJECTION}', 'example.com', 'sip:a@b', null, null, ${LATER}, 1, 'c', 1, null, '', null)`,
    /a user name/,
  ],
  ['grp', `(9, 'eve', 'example.com', '${INJECTION}', '2026-01-01 00:00:00')`, /group: expected/],
  ['dbaliases', `(9, 'a', 'example.com', 'x'||char(10)||'y', 'example.com')`, /user: expected/],
  ['address', `(9, 1, 'nowhere', 32, 0, 'any', null, null)`, /expected an address/],
  ['address', `(9, 1, '192.0.2.7', 8, 0, 'any', null, null)`, /address: expected/],
  [
    'usr_preferences',
    `(9, '', 'eve', 'example.com', 'x', 0, 'a'||char(13,10)||'b', null)`,
    /value: expected/,
  ],
];

for (const [table, row, reason] of hostile) {
  test(`of ${table} ${row} is left out, and nothing else`, async () => {
    const other = new DatabaseSync(from);
    other.exec(`insert into ${table} values ${row}`);
    const [, text] = await run(false);
    other.exec(`delete from ${table} where ${table === 'location' ? 'contact_id' : 'id'} = 9`);
    other.close();

    const [, of] = new RegExp(`^${table}: 0 added, .* left out\n((?:  .*\n)*)`, 'm').exec(text) ?? [];
    assert.match(of ?? '', reason, text);
  });
}

test('a database that cannot be reached is an error with its code', async () => {
  const { session: with_ } = session();
  const url = 'mysql://nobody@127.0.0.1:1/none';

  await assert.rejects(importOpensips(with_, { from: url, dryRun: true }), { code: 'DATABASE' });
});

test('migrate status tells every migration and when it was done', async () => {
  const { results, session: with_ } = session();

  assert.equal(await migrateStatus(with_), 0);
  assert.match(results.join('\n'), /001-subscriber +20\d\d-\d\d-\d\d/);
});
