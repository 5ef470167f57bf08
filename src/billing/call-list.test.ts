import { after, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { open } from '../store/sqlite.ts';
import { statements } from '../store/statements.ts';
import { listCalls, readUnfinishedCalls, showCalls } from './call-list.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-call-list-'));
const db = await open(join(folder, 'calls.db'));
const table = new DatabaseSync(join(folder, 'calls.db'));
let lastId = 0;
after(async () => {
  table.close();
  await db.destroy();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  table.exec('delete from calls');
  lastId = 0;
});

/** Puts a call into the table; the n-th one began in second n. */
function put({ callId = 'x', caller = 'alice', callee = 'bob' }): void {
  const id = ++lastId;
  const values = [id, callId, 'tag', caller, callee, 'sip:a@x.org', null, '192.0.2.7:5060', id * 1_000];
  table.prepare(statements.openCall).run(...values);
}

const lists: [string, Parameters<typeof listCalls>[1], number[]][] = [
  ['all, newest first', {}, [4, 3, 2, 1]],
  ['the latest two', { limit: 2 }, [4, 3]],
  ['since the second', { since: 2_000 }, [4, 3, 2]],
  ['of alice, as caller or callee', { user: 'alice' }, [4, 2, 1]],
  ['of alice at one domain', { user: 'alice@example.com' }, [2, 1]],
  ['of a name that is a pattern', { user: 'al%' }, []],
];

for (const [what, filter, expected] of lists) {
  test(`list: ${what}`, async () => {
    for (const [caller, callee] of [
      ['alice@example.com', 'bob'],
      ['bob@example.com', 'alice@example.com'],
      ['alicea@example.com', 'bob'],
      ['carol@example.com', 'alice'],
    ] as const) {
      put({ caller, callee });
    }

    assert.deepEqual(
      (await listCalls(db, filter)).map((row) => row.id),
      expected,
    );
  });
}

test('show: by number, by Call-ID with every attempt, by a Call-ID of digits, nothing', async () => {
  for (const callId of ['x', 'x', '77']) put({ callId });

  const found = await Promise.all(['2', 'x', '77', 'y'].map((id) => showCalls(db, id)));

  assert.deepEqual(
    found.map((all) => all.map((row) => row.id)),
    [[2], [1, 2], [3], []],
  );
});

test('unfinished are those that have not ended, and the largest number is that of any', async () => {
  for (let calls = 0; calls < 3; calls++) put({});
  table.prepare(statements.answerCall).run(2_500, 500, 200, 2);
  table.prepare(statements.endCall).run(null, 9_000, 0, 6_000, 486, 'callee', 3);

  const { lastId: last, rows } = await readUnfinishedCalls(db);

  assert.equal(last, 3);
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { id: 1, state: 'open', started_at: 1_000, setup_ms: null, status: null },
      { id: 2, state: 'answered', started_at: 2_000, setup_ms: 500, status: 200 },
    ],
  );
});

test('of an empty table nothing is unfinished', async () => {
  assert.deepEqual(await readUnfinishedCalls(db), { lastId: 0, rows: [] });
});

test('a hostile name is a text like any other', async () => {
  const caller = "'; drop table calls; --";
  put({ caller });

  assert.equal((await listCalls(db, { user: caller })).length, 1);
});
