/** The scanners that every exchange on the Internet meets within an hour, against ours on real sockets. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Exchange, passwordOf, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('svwar', 'svcrack', 'sipsak');
const USER = '1001';
/** They come from loopback here, which is exempt by default; those that tell who they are have a test of their own. */
const HEARD = '[guard]\nexempt = []\nscanners = []\n';
const SILENT_SECONDS = 2;

let exchange: Exchange;
let unheard: Exchange;

before(async () => {
  if (skip !== false) return;
  exchange = await startExchange([USER], { settings: HEARD });
  unheard = await startExchange([USER], { settings: '[guard]\nexempt = []\n' });
});

after(async () => {
  await exchange?.stop();
  await unheard?.stop();
});

interface BanRow {
  readonly source: string;
  readonly reason: string;
}

async function bannedBy(of: Exchange): Promise<readonly BanRow[]> {
  return JSON.parse(await of.command(['bans', 'ls', '--json'])) as readonly BanRow[];
}

/** What the tool prints; `words` as they would be typed. */
function run(of: Exchange, words: string): Promise<string> {
  const [tool = '', ...args] = words.split(' ');
  const options = {
    cwd: of.folder,
    timeout: 90_000,
    env: { ...process.env, HOME: of.folder, COLUMNS: '120' },
  };
  return new Promise((resolve) => {
    execFile(tool, args, options, (_error, out, complaints) => resolve(out + complaints));
  });
}

function crack(guesses: readonly string[]): Promise<string> {
  const dictionary = join(exchange.folder, 'guesses');
  writeFileSync(dictionary, `${guesses.join('\n')}\n`);
  const where = `--domain=${exchange.domain} --requesturi=sip:${exchange.domain} 127.0.0.1`;
  const patience = `--maximumtime=${SILENT_SECONDS}`;
  return run(exchange, `svcrack -p ${exchange.port} -u ${USER} -d ${dictionary} ${patience} ${where}`);
}

function wrongGuesses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `guess${i}`);
}

test('svwar finds no server, for it tells who it is', { skip, timeout: 60_000 }, async () => {
  const found = await run(
    unheard,
    `svwar -p ${unheard.port} -e 1000-1005 --maximumtime=${SILENT_SECONDS} 127.0.0.1`,
  );

  assert.match(found, /found nothing/);
});

for (const method of ['REGISTER', 'INVITE', 'OPTIONS']) {
  test(`svwar with ${method} tells no user from no user`, { skip, timeout: 60_000 }, async () => {
    const patience = `--domain=${exchange.domain} --maximumtime=${SILENT_SECONDS}`;
    const asked = `svwar -p ${exchange.port} -e 1000-1005 -m ${method} --force ${patience} 127.0.0.1`;
    const found = await run(exchange, asked);

    const users = [...found.matchAll(/\| *(100\d) *\| *(\w+)/g)].map(([, , what]) => what);
    assert.ok(users.length === 0 || (users.length === 6 && new Set(users).size === 1), found);
  });
}

test('sipsak is answered', { skip, timeout: 60_000 }, async () => {
  const heard = await run(exchange, `sipsak -vv -s sip:127.0.0.1:${exchange.port}`);

  assert.match(heard, /SIP\/2\.0 200/);
});

test('svcrack cracks what stands among its first guesses', { skip, timeout: 60_000 }, async () => {
  const found = await crack([...wrongGuesses(5), passwordOf(USER)]);

  assert.ok(found.includes(passwordOf(USER)), found);
});

test('svcrack is banned before it has made many guesses', { skip, timeout: 60_000 }, async () => {
  const found = await crack([...wrongGuesses(60), passwordOf(USER)]);

  assert.ok(!found.includes(passwordOf(USER)), found);
  assert.deepEqual(
    (await bannedBy(exchange)).map(({ source, reason }) => ({ source, reason })),
    [{ source: '127.0.0.1', reason: '20 failed logins' }],
  );
});

test('who is let in again by hand is heard again', { skip, timeout: 60_000 }, async () => {
  assert.match(await exchange.command(['bans', 'rm', '127.0.0.1']), /heard again/);
  assert.deepEqual(await bannedBy(exchange), []);

  assert.match(
    await exchange.command(['bans', 'add', '127.0.0.1', '--for', '15m', '--reason', 'a test']),
    /banned 127\.0\.0\.1 until/,
  );
  assert.deepEqual(
    (await bannedBy(exchange)).map(({ reason }) => reason),
    ['a test'],
  );
});
