/** Two nodes on one database server: what one provisions the other knows, of every kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverPlace } from '../../src/store/database-place.ts';
import type { Given } from '../../src/subscriber/kind.ts';
import type { KindName } from '../../src/subscriber/provisions.ts';
import { provisionedNode } from '../../src/testing/provisioned-node.ts';
import { missingServer, startDatabaseServer } from './database-server.ts';

const EACH: readonly (readonly [KindName, Given])[] = [
  ['domains', { domain: 'example.net', subdomains: true }],
  ['numbers', { number: '+4930100200', domain: 'example.com', target: 'bob@example.com', carrier: 'c-1' }],
  ['aliases', { alias: 'boss@example.com', user: 'bob@example.com' }],
  ['groups', { user: '*@example.com', group: 'national' }],
  ['lists', { user: 'bob@example.com', direction: 'in', prefix: 'anonymous', action: 'block' }],
  ['global-list', { direction: 'out', prefix: '+4990', description: 'dear' }],
  ['speed-dial', { user: 'bob@example.com', code: '*1', target: '+4930', name: 'Öma' }],
  ['forwards', { user: 'bob@example.com', kind: 'busy', target: 'carol@example.com', ringMs: 9000 }],
  ['ring-groups', { group: 'sales@example.com', strategy: 'rotate', fallback: 'tel:+4930100200' }],
  ['ring-members', { group: 'sales@example.com', member: 'sip:x@192.0.2.9;transport=tcp', position: 3 }],
  ['schedules', { domain: 'example.com', name: 'office', timezone: 'UTC', periods: [{ days: 'mon' }] }],
  ['preferences', { owner: 'example.com', name: 'calls_max', value: '3' }],
];

for (const dialect of ['postgres', 'mysql'] as const) {
  test(
    `two nodes on ${dialect}: of every kind, what one writes the other knows`,
    { skip: missingServer(dialect) },
    async () => {
      const server = await startDatabaseServer(dialect);
      try {
        const place = serverPlace(await server.makeDatabase());
        const [one, two] = [await provisionedNode(place), await provisionedNode(place)];
        const rowsOf = ({ provisions }: typeof one): unknown =>
          provisions.all.map((shelf) => [...shelf.keys()].sort());

        for (const [name, given] of EACH)
          await one.provisions.all.find((shelf) => shelf.name === name)?.add(given);
        await one.subscribers.add({ user: 'alice', domain: 'a.example', password: 'x' });
        await two.subscribers.add({ user: 'bob', domain: 'a.example', password: 'x' });
        await two.follower.catchUp();
        await one.follower.catchUp();
        assert.deepEqual(rowsOf(two), rowsOf(one));
        assert.deepEqual(
          two.provisions.forwards.ofOwner('bob@example.com'),
          one.provisions.forwards.ofOwner('bob@example.com'),
        );
        assert.deepEqual(
          two.provisions.speedDials.ofOwner('bob@example.com'),
          one.provisions.speedDials.ofOwner('bob@example.com'),
        );
        assert.deepEqual([one.subscribers.count, two.subscribers.count], [2, 2]);

        for (const [name, given] of EACH)
          await two.provisions.all.find((shelf) => shelf.name === name)?.remove(given);
        await one.follower.catchUp();
        assert.ok(
          one.provisions.all.every(({ size }) => size === 0),
          JSON.stringify(rowsOf(one)),
        );
        await one.stop();
        await two.stop();
      } finally {
        await server.remove();
      }
    },
  );
}
