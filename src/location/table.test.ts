import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRandom } from '../testing/sim-random.ts';
import { Contact } from './contact.ts';
import { KeyedHash } from '../base/keyed-hash.ts';
import { LocationTable, NO_ROW } from './table.ts';

function contact(aor: string, uriText: string, expiresAt = 1000, q = 1): Contact {
  return new Contact({ aor, uriText, q, expiresAt, callId: 'c', cseq: 1, userAgent: '', params: '' });
}

function uris(table: LocationTable, aor: string): string[] {
  const found: string[] = [];
  for (let row = table.first(aor); row !== NO_ROW; row = table.next(row))
    found.push(table.contact(row).uriText);
  return found.sort();
}

test('every field of a binding comes back', () => {
  const table = new LocationTable(new SimRandom(1), 10);
  const whole = new Contact({
    aor: 'bob@example.com',
    uriText: 'sip:bob@192.0.2.7',
    q: 0.125,
    expiresAt: 1_767_225_600_123,
    callId: 'a84b',
    cseq: 0x7fffffff,
    userAgent: 'Phone \u00e9',
    params: ';+sip.instance="<urn:uuid:1>";reg-id=2',
    received: 'udp:192.0.2.7:5062',
    path: '<sip:p;lr>',
  });

  const read = table.contact(table.put(whole));

  assert.deepEqual(read, whole);
  assert.equal(read.instance, '<urn:uuid:1>');
  assert.equal(read.regId, 2);
});

test('a table against a plain Map, through growth, removal and reuse', () => {
  const random = new SimRandom(7);
  const table = new LocationTable(random, 4000);
  const model = new Map<string, string[]>();
  for (let step = 0; step < 12_000; step++) {
    const aor = `user${random.below(1500)}@example.com`;
    const bound = model.get(aor) ?? [];
    if (random.chance(0.6)) {
      const row = table.put(contact(aor, `sip:${step}@h`));
      if (row !== NO_ROW) model.set(aor, [...bound, `sip:${step}@h`]);
    } else if (bound.length > 0) {
      const row = table.first(aor);
      const gone = table.contact(row).uriText;
      table.remove(row);
      model.set(
        aor,
        bound.filter((uri) => uri !== gone),
      );
    }
  }

  for (const [aor, bound] of model) assert.deepEqual(uris(table, aor), [...bound].sort());
  assert.equal(table.count, [...model.values()].flat().length);
  assert.equal(table.aors, [...model.values()].filter((bound) => bound.length > 0).length);
});

test('the limit holds, and a removal makes room', () => {
  const table = new LocationTable(new SimRandom(1), 2);
  const row = table.put(contact('a@h', 'sip:1@h'));
  table.put(contact('a@h', 'sip:2@h'));

  assert.equal(table.put(contact('b@h', 'sip:3@h')), NO_ROW);
  table.remove(row);
  assert.notEqual(table.put(contact('b@h', 'sip:3@h')), NO_ROW);
  assert.deepEqual(uris(table, 'a@h'), ['sip:2@h']);
});

test('a name that begins another is another', () => {
  const table = new LocationTable(new SimRandom(1), 10);
  table.put(contact('bob@example.com', 'sip:1@h'));

  assert.equal(table.first('bob@example.co'), NO_ROW);
  assert.equal(table.first('bob@example.comm'), NO_ROW);
  assert.equal(table.first(''), NO_ROW);
});

test('a sweep meets everything once, a bounded part at a time', () => {
  const table = new LocationTable(new SimRandom(1), 100);
  for (let i = 0; i < 50; i++) table.put(contact(`u${i}@h`, 'sip:1@h', i % 2 === 0 ? 1000 : 2000));
  const found: number[] = [];
  const sweep = (rowsMax: number, foundMax: number): void => {
    table.sweep(1000, rowsMax, foundMax, (row) => {
      found.push(row);
      table.remove(row);
    });
  };

  sweep(10, 100);
  assert.equal(found.length, 5);
  sweep(100, 3);
  assert.equal(found.length, 8);
  sweep(100, 100);
  assert.equal(found.length, 25);
  assert.equal(table.count, 25);
});

test('names spread over the table, and another key spreads them otherwise', () => {
  const one = new KeyedHash(new SimRandom(1).bytes(8));
  const other = new KeyedHash(new SimRandom(2).bytes(8));
  const names = Array.from({ length: 5000 }, (_, i) => `user${i}@example.com`);
  const shards = new Int32Array(256);
  for (const name of names) shards[one.of(name) >>> 24]!++;

  assert.ok(Math.max(...shards) < 50);
  assert.ok(names.every((name) => one.of(name) !== other.of(name)));
  assert.notEqual(one.of('ab'), one.of('ab\0'));
});

test('100,000 usual contacts take less than 400 bytes each', () => {
  const before = process.memoryUsage().arrayBuffers;
  const table = new LocationTable(new SimRandom(1), 100_000);
  for (let i = 0; i < 100_000; i++) table.put(typical(i));

  assert.ok((process.memoryUsage().arrayBuffers - before) / table.count < 400);
});

function typical(i: number): Contact {
  const number = String(1_000_000 + i);
  return new Contact({
    aor: `u${number}@example.com`,
    uriText: `sip:u${number}@192.0.2.7:50600;ob;x=1`,
    q: 1,
    expiresAt: 1e12,
    cseq: 1,
    callId: `${number}-a84b4c76e66710-0123456`,
    userAgent: 'Example Softphone 7.2.11 (x64)',
    params: '',
  });
}
