import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { databaseFile } from '../server/settings.ts';
import { open } from '../store/sqlite.ts';
import { runCommand } from './program.ts';
import { printTable } from './output.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-cli-regs-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

const ALICE = 'alice@example.com';

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** One command on a data folder, as if typed into a pipe. */
async function tandem(folder: string, ...words: readonly string[]): Promise<Said> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const status = await runCommand([...words, '--data', folder], new Terminal(stdin, stdout, stderr, {}));
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

/** Where alice has two phones, and bob one. */
async function folderWithPhones(): Promise<string> {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  const db = await open(databaseFile(folder));
  for (const [username, host] of [
    ['alice', '192.0.2.11'],
    ['alice', '192.0.2.12'],
    ['bob', '192.0.2.13'],
  ] as const) {
    const contact = `sip:${username}@${host}`;
    const times = { expires: Date.now() + 600_000, last_modified: Date.now() };
    const row = { username, domain: 'example.com', contact, callid: 'c', cseq: 1, q: 1, user_agent: 'phone' };
    await db
      .insertInto('location')
      .values({ ...row, ...times })
      .execute();
  }
  await db.destroy();
  return folder;
}

for (const verb of ['add', 'set', 'import']) {
  test(`tandem regs ${verb}: one line says that phones register themselves`, async () => {
    const said = await tandem(join(root, 'none'), 'regs', verb, ALICE, '--dry-run');

    assert.equal(said.status, 2);
    assert.match(said.err, new RegExp(`^error: a phone registers itself: there is no tandem regs ${verb}\n`));
  });
}

test('registrations of a user are shown whole, and exported as CSV and JSON', async () => {
  const folder = await folderWithPhones();

  const shown = await tandem(folder, 'regs', 'show', ALICE);
  const csv = await tandem(folder, 'regs', 'export', 'bob');
  const json = await tandem(folder, 'regs', 'export', '--json');
  const nobody = await tandem(folder, 'regs', 'show', 'carol@example.com');

  assert.match(
    shown.out,
    /contact .*sip:alice@192\.0\.2\.11\n[^]*\n\n[^]*contact .*sip:alice@192\.0\.2\.12\n/,
  );
  assert.match(csv.out, /^user,contact,expiresAt,[^\n]*\nbob@example\.com,sip:bob@192\.0\.2\.13,[^\n]*\n$/);
  assert.equal((JSON.parse(json.out) as unknown[]).length, 3);
  assert.equal(nobody.status, 3);
});

test('a user is forgotten only after a yes, and nobody else with him', async () => {
  const folder = await folderWithPhones();

  const tried = await tandem(folder, 'regs', 'rm', ALICE, '--dry-run');
  const unsure = await tandem(folder, 'regs', 'rm', ALICE);
  const before = await tandem(folder, 'regs', 'export', '--json');
  const done = await tandem(folder, 'regs', 'rm', 'alice@EXAMPLE.com', '--yes');
  const left = await tandem(folder, 'regs', 'export', '--json');
  const again = await tandem(folder, 'regs', 'rm', ALICE, '--yes');

  assert.equal(tried.out, '- sip:alice@192.0.2.11\n- sip:alice@192.0.2.12\n');
  assert.equal(unsure.status, 2);
  assert.equal((JSON.parse(before.out) as unknown[]).length, 3);
  assert.equal(done.out, `forgot 2 registrations of ${ALICE}\n`, done.err);
  assert.deepEqual(
    (JSON.parse(left.out) as { user: string }[]).map(({ user }) => user),
    ['bob@example.com'],
  );
  assert.equal(again.status, 3);
});

test('what a stranger wrote steers no terminal, wherever it is shown', async () => {
  const hostile = 'x\u001b[2J\u009b1m\rroot';
  const [out, err] = [new PassThrough(), new PassThrough()];
  const terminal = new Terminal(new PassThrough(), Object.assign(out, { isTTY: true }), err, {});
  const columns = [{ title: 'NAME', rank: 0, cell: (row: string) => row }];

  printTable(terminal, [`${hostile}\n`], columns, true);
  terminal.result(hostile);
  terminal.file(hostile);
  terminal.note(hostile);
  terminal.complaint(hostile);
  out.end();
  err.end();

  const shown = 'x\\u001b[2J\\u009b1m\\u000droot';
  assert.equal(await text(out), `NAME\n${shown}\\u000a\n${shown}\n${shown}\n`);
  assert.equal(await text(err), `${shown}\n${shown}\n`);
});

test('an export into a file has what there is', async () => {
  const out = new PassThrough();
  new Terminal(new PassThrough(), out, new PassThrough(), {}).file('a\u009b');
  out.end();

  assert.equal(await text(out), 'a\u009b\n');
});
