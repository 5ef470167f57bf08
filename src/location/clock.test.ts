import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../store/writer.ts';
import { PHONE, registerOf, registrar, type Registrar, valuesOf } from '../testing/registering.ts';
import type { BindingRow } from './binding-row.ts';
import type { RegisterOutcome } from './registrar.ts';
import { JUMP_MS } from './wall-jumps.ts';

const BOB = 'bob@example.com';

/** A registrar whose answers wait for the disk, and what the disk holds. */
function bench(): Registrar & { readonly disk: Map<Value, readonly Value[]> } {
  const disk = new Map<Value, readonly Value[]>();
  const made = registrar({ durable: true }, (statement, values) => {
    if (statement === 'saveBinding') disk.set(values[2] ?? null, values);
    else if (statement === 'removeBinding') disk.delete(values[2] ?? null);
  });
  return { ...made, disk };
}

function register(
  { clock, location }: Registrar,
  cseq: number,
  lines: readonly string[],
): Promise<RegisterOutcome> {
  return clock.until(Promise.resolve(location.save(registerOf({ lines, cseq }), PHONE)));
}

const MINUTE = ['Contact: <sip:1@h>;expires=60'];

// By how much somebody sets the wall clock while a phone is registered for a minute.
for (const byMs of [-3_600_000, -1_000, 1_000, 3_600_000]) {
  test(`a wall clock set by ${byMs} ms ends no binding and keeps none`, async () => {
    const b = bench();
    await register(b, 1, MINUTE);

    b.clock.jumpWall(byMs);

    assert.deepEqual(valuesOf(await register(b, 2, []), 'Contact'), ['<sip:1@h>;expires=60']);
    await b.clock.run(59_999);
    assert.equal(b.location.lookup(BOB).length, 1);
    await b.clock.run(1);
    assert.equal(b.location.lookup(BOB).length, 0);
    await b.clock.run(1_001);
    assert.deepEqual([b.location.count, b.disk.size], [0, 0]);
  });

  test(`a refresh after the wall clock was set by ${byMs} ms is on disk by the new one, and restored so`, async () => {
    const before = bench();
    await register(before, 1, MINUTE);
    before.clock.jumpWall(byMs);

    await register(before, 2, MINUTE);

    const [row] = before.disk.values();
    assert.equal(row?.[5], before.clock.wall() + 60_000);
    const after = bench();
    await after.clock.run(10_000);
    after.clock.jumpWall(byMs);
    assert.equal(after.location.restore([rowOf(row ?? [])]), 1);
    assert.equal(after.location.lookup(BOB)[0]?.expiresAt, 60_000, '50 s are left');
  });
}

// So much later by the wall clock, and what a registration is answered then.
const dates: readonly [laterMs: number, date: string][] = [
  [0, 'Sat, 13 Nov 2010 23:29:00 GMT'],
  [999, 'Sat, 13 Nov 2010 23:29:00 GMT'],
  [1_000, 'Sat, 13 Nov 2010 23:29:01 GMT'],
  [-1, 'Sat, 13 Nov 2010 23:28:59 GMT'],
];

for (const [laterMs, date] of dates) {
  test(`${laterMs} ms later who registers is told the date ${date}`, async () => {
    const b = bench();
    b.clock.jumpWall(Date.UTC(2010, 10, 13, 23, 29) - b.clock.wall());
    await register(b, 1, MINUTE);
    b.clock.jumpWall(Date.UTC(2010, 10, 13, 23, 29) + laterMs - b.clock.wall());

    assert.deepEqual(valuesOf(await register(b, 2, MINUTE), 'Date'), [date]);
    b.location.close();
  });
}

// By how much somebody sets the wall clock, and whether that is a jump.
const jumps: readonly [byMs: number, isWritten: boolean][] = [
  [-3_600_000, true],
  [-JUMP_MS, true],
  [1 - JUMP_MS, false],
  [JUMP_MS - 1, false],
  [JUMP_MS, true],
  [3_600_000, true],
];

for (const [byMs, isWritten] of jumps) {
  test(`rows on disk ${isWritten ? 'follow' : 'do not follow'} a wall clock set by ${byMs} ms`, async () => {
    const b = bench();
    await register(b, 1, ['Contact: <sip:1@h>', 'Contact: <sip:2@h>;expires=60']);
    const said = [...b.disk.values()].map((row) => Number(row[5]));
    b.clock.jumpWall(byMs);

    await b.clock.run(2_000);

    const rows = [...b.disk.values()];
    const movedMs = isWritten ? byMs : 0;
    assert.deepEqual(
      rows.map((row) => row[5]),
      said.map((expires) => expires + movedMs),
    );
    assert.deepEqual(b.location.restore([]), 2, 'memory is as it was');
    b.location.close();
  });
}

test('rows that follow the clock keep the order in which they were changed', async () => {
  const b = bench();
  for (const [at, name] of ['a', 'b', 'c'].entries()) await register(b, at + 1, [`Contact: <sip:${name}@h>`]);
  await register(b, 9, ['Contact: <sip:a@h>']);
  b.clock.jumpWall(3_600_000);

  await b.clock.run(2_000);

  const rows = [...b.disk.values()].toSorted((one, other) => Number(one[9]) - Number(other[9]));
  assert.deepEqual(
    rows.map((row) => row[2]),
    ['sip:b@h', 'sip:c@h', 'sip:a@h'],
  );
  b.location.close();
});

test('thousands of rows follow the clock a part at a time', async () => {
  const written: number[] = [];
  const r = registrar({ durable: true, bindingsMax: 3_000 }, (statement) => {
    if (statement === 'saveBinding') written.push(r.clock.now());
  });
  const row = { domain: 'example.com', expires: Infinity, q: 1, callid: 'c', cseq: 1, user_agent: '' };
  const none = { received: null, path: null, sip_instance: null, reg_id: null };
  r.location.restore(
    Array.from({ length: 2_500 }, (_, i) => ({ ...row, ...none, username: `u${i}`, contact: 'sip:1@h' })),
  );
  r.clock.jumpWall(60_000);

  await r.clock.run(2_000);

  const atOnce = Map.groupBy(written, (atMs) => atMs);
  assert.deepEqual(
    Array.from(atOnce.values(), (all) => all.length),
    [1_000, 1_000, 500],
  );
  r.location.close();
});

/** What `restore` reads of the values of `saveBinding`. */
function rowOf(values: readonly Value[]): BindingRow {
  const [username, domain, contact, received, path, expires, q, callid, cseq] = values;
  const none = { user_agent: '', sip_instance: null, reg_id: null };
  return { username, domain, contact, received, path, expires, q, callid, cseq, ...none } as BindingRow; // The columns.
}
