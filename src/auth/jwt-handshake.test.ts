/** WebSockets that are opened with a token: whose the requests on them are, and for how long. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { StreamKind } from '../base/world.ts';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import { Stranger, type StrangersConnection } from '../testing/stranger.ts';
import { signed, tokenIssuer } from '../testing/tokens.ts';
import { EXCHANGE, PORTS, type Town, type TownOptions, town } from '../testing/town.ts';

type Settings = NonNullable<TownOptions['settings']>;

const issuer = tokenIssuer();
const folder = mkdtempSync(join(tmpdir(), 'tandem-jwt-'));
const keysFile = join(folder, 'keys.json');
writeFileSync(keysFile, issuer.keys);
after(() => rmSync(folder, { recursive: true }));

const PAGE = '203.0.113.7';
const GOOD_SECONDS = 600;

const web = script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.jwt(), (c) => location.save(c));
  app.request(auth.jwt(), async (c) => c.relay(byPreference(await location.lookup(c.uri))));
  return app;
});

async function start(jwt: Settings['jwt'] = {}): Promise<Town> {
  const settings = {
    guard: { exempt: [] },
    bans: { failures: 2 },
    jwt: { keys_file: keysFile, issuers: ['https://login.example.com'], audiences: ['phones'], ...jwt },
  };
  return town(web, { people: { alice: {}, bob: {} }, transports: ['ws', 'wss'], settings });
}

function claims({ world }: Town, sub: string, seconds = GOOD_SECONDS): object {
  const exp = Math.floor(world.clock.wall() / 1000) + seconds;
  return { iss: 'https://login.example.com', aud: 'phones', sub, exp };
}

async function open(
  t: Town,
  token: string | undefined,
  kind: 'ws' | 'wss' = 'wss',
): Promise<StrangersConnection> {
  const port = PORTS[kind];
  const page = new Stranger(t.world, PAGE, { host: EXCHANGE, port }).connect(
    { kind, serverName: 'example.com', token },
    port,
  );
  await t.run(200);
  return page;
}

let asked = 0;

async function ask(
  t: Town,
  page: StrangersConnection,
  method: string,
  user = 'alice',
  more = '',
): Promise<number> {
  const to = method === 'REGISTER' ? user : 'nobody';
  const uri = method === 'REGISTER' ? 'sip:example.com' : `sip:${to}@example.com`;
  page.write(
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/WSS page.invalid;branch=z9hG4bK${++asked}`,
      `From: <sip:${user}@example.com>;tag=p`,
      `To: <sip:${to}@example.com>`,
      `Call-ID: page${asked}`,
      `CSeq: 1 ${method}`,
      'Max-Forwards: 70',
      `Contact: <sip:${user}@page.invalid;transport=ws>`,
      `${more}Content-Length: 0`,
      '\r\n',
    ].join('\r\n'),
  );
  await t.run(400);
  return Number(/^SIP\/2\.0 (\d+)/.exec(page.heard.at(-1) ?? '')?.[1]);
}

test('requests on a WebSocket that was opened with a token are those of its user, until it expires', async () => {
  const t = await start();
  const page = await open(t, issuer.token('ES256', claims(t, 'alice@example.com')));

  // Nobody is there to be called: that it says so means that alice may call.
  assert.deepEqual([await ask(t, page, 'REGISTER'), await ask(t, page, 'INVITE')], [200, 480]);
  assert.equal(await ask(t, page, 'REGISTER', 'bob'), 403, 'nobody speaks for another');
  await t.run((GOOD_SECONDS - 3) * 1_000);
  assert.equal(await ask(t, page, 'REGISTER'), 200);
  await t.run(2_000);
  assert.deepEqual([await ask(t, page, 'REGISTER'), await ask(t, page, 'INVITE')], [401, 407]);
  const fresh = issuer.token('ES256', claims(t, 'alice@example.com'));
  assert.equal(await ask(t, page, 'REGISTER', 'alice', `Authorization: Bearer ${fresh}\r\n`), 200);
  t.stop();
});

test('without a token the WebSocket opens, and each request must bring its own', async () => {
  const t = await start();
  const page = await open(t, undefined);

  assert.deepEqual([page.opened, await ask(t, page, 'REGISTER')], [true, 401]);
  t.stop();
});

test('a token of a request counts more than that of its WebSocket', async () => {
  const t = await start();
  const page = await open(t, issuer.token('ES256', claims(t, 'alice@example.com')));
  const bobs = issuer.token('ES256', claims(t, 'bob@example.com'));

  assert.equal(await ask(t, page, 'REGISTER', 'bob', `Authorization: Bearer ${bobs}\r\n`), 200);
  assert.equal(await ask(t, page, 'REGISTER', 'alice', 'Authorization: Bearer wrong\r\n'), 401);
  t.stop();
});

interface Row {
  readonly what: string;
  readonly token: (t: Town) => string;
  readonly jwt?: Settings['jwt'];
  readonly by?: Extract<StreamKind, 'ws' | 'wss'>;
  readonly opens: boolean;
}

const good = (t: Town): string => issuer.token('ES256', claims(t, 'alice@example.com'));
const ROWS: readonly Row[] = [
  { what: 'a good token', token: good, opens: true },
  {
    what: 'one that has expired',
    token: (t) => issuer.token('ES256', claims(t, 'alice@example.com', -120)),
    opens: false,
  },
  { what: 'one that is none', token: () => 'a.b.c', opens: false },
  { what: 'an empty one', token: () => '', opens: false },
  {
    what: 'one that somebody else has signed',
    token: (t) => signed('HS256', { alg: 'HS256' }, claims(t, 'alice@example.com'), Buffer.from('guess')),
    opens: false,
  },
  {
    what: 'one without an account',
    token: (t) => issuer.token('ES256', claims(t, 'carol@example.com')),
    opens: false,
  },
  {
    what: 'one without an account, where none is needed',
    token: (t) => issuer.token('ES256', claims(t, 'carol@example.com')),
    jwt: { accounts: false },
    opens: true,
  },
  { what: 'a good one without TLS', token: good, by: 'ws', opens: false },
  {
    what: 'a good one without TLS, where that is allowed',
    token: good,
    by: 'ws',
    jwt: { plain: true },
    opens: true,
  },
  {
    what: 'a wrong one where tokens are not used',
    token: () => 'a.b.c',
    jwt: { keys_file: '' },
    opens: true,
  },
];
for (const { what, token, jwt, by, opens } of ROWS) {
  // Where there are no keys no script may ask for tokens.
  const noKeys = jwt?.keys_file === '';
  test(`a WebSocket with ${what} ${opens ? 'opens' : 'is refused'}`, async () => {
    const t = noKeys
      ? await town(
          script(() => new Router()),
          { people: {}, transports: ['ws', 'wss'] },
        )
      : await start(jwt);
    const page = await open(t, token(t), by);

    assert.deepEqual([page.opened, page.closed], [opens, !opens]);
    t.stop();
  });
}

test('who opens WebSockets with forged tokens is banned', async () => {
  const t = await start();
  const forged = (): string =>
    signed('HS256', { alg: 'HS256' }, claims(t, 'alice@example.com'), Buffer.from('guess'));
  for (let i = 0; i < 3; i++) await open(t, forged());

  assert.deepEqual(
    t.exchange.protection.bans.list().map(({ source }) => source),
    [PAGE],
  );
  t.stop();
});
