import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { ControlServer } from '../server/control.ts';
import { claimDataFolder } from '../server/control-claim.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { provisionCommands } from '../server/control-provisions.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Provisions } from '../subscriber/provisions.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { anyKinds } from './provisioned-kinds.ts';
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-cli-provisions-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(root, String(folders++));

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** One command on a data folder, as if typed into a pipe. */
async function tandem(folder: string, ...words: readonly string[]): Promise<Said> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end('secret\n');
  const status = await runCommand([...words, '--data', folder], new Terminal(stdin, stdout, stderr, {}));
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

/** One of each kind, as its example is typed. */
const EACH: Readonly<Record<string, readonly string[]>> = {
  domains: ['example.com'],
  numbers: ['+4930123456', 'example.com', '--target', 'alice@example.com'],
  aliases: ['sales@example.com', 'alice@example.com'],
  groups: ['alice@example.com', 'international'],
  lists: ['alice@example.com', 'in', 'anonymous', '--action', 'block'],
  'global-list': ['out', '+4990', '--description', 'premium, "dear" numbers'],
  'speed-dial': ['alice@example.com', '23', '+4930123456'],
  forwards: ['alice@example.com', 'no-answer', 'bob@example.com', '--ring-ms', '15000'],
  'ring-groups': ['sales@example.com', '--strategy', 'serial', '--fallback', 'alice@example.com'],
  'ring-members': ['sales@example.com', 'bob@example.com', '--position', '1'],
  schedules: ['example.com', 'office', 'Europe/Berlin', '[{"days":"mon-fri","from":"09:00"}]'],
  preferences: ['alice@example.com', 'dnd', 'yes'],
  addresses: ['udp:198.51.100.0/24:5060', '4', '--context', 'pbx@example.com'],
};

for (const kind of anyKinds) {
  test(`${kind.name}: added, listed, exported, imported elsewhere, removed`, async () => {
    const folder = newFolder();
    const words = EACH[kind.name] ?? [];
    const key = words.slice(0, kind.keyFields);

    const added = await tandem(folder, kind.name, 'add', ...words);
    const again = await tandem(folder, kind.name, 'add', ...words);
    const listed = await tandem(folder, kind.name, 'ls');
    const shown = await tandem(folder, kind.name, 'show', ...key, '--json');
    const csv = await tandem(folder, kind.name, 'export');
    const json = await tandem(folder, kind.name, 'export', '--json');

    assert.deepEqual([added.status, added.out], [0, `added ${kind.one} ${key.join(' ')}\n`], added.err);
    assert.equal(again.status, 5);
    assert.ok(listed.out.includes(key[0] ?? ''), listed.out);
    assert.deepEqual([JSON.parse(shown.out)], JSON.parse(json.out));
    for (const [type, said] of [
      ['csv', csv],
      ['json', json],
    ] as const) {
      const elsewhere = newFolder();
      const file = join(root, `${kind.name}.${type}`);
      writeFileSync(file, said.out);
      const tried = await tandem(elsewhere, kind.name, 'import', file, '--dry-run');
      const done = await tandem(elsewhere, kind.name, 'import', file);
      assert.equal(tried.out, `+ ${key.join(' ')}\nwould be: 1 added, 0 changed, 0 rejected\n`);
      assert.equal(done.out, '1 added, 0 changed, 0 rejected\n', done.err);
      assert.equal((await tandem(elsewhere, kind.name, 'export', '--json')).out, json.out);
    }
    assert.equal((await tandem(folder, kind.name, 'rm', ...key)).status, 2);
    assert.equal((await tandem(folder, kind.name, 'rm', ...key, '--yes')).status, 0);
    assert.equal((await tandem(folder, kind.name, 'show', ...key)).status, 3);
  });
}

for (const kind of anyKinds) {
  test(`${kind.name}: with --dry-run each change is told, with its refusals, and none is made`, async () => {
    const folder = newFolder();
    const words = EACH[kind.name] ?? [];
    const key = words.slice(0, kind.keyFields);
    const named = `${kind.one} ${key.join(' ')}\n`;

    const before = await tandem(folder, kind.name, 'add', ...words, '--dry-run');
    const missing = await tandem(folder, kind.name, 'rm', ...key, '--dry-run');
    await tandem(folder, kind.name, 'add', ...words);
    const there = await tandem(folder, kind.name, 'export');
    const again = await tandem(folder, kind.name, 'add', ...words, '--dry-run');
    const set = await tandem(folder, kind.name, 'set', ...key, '--dry-run');
    const removed = await tandem(folder, kind.name, 'rm', ...key, '--dry-run');

    assert.deepEqual([before.status, before.out], [0, `would be added ${named}`], before.err);
    assert.deepEqual([missing.status, again.status], [3, 5]);
    assert.equal(set.out, `would be changed ${named}`, set.err);
    assert.equal(removed.out, `would be removed ${named}`, removed.err);
    assert.equal((await tandem(folder, kind.name, 'export')).out, there.out);
  });
}

test('users: with --dry-run each change is told, with its refusals, and none is made', async () => {
  const folder = newFolder();
  const alice = 'alice@example.com';

  const added = await tandem(folder, 'users', 'add', alice, '--dry-run');
  const missing = await tandem(folder, 'users', 'set', alice, '--dry-run');
  await tandem(folder, 'users', 'add', alice);
  const there = await tandem(folder, 'users', 'export', '--hashes');
  const again = await tandem(folder, 'users', 'add', alice, '--dry-run');
  const set = await tandem(folder, 'users', 'set', alice, '--password', 'another', '--dry-run');
  const removed = await tandem(folder, 'users', 'rm', alice, '--dry-run');

  assert.deepEqual([added.status, added.out], [0, `would be added ${alice}\n`], added.err);
  assert.deepEqual([missing.status, again.status], [3, 5]);
  assert.deepEqual([set.out, removed.out], [`would be changed ${alice}\n`, `would be removed ${alice}\n`]);
  assert.equal((await tandem(folder, 'users', 'export', '--hashes')).out, there.out);
});

test('set changes one field and leaves the others', async () => {
  const folder = newFolder();
  await tandem(folder, 'forwards', 'add', ...(EACH['forwards'] ?? []));

  const set = await tandem(
    folder,
    'forwards',
    'set',
    'alice@example.com',
    'no-answer',
    '--enabled',
    'no',
    '--json',
  );

  const { target, ringMs, enabled } = JSON.parse(set.out) as Record<string, unknown>;
  assert.deepEqual([target, ringMs, enabled], ['bob@example.com', 15_000, false]);
});

test('a file with bad rows: each is named with its line, the others are taken', async () => {
  const folder = newFolder();
  const file = join(root, 'bad.csv');
  writeFileSync(
    file,
    "number,domain\n+4930123456,example.com\n030,example.com\n+4930123457,x'; drop table number\n",
  );

  const done = await tandem(folder, 'numbers', 'import', file);
  const listed = await tandem(folder, 'numbers', 'ls', '--json');

  assert.equal(done.status, 5);
  assert.match(done.err, /bad\.csv:3: number: expected.*\n.*bad\.csv:4: domain: expected/);
  assert.equal((JSON.parse(listed.out) as unknown[]).length, 1);
});

test('a user is shown with what he has, and takes it along when he goes', async () => {
  const folder = newFolder();
  await tandem(folder, 'users', 'add', 'alice@example.com');
  for (const kind of ['numbers', 'groups', 'forwards'])
    await tandem(folder, kind, 'add', ...(EACH[kind] ?? []));

  const shown = await tandem(folder, 'users', 'show', 'alice@example.com');
  const removed = await tandem(folder, 'users', 'rm', 'alice@example.com', '--yes');
  const left = await tandem(folder, 'forwards', 'ls', '--json');
  const number = await tandem(folder, 'numbers', 'show', '+4930123456', '--json');

  assert.match(
    shown.out,
    /^user {6}alice@example\.com\nsince {5}\d.* UTC\nnumbers {3}.*\ngroups {4}international\nforwards {2}.*/,
  );
  assert.equal(removed.status, 0, removed.err);
  assert.equal(left.out, '[]\n');
  assert.equal((JSON.parse(number.out) as { target: unknown }).target, null);
});

test('accounts are exported with their hashes only when that is asked for', async () => {
  const folder = newFolder();
  await tandem(folder, 'users', 'add', 'alice@example.com');

  const plain = await tandem(folder, 'users', 'export');
  const full = await tandem(folder, 'users', 'export', '--hashes');
  const elsewhere = newFolder();
  const file = join(root, 'hashes.csv');
  writeFileSync(file, full.out);
  const done = await tandem(elsewhere, 'users', 'import', file);

  assert.match(plain.out, /^user,createdAt\nalice@example\.com,\d{4}-/);
  assert.match(full.out, /^user,ha1,ha1_sha256\nalice@example\.com,[0-9a-f]{32},[0-9a-f]{64}\n$/);
  assert.equal(done.out, '1 added, 0 changed, 0 rejected\n');
  assert.equal((await tandem(elsewhere, 'users', 'export', '--hashes')).out, full.out);
});

test('beside a running exchange it changes them', async (t) => {
  const folder = newFolder();
  const claim = claimDataFolder(folder);
  const clock = new SimClock();
  const provisions = new Provisions({ writer: new MemoryWriter(clock), clock, unreadable: () => {} });
  const server = new ControlServer(controlSocketPath(folder), provisionCommands(provisions));
  await server.start();
  t.after(async () => {
    await server.stop();
    claim.release();
  });

  const adding = tandem(folder, 'forwards', 'add', ...(EACH['forwards'] ?? []));
  while (provisions.forwards.size === 0) {
    await new Promise(setImmediate);
    await clock.run(1);
  }

  assert.equal((await adding).out, 'added forwarding alice@example.com no-answer\n');
});
