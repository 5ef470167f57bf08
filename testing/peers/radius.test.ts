/** FreeRADIUS knows the passwords, SIPp phones use them; what it is told of calls agrees with our records. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exchange, passwordOf, startExchange } from './exchange.ts';
import { missing } from './peer.ts';
import { type FreeRadius, startFreeRadius } from './radius.ts';
import { dial, register, startCallee } from './sipp.ts';

const skip = missing('freeradius', 'sipp');
const root = join(import.meta.dirname, '..', '..');
const CALLS = 5;
const TOLD_MS = 5000;
const LOOK_EVERY_MS = 50;

const SCRIPT = `import { byPreference, Router, script } from ${JSON.stringify(join(root, 'src', 'index.ts'))};

export default script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.radius(), (c) => location.save(c));
  app.invite(auth.radius(), async (c) => c.relay(byPreference(await location.lookup(c.uri))));
  return app;
});
`;

let folder: string;
let radius: FreeRadius;
let exchange: Exchange;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-radius-script-'));
  const script = join(folder, 'route.ts');
  writeFileSync(script, SCRIPT);
  radius = await startFreeRadius({
    'alice@tandem.test': passwordOf('alice'),
    'bob@tandem.test': passwordOf('bob'),
  });
  const serverAt = (port: number): string =>
    `[{ address = "127.0.0.1:${port}", secret_file = ${JSON.stringify(radius.secretFile)} }]`;
  const settings = `
[radius]
servers = ${serverAt(radius.authPort)}
accounting = ${serverAt(radius.accountingPort)}
`;
  exchange = await startExchange([], { script, settings });
});

after(async () => {
  await exchange?.stop();
  await radius?.stop();
  if (skip === false) rmSync(folder, { recursive: true });
});

/** The texts of one kind, once there are so many. */
async function told(status: string, count: number): Promise<readonly string[]> {
  const giveUpAt = performance.now() + TOLD_MS;
  for (;;) {
    const found = radius.told().filter((text) => text.includes(`Acct-Status-Type = ${status}`));
    if (found.length >= count || performance.now() > giveUpAt) return found;
    await sleep(LOOK_EVERY_MS);
  }
}

test('who has a password there registers, and who guesses does not', { skip, timeout: 60_000 }, async () => {
  const right = await register(exchange, { user: 'alice', port: 9 });
  const wrong = await register(exchange, { user: 'alice', port: 9, password: 'a guess' });

  assert.equal(right.code, 0, right.errors + radius.output());
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.errors, /SIP\/2\.0 401/);
});

test('it is told when calls begin and end', { skip, timeout: 60_000 }, async () => {
  const bob = await startCallee(exchange, 'callee-answers', CALLS);
  assert.equal((await register(exchange, { user: 'bob', port: bob.port })).code, 0);

  const calls = await dial(exchange, 'caller-hangs-up', 'alice', 'bob', CALLS);
  await bob.done();

  assert.equal(calls.code, 0, calls.errors);
  const ends = await told('Stop', CALLS);
  assert.equal((await told('Start', CALLS)).length, CALLS);
  assert.deepEqual(
    ends.map((text) => /Acct-Multi-Session-Id = "([^"]+)"/.exec(text)?.[1] ?? '').toSorted(),
    [...(calls.logged.get('ended') ?? [])].toSorted(),
  );
  for (const text of ends) {
    assert.match(text, /User-Name = "alice@tandem\.test"/);
    assert.match(text, /Called-Station-Id = "bob@tandem\.test"/);
    assert.match(text, /Acct-Terminate-Cause = User-Request/);
  }
});
