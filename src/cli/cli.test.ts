import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { accountCommands } from '../server/control-accounts.ts';
import { CLAIM_LOOK_MS, claimDataFolder } from '../server/control-claim.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { ControlServer } from '../server/control.ts';
import { databaseFile } from '../server/settings.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { open } from '../store/sqlite.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-cli-'));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
const newFolder = (): string => join(root, String(folders++));

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** One command on a data folder, as if typed into a pipe or, with `columns`, into a terminal. */
async function tandem(
  folder: string,
  words: string,
  given: { stdin?: string; columns?: number } = {},
): Promise<Said> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(given.stdin ?? '');
  const tty = given.columns === undefined ? {} : { isTTY: true, columns: given.columns };
  const terminal = new Terminal(stdin, Object.assign(stdout, tty), Object.assign(stderr, tty), {});
  const status = await runCommand([...words.split(' '), '--data', folder], terminal);
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

test('a user is added before the exchange ever ran, and listed', async () => {
  const folder = newFolder();

  const added = await tandem(folder, 'users add alice@example.com', { stdin: 'secret\n' });
  const listed = await tandem(folder, 'users ls');

  assert.deepEqual(added, { status: 0, out: 'added alice@example.com\n', err: '' });
  assert.match(listed.out, /^USER {15}SINCE \(UTC\)\nalice@example\.com {2}\d{4}-/);
});

test('with --json the result is one document', async () => {
  const folder = newFolder();

  await tandem(folder, 'users add alice@example.com --password x');
  const listed = await tandem(folder, 'users ls --json');

  assert.equal((JSON.parse(listed.out) as { user: string }[])[0]?.user, 'alice@example.com');
});

const refused: [what: string, words: string, status: number, code: string][] = [
  ['a user that is there', 'users add alice@example.com --password x', 5, 'CONFLICT'],
  ['a name without a domain', 'users add alice --password x', 5, 'INVALID'],
  ['no password', 'users add bob@example.com', 2, 'USAGE'],
  ['a user that is not there', 'users set bob@example.com --password x', 3, 'NOT_FOUND'],
  ['a removal nobody can confirm', 'users rm alice@example.com', 2, 'USAGE'],
  ['a file that is not there', 'users import none.csv', 3, 'NOT_FOUND'],
  ['a call that is not there', 'calls show 7', 3, 'NOT_FOUND'],
  ['a time that is none', 'calls ls --last week', 2, 'USAGE'],
  ['a number out of its range', 'calls ls --limit 0', 2, 'USAGE'],
  ['an unknown command', 'usrs', 2, 'USAGE'],
  ['an unknown flag', 'users ls --jsn', 2, 'USAGE'],
  ['settings that are not there', 'users ls --config none.toml', 3, 'NOT_FOUND'],
];

const used = newFolder();
for (const [what, words, status, code] of refused) {
  test(`${what} is refused with exit code ${status}, in words and as a document`, async () => {
    await tandem(used, 'users add alice@example.com --password x');

    const said = await tandem(used, words);
    const document = await tandem(used, `${words} --json`);

    assert.equal(said.status, status, said.err);
    assert.equal(said.out, '');
    assert.match(said.err, /^error: [^A-Z]/);
    assert.equal(document.status, status);
    assert.equal((JSON.parse(document.out) as { error: { code: string } }).error.code, code);
    assert.equal(document.err, '');
  });
}

test('a mistyped word brings the nearest', async () => {
  const said = await tandem(newFolder(), 'users lss');

  assert.equal(said.err, "error: unknown command 'lss'\n  Did you mean ls?\n");
});

test('help exit-codes lists what a program needs to know, on stdout', async () => {
  const { status, out } = await tandem(newFolder(), 'help exit-codes');

  assert.equal(status, 0);
  for (const code of [0, 1, 2, 3, 5, 6, 7, 130]) assert.match(out, new RegExp(`^${code} +[a-z]`, 'm'));
});

test('a word missing shows what there is, on stderr', async () => {
  const said = await tandem(newFolder(), 'users');

  assert.notEqual(said.status, 0);
  assert.equal(said.out, '');
});

test('an import tells what it would do, does it, and names the lines it refused', async () => {
  const folder = newFolder();
  const file = join(root, 'users.csv');
  writeFileSync(
    file,
    'username,domain,password\nalice,example.com,1\nno good,example.com,2\nbob,example.com,\n',
  );
  await tandem(folder, 'users add alice@example.com --password x');

  const tried = await tandem(folder, `users import ${file} --dry-run`);
  const before = await tandem(folder, 'users ls --json');
  const done = await tandem(folder, `users import ${file} --json`);

  assert.equal(tried.out, '~ alice@example.com\nwould be: 0 added, 1 changed, 2 rejected\n');
  assert.match(tried.err, /users\.csv:3: .*\n.*users\.csv:4: /);
  assert.equal((JSON.parse(before.out) as unknown[]).length, 1);
  assert.equal(done.status, 5);
  assert.deepEqual(
    (JSON.parse(done.out) as { rejected: { line: number }[] }).rejected.map(({ line }) => line),
    [3, 4],
  );
});

const noUsers: readonly (readonly [what: string, text: string, complaint: RegExp])[] = [
  ['that is empty', '', /^error: \S+ names no user: it is empty\n/],
  ['of another kind', 'PNG', /^error: \S+ names no user: it is empty\n/],
  ['with a misspelt column', 'usernam,domain\na,b\n', /: no column user or username among usernam, domain\n/],
];
for (const [what, text, complaint] of noUsers) {
  test(`a file ${what} is no import that went well`, async () => {
    const folder = newFolder();
    const file = `${folder}.csv`;
    writeFileSync(file, text);

    const said = await tandem(folder, `users import ${file}`);

    assert.equal(said.status, 5);
    assert.match(said.err, complaint);
  });
}

test('JSON is imported as well, with the hashes of another server', async () => {
  const folder = newFolder();
  const file = join(root, 'users.json');
  writeFileSync(file, JSON.stringify([{ user: 'carol@example.com', ha1: '0'.repeat(32) }]));

  const done = await tandem(folder, `users import ${file}`);

  assert.equal(done.out, '1 added, 0 changed, 0 rejected\n');
});

test('beside a running exchange accounts are changed by it', async (t) => {
  const folder = newFolder();
  const claim = claimDataFolder(folder);
  const clock = new SimClock();
  const subscribers = new Subscribers({ writer: new MemoryWriter(clock), clock });
  const server = new ControlServer(controlSocketPath(folder), {
    ...accountCommands(subscribers),
    'regs.ls': async () => [
      {
        user: 'alice@example.com',
        contact: 'sip:a@192.0.2.7',
        expiresAt: '',
        q: 1,
        received: null,
        userAgent: '',
      },
    ],
  });
  await server.start();
  t.after(async () => {
    await server.stop();
    claim.release();
  });

  const adding = tandem(folder, 'users add alice@example.com --password x');
  while (subscribers.count === 0) {
    await new Promise(setImmediate);
    await clock.run(1);
  }
  const added = await adding;
  const regs = await tandem(folder, 'regs ls');

  assert.equal(added.out, 'added alice@example.com\n');
  assert.match(regs.out, /alice@example\.com {2}sip:a@192\.0\.2\.7/);
});

for (const by of ['exchange', 'command'] as const) {
  test(`what another ${by} begins is waited for, but not for ever`, async () => {
    const folder = newFolder();
    const claim = claimDataFolder(folder, by);

    const said = await tandem(folder, 'users add alice@example.com --password x');

    assert.equal(said.status, 5);
    assert.match(said.err, by === 'command' ? /a command \(pid \d+\)/ : /another exchange \(pid \d+\)/);
    claim.release();
  });
}

test('a user is added by the exchange that just starts', async (t) => {
  const folder = newFolder();
  const claim = claimDataFolder(folder);
  const clock = new SimClock();
  const subscribers = new Subscribers({ writer: new MemoryWriter(clock), clock });
  const server = new ControlServer(controlSocketPath(folder), accountCommands(subscribers));
  t.after(async () => {
    await server.stop();
    claim.release();
  });

  const adding = tandem(folder, 'users add alice@example.com --password x');
  await new Promise((resolve) => setTimeout(resolve, 4 * CLAIM_LOOK_MS));
  await server.start();
  while (subscribers.count === 0) {
    await new Promise(setImmediate);
    await clock.run(1);
  }

  assert.equal((await adding).out, 'added alice@example.com\n');
});

test('commands that change something at once do it one after the other', async () => {
  const folder = newFolder();

  const said = await Promise.all(
    ['alice', 'bob', 'carol'].map((name) => tandem(folder, `users add ${name}@example.com --password x`)),
  );

  assert.deepEqual(
    said.map(({ status }) => status),
    [0, 0, 0],
    said.map(({ err }) => err).join(''),
  );
});

/** A call of bob's two hours ago that found the callee busy, one of alice's just now that was answered. */
async function withCalls(folder: string): Promise<void> {
  claimDataFolder(folder).release();
  const db = await open(databaseFile(folder));
  const now = Date.now();
  const both = {
    from_tag: 't',
    callee: '4930',
    from_uri: 'sip:a',
    source: '192.0.2.7:5060',
    state: 'ended',
  } as const;
  const answered = { status: 200, answered_at: now, duration_ms: 61_000, ended_by: 'callee' } as const;
  const old = {
    id: 1,
    call_id: 'old@a',
    caller: 'bob@example.com',
    started_at: now - 7_200_000,
    status: 486,
  };
  const recent = { id: 2, call_id: 'new@a', caller: 'alice@example.com', started_at: now, ...answered };
  await db
    .insertInto('calls')
    .values({ ...both, ...old })
    .execute();
  await db
    .insertInto('calls')
    .values({ ...both, ...recent })
    .execute();
  await db.destroy();
}

test('calls are listed with the newest first, and found by time, user and Call-ID', async () => {
  const folder = newFolder();
  await withCalls(folder);

  const all = await tandem(folder, 'calls ls');
  const recent = await tandem(folder, 'calls ls --last 1h --json');
  const bobs = await tandem(folder, 'calls ls --user bob --json');
  const shown = await tandem(folder, 'calls show new@a');

  assert.match(all.out, /alice@example\.com .* ended by callee .* 1:01 .*\n.*bob@example\.com .* ✕ 486/);
  assert.deepEqual(idsOf(recent), ['2']);
  assert.deepEqual(idsOf(bobs), ['1']);
  assert.match(shown.out, /^id +2\ncallId +new@a\n/);
});

function idsOf(said: Said): string[] {
  return (JSON.parse(said.out) as { id: string }[]).map(({ id }) => id);
}

test('a table too wide for the terminal drops columns and says so, unless --wide is given', async () => {
  const folder = newFolder();
  await withCalls(folder);

  const narrow = await tandem(folder, 'calls ls', { columns: 70 });
  const wide = await tandem(folder, 'calls ls --wide', { columns: 70 });

  assert.ok(
    narrow.out.split('\n').every((line) => line.length <= 70),
    narrow.out,
  );
  assert.match(narrow.err, /\(\d columns? hidden, --wide\)/);
  assert.equal(wide.out, (await tandem(folder, 'calls ls')).out);
});

test('errors are red in a terminal, and plain with --no-color', async () => {
  const coloured = await tandem(newFolder(), 'users set bob@example.com --password x', { columns: 80 });
  const plain = await tandem(newFolder(), 'users set bob@example.com --password x --no-color', {
    columns: 80,
  });

  assert.ok(coloured.err.startsWith('\u001b[31merror:'));
  assert.ok(plain.err.startsWith('error:'));
});

test('check finds what is wrong with the settings and with the script', async () => {
  const settings = join(root, 'wrong.toml');
  const script = join(root, 'wrong.ts');
  writeFileSync(settings, '[sip]\nlissten = []\n');
  writeFileSync(script, '\nthrow new Error("no luck");\n');

  const bySettings = await tandem(newFolder(), `check --config ${settings}`);
  const byScript = await tandem(newFolder(), `check ${script} --json`);

  assert.equal(bySettings.status, 7);
  assert.match(bySettings.err, /wrong\.toml:2: unknown key sip\.lissten; did you mean sip\.listen\?/);
  assert.equal(byScript.status, 7);
  assert.match(byScript.out, /"line": 2,\s+"column": \d+,\s+"message": "no luck"/);
});

test('version says which release of what', async () => {
  const said = await tandem(newFolder(), 'version --json');

  assert.match(said.out, /"tandem": "\d+\.\d+\.\d+"/);
});
