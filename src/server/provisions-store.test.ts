import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDatabase } from '../store/database.ts';
import type { DatabasePlace } from '../store/database-place.ts';
import { provisionedNode } from '../testing/provisioned-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-provisions-'));
after(() => rmSync(folder, { recursive: true }));

test('what one node changes another one knows, and what it removes is gone there', async () => {
  const place: DatabasePlace = { dialect: 'sqlite', file: join(folder, 'two.db'), synchronous: 'NORMAL' };
  const one = await provisionedNode(place);
  const two = await provisionedNode(place);
  const forward = { user: 'bob@example.com', kind: 'busy', target: 'carol@example.com' };
  const account = { user: 'bob', domain: 'example.com', password: 'x' };

  await Promise.all([one.subscribers.add(account), one.provisions.forwards.add(forward)]);
  await one.provisions.preferences.add({ owner: 'example.com', name: 'calls_max', value: '2' });
  await one.provisions.preferences.set({ owner: 'example.com', name: 'calls_max', value: '3' });
  await two.follower.catchUp();

  assert.deepEqual(two.subscribers.find('bob', 'example.com'), one.subscribers.find('bob', 'example.com'));
  assert.deepEqual(
    two.provisions.forwards.ofOwner(forward.user),
    one.provisions.forwards.ofOwner(forward.user),
  );
  assert.equal(two.provisions.preference('x', 'example.com', 'calls_max'), '3');
  assert.deepEqual([...two.touched].toSorted(), ['forwarding', 'subscriber', 'usr_preferences']);

  await two.provisions.forwards.set({ ...forward, target: 'dora@example.com' });
  await two.subscribers.remove(account);
  await one.follower.catchUp();

  assert.equal(one.provisions.forwards.ofOwner(forward.user)[0]?.target, 'dora@example.com');
  assert.equal(one.subscribers.count, 0);
  await one.stop();
  await two.stop();
});

test('what is provisioned is there at the next start, addresses of SQL too', async () => {
  const place: DatabasePlace = { dialect: 'sqlite', file: join(folder, 'again.db'), synchronous: 'NORMAL' };
  const before = await provisionedNode(place);
  const schedule = { domain: 'example.com', name: 'office', timezone: 'UTC', periods: [{ days: 'mon' }] };
  await before.provisions.schedules.add(schedule);
  await before.stop();
  const db = await openDatabase(place);
  await db
    .insertInto('address')
    .values({ grp: 3, ip: '192.0.2.0', mask: 24, port: 0, proto: 'udp' })
    .execute();
  await db.destroy();

  const again = await provisionedNode(place);

  assert.deepEqual(again.provisions.schedules.get('example.com\toffice'), schedule);
  const [rule] = again.provisions.addresses.list();
  assert.deepEqual([rule?.group, rule?.host, rule?.bits, rule?.transport], ['3', '192.0.2.0', 24, 'udp']);
  await again.stop();
});

test('more changes than are read at once are all read', async () => {
  const place: DatabasePlace = { dialect: 'sqlite', file: join(folder, 'many.db'), synchronous: 'NORMAL' };
  const one = await provisionedNode(place);
  const two = await provisionedNode(place);

  const rows = Array.from({ length: 250 }, (_, n) => ({ number: `+4930${1000 + n}`, domain: 'example.com' }));
  await one.provisions.numbers.import(rows);
  await two.follower.catchUp();

  assert.equal(two.provisions.numbers.size, 250);
  await one.stop();
  await two.stop();
});
