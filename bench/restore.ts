/**
 * How long a start takes that finds many registrations on disk: every row read from SQLite, made into a binding, and
 * found again by its address.
 *
 *   node bench/restore.ts [contacts]
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/base/silent-logger.ts';
import { savedValues } from '../src/location/binding-row.ts';
import { Contact } from '../src/location/contact.ts';
import { LOCATION_DEFAULTS, Location } from '../src/location/location.ts';
import { openDatabase, openWriter } from '../src/store/database.ts';
import { readRows } from '../src/store/read-rows.ts';
import { nodeWorld } from '../src/world/node-world.ts';

const contacts = Number(process.argv[2] ?? 100_000);
const HOUR_MS = 3_600_000;
const WAITING_MAX = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'tandem-restore-'));
const place = { dialect: 'sqlite', file: join(folder, 'tandem.sqlite'), synchronous: 'NORMAL' } as const;
const { clock, random, log } = nodeWorld({ log: silentLogger, udp: 'dgram' });

try {
  await (await openDatabase(place)).destroy();
  const writer = openWriter(place, { clock, log });
  for (let i = 0; i < contacts; i++) {
    writer.write('saveBinding', savedValues(contactOf(i), clock));
    if (writer.waiting > WAITING_MAX) await writer.flush();
  }
  await writer.flush();
  const start = performance.now();
  const db = await openDatabase(place);
  const settings = {
    ...LOCATION_DEFAULTS,
    durable: true,
    bindingsMax: contacts,
    minExpires: 60,
    maxExpires: 7200,
    defaultExpires: 3600,
    maxContacts: 10,
  };
  const location = new Location({ clock, random, writer, settings });
  const rows = db.selectFrom('location').selectAll().orderBy('last_modified');
  let slowestMs = 0;
  for await (const part of readRows(db, rows)) {
    const partStart = performance.now();
    location.restore(part);
    slowestMs = Math.max(slowestMs, performance.now() - partStart);
  }
  const tookMs = performance.now() - start;
  assert.equal(location.count, contacts);
  process.stdout.write(
    `${contacts.toLocaleString('en')} contacts restored in ${tookMs.toFixed(0)} ms, ` +
      `the longest stop ${slowestMs.toFixed(1)} ms\n`,
  );
  location.close();
  await db.destroy();
  await writer.close();
} finally {
  rmSync(folder, { recursive: true });
}

/** Half of them behind NATs, a third with a device of their own. */
function contactOf(i: number): Contact {
  const device = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-${String(i).padStart(12, '0')}>"`;
  const isBehindNat = i % 2 === 0;
  return new Contact({
    aor: `u${1_000_000 + i}@example.com`,
    uriText: `sip:u${1_000_000 + i}@10.0.0.5:50600;ob;x=1234`,
    q: 1,
    expiresAt: clock.now() + HOUR_MS,
    cseq: 1,
    callId: `${1_000_000 + i}-a84b4c76e66710-0123456`,
    userAgent: 'Example Softphone 7.2.11 (x64)',
    params: i % 3 === 0 ? device : '',
    ...(isBehindNat ? { received: `udp:192.0.2.7:${1024 + (i % 60_000)}`, socket: '192.0.2.1:5060' } : {}),
  });
}
