import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { RadiusServer } from '../testing/radius-server.ts';
import { type Person, type Town, type TownOptions, town } from '../testing/town.ts';

type Settings = NonNullable<TownOptions['settings']>;

const SECRET = 'between us';
const folder = mkdtempSync(join(tmpdir(), 'tandem-radius-'));
const secretFile = join(folder, 'secret');
writeFileSync(secretFile, `${SECRET}\n`);
after(() => rmSync(folder, { recursive: true }));

const SERVER = { host: '192.0.2.51', port: 1812 };
const ACCOUNTANT = { host: '192.0.2.51', port: 1813 };

const byRadius = script(({ auth, domains, location }) => {
  const app = new Router();
  app.register(auth.radius(), (c) => location.save(c));
  app.request(auth.radius(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.reply(403);
    const [phone] = await location.lookup(c.uri);
    return phone === undefined ? c.reply(480) : c.relay(phone);
  });
  return app;
});

interface Trial {
  readonly t: Town;
  readonly server: RadiusServer;
  readonly accountant: RadiusServer;
}

/** The exchange knows other passwords than the server; those of the server count. */
async function start(
  radius: Settings['radius'] = {},
  people: Readonly<Record<string, Person>> = { alice: {}, bob: {} },
): Promise<Trial> {
  const known = Object.keys(people).map((name) => [`${name}@example.com`, `radius of ${name}`]);
  const server = new RadiusServer(SECRET, Object.fromEntries(known));
  const accountant = new RadiusServer(SECRET);
  const phones = Object.entries(people).map(([name, person]) => [
    name,
    { phonePassword: `radius of ${name}`, ...person },
  ]);
  const settings: Settings = {
    guard: { exempt: [] },
    bans: { failures: 2 },
    radius: {
      servers: [{ address: '192.0.2.51:1812', secret_file: secretFile }],
      accounting: [{ address: '192.0.2.51:1813', secret_file: secretFile }],
      ...radius,
    },
  };
  const t = await town(byRadius, { people: Object.fromEntries(phones), settings });
  await t.world.until(server.listen(t.world.host(SERVER.host), SERVER));
  await t.world.until(accountant.listen(t.world.host(ACCOUNTANT.host), ACCOUNTANT));
  return { t, server, accountant };
}

for (const dialect of ['sterman', 'rfc5090'] as const) {
  test(`whom the server knows may register and call: ${dialect}`, async () => {
    const { t, server } = await start({ dialect });

    assert.equal(await t.phone('alice').register(), 200);
    assert.equal(await t.phone('bob').register(), 200);
    t.phone('bob').answers = { afterMs: 10 };
    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(1000);

    assert.equal(call.state, 'talking');
    assert.equal(server.heard.length, 3);
    assert.ok(server.said(0).some(([type, text]) => type === 1 && text === 'alice@example.com'));
    assert.ok(server.said(0).some(([type, text]) => type === 32 && text === 'tandem'));
    t.stop();
  });
}

test('a wrong password is challenged again, and counts towards a ban', async () => {
  const { t } = await start({}, { alice: { phonePassword: 'a guess' } });

  assert.equal(await t.phone('alice').register(), 401);
  assert.equal(await t.phone('alice').register(), 401);

  assert.equal(t.exchange.protection.bans.list().length, 1);
  t.stop();
});

test('while no server answers, phones are told so, and others go on', async () => {
  const { t, server } = await start();
  server.manner.silent = true;

  assert.equal(await t.phone('alice').register(), 503);
  server.manner.silent = false;
  assert.equal(await t.phone('alice').register(), 200);
  t.stop();
});

test('nobody makes work for the server before he has answered a nonce of ours', async () => {
  const { t, server } = await start();
  const field = (nonce: string): string =>
    [
      `Digest username="alice", realm="example.com", nonce="${nonce}", uri="sip:example.com"`,
      `response="${'0'.repeat(32)}", cnonce="c", nc=00000001, qop=auth`,
    ].join(', ');

  const status = await t.phone('alice').request('OPTIONS', 'sip:example.com', {
    headers: [['Proxy-Authorization', field('0'.repeat(52))]],
  });

  assert.equal(status, 407);
  assert.equal(server.heard.length, 0);
  t.stop();
});

test('the accountant is told when calls begin, go on and end', async () => {
  const { t, accountant } = await start({ interim_seconds: 10 });
  await t.phone('alice').register();
  await t.phone('bob').register();
  t.phone('bob').answers = { afterMs: 10 };

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(25_000);
  call.hangUp();
  await t.run(1000);

  const told = accountant.heard.map((_, place) => new Map(accountant.said(place)));
  const number = (text: string | undefined): number =>
    Buffer.from(text ?? '\0\0\0\0', 'latin1').readUInt32BE();
  assert.deepEqual(
    told.map((said) => number(said.get(40))),
    [7, 1, 3, 3, 2],
  );
  const [, begin, , , end] = told;
  assert.deepEqual([begin?.get(1), begin?.get(30)], ['alice@example.com', 'bob@example.com']);
  assert.equal(begin?.get(44), end?.get(44));
  assert.deepEqual([number(end?.get(46)), number(end?.get(49))], [25, 1]);
  t.stop();
});

test('a script that asks for RADIUS does not start without a server', async () => {
  await assert.rejects(start({ servers: [] }), { code: 'SCRIPT_INVALID' });
});
