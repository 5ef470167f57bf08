import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../sip/uri.ts';
import { SimClock, WALL_START } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import type { BindingRow } from './binding-row.ts';
import { Location } from './location.ts';

const settings = {
  durable: true,
  bindingsMax: 3000,
  maxContacts: 10,
  minExpires: 60,
  maxExpires: 7200,
  defaultExpires: 3600,
};

function filled(rows: readonly BindingRow[]): { clock: SimClock; location: Location; count: number } {
  const clock = new SimClock();
  const location = new Location({ clock, random: new SimRandom(1), settings });
  return { clock, location, count: location.restore(rows) };
}

function row(username: string, contact: string, q = 1, more: Partial<BindingRow> = {}): BindingRow {
  const none = { received: null, path: null, sip_instance: null, reg_id: null };
  const usual = { domain: 'example.com', expires: WALL_START + 60_000, callid: 'c', cseq: 1, user_agent: '' };
  return { username, contact, q, ...none, ...usual, ...more };
}

test('the highest q is found first, then the latest registered', () => {
  const { location } = filled([
    row('bob', 'sip:1@h', 0.5),
    row('bob', 'sip:2@h'),
    row('alice', 'sip:3@h'),
    row('bob', 'sip:4@h', 0.5),
    row('bob', 'sip:5@h', 0.499),
  ]);

  const found = location.contactsOf(parseUri('sip:%62ob@EXAMPLE.com;transport=tcp'));

  assert.deepEqual(
    found.map((contact) => contact.uriText),
    ['sip:2@h', 'sip:4@h', 'sip:1@h', 'sip:5@h'],
  );
});

// RFC 5630 §5.3. [Contact, how it is reached, whether a sips call may go there]
const reached: readonly [string, string | null, boolean][] = [
  ['sips:1@h', null, true],
  ['sips:1@h', 'udp:192.0.2.1:5060', true], // Nothing is sent there all the same: see Contact.hop.
  ['sip:1@h', 'tls:192.0.2.1:5061', true],
  ['sip:1@h', 'wss:192.0.2.1:5081', true],
  ['sip:1@h', 'ws:192.0.2.1:5080', false],
  ['sip:1@h', 'tcp:192.0.2.1:5060', false],
  ['sip:1@h', 'udp:192.0.2.1:5060', false],
  ['sip:1@h;transport=tls', null, false],
];

for (const [contact, received, isFound] of reached) {
  test(`${contact} by ${received ?? 'its URI'} is ${isFound ? '' : 'not '}called by sips, and always by sip`, () => {
    const { location } = filled([]);
    location.restore([row('bob', contact, 1, { received }), row('bob', 'sip:2@h', 0.1)], 'standing');
    const uris = (asked: string): string[] =>
      location.contactsOf(parseUri(asked)).map(({ uriText }) => uriText);

    assert.deepEqual(uris('sips:bob@example.com'), isFound ? [contact] : []);
    assert.deepEqual(uris('sip:bob@example.com'), [contact, 'sip:2@h']);
  });
}

test('nobody is found under another name', () => {
  const { location } = filled([row('bob', 'sip:1@h')]);

  for (const aor of ['', 'bob', 'Bob@example.com', 'bob@example.co', 'bob@example.com2']) {
    assert.deepEqual(location.lookup(aor), []);
  }
});

test('a list is read page by page, whole or filtered', () => {
  const { location } = filled(Array.from({ length: 7 }, (_, i) => row(`user${i}`, `sip:${i}@h`)));
  const read = (filter: string): string[] => {
    const found: string[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const page = location.list({ limit: 3, offset, filter });
      found.push(...page.contacts.map((contact) => contact.uriText));
      offset = page.next;
    }
    return found;
  };

  assert.equal(read('').length, 7);
  assert.deepEqual(read('user5@'), ['sip:5@h']);
  assert.deepEqual(read(':6@'), ['sip:6@h']);
});

test('thousands that expire at once are removed a part at a time', async () => {
  const { clock, location } = filled(Array.from({ length: 2500 }, (_, i) => row(`u${i}`, 'sip:1@h')));

  await clock.run(60_000);
  const left = location.count;
  await clock.run(200);

  assert.equal(left, 1500);
  assert.deepEqual([location.count, location.aors], [0, 0]);
});

test('rows that no exchange wrote are left out', () => {
  const { count } = filled([
    row('a', 'sip:1@h', 1, { callid: 'x\nsip:evil@h' }),
    row('b', 'sip:1@h', 1, { path: 'x'.repeat(5000) }),
    row('c', 'sip:1@h', 1, { expires: WALL_START }),
    row('d', 'sip:1@h', 7),
  ]);

  assert.equal(count, 1);
});
