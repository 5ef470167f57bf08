import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ConnectOptions } from '../base/world.ts';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import { Stranger, type StrangersConnection } from '../testing/stranger.ts';
import { tokenIssuer } from '../testing/tokens.ts';
import { EXCHANGE, PORTS, type Town, type TownOptions, town } from '../testing/town.ts';

type Settings = NonNullable<TownOptions['settings']>;

const issuer = tokenIssuer();
const folder = mkdtempSync(join(tmpdir(), 'tandem-jwt-'));
const keysFile = join(folder, 'keys.json');
writeFileSync(keysFile, issuer.keys);
after(() => rmSync(folder, { recursive: true }));

const PAGE = '203.0.113.7';
const SECURE: ConnectOptions = { kind: 'wss', serverName: 'example.com' };

const web = script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.jwt(), (c) => location.save(c));
  app.inDialog(auth.withoutTokens(), (c) => c.follow());
  app.request(auth.jwt(), async (c) => c.relay(byPreference(await location.lookup(c.uri))));
  return app;
});

interface Trial {
  readonly t: Town;
  readonly page: StrangersConnection;
}

async function start(jwt: Settings['jwt'] = {}, options = SECURE): Promise<Trial> {
  const settings = {
    guard: { exempt: [] },
    bans: { failures: 2 },
    jwt: { keys_file: keysFile, issuers: ['https://login.example.com'], audiences: ['phones'], ...jwt },
  };
  const t = await town(web, { people: { alice: {}, bob: {} }, transports: ['ws', 'wss'], settings });
  const port = options.kind === 'tcp' ? PORTS.tcp : PORTS[options.kind];
  const page = new Stranger(t.world, PAGE, { host: EXCHANGE, port }).connect(options, port);
  await t.run(200);
  return { t, page };
}

/** The claims of somebody, good for ten minutes of the town's time. */
function claims({ world }: Town, sub: string): object {
  const exp = Math.floor(world.clock.wall() / 1000) + 600;
  return { iss: 'https://login.example.com', aud: 'phones', sub, exp };
}

let asked = 0;

async function ask(
  { t, page }: Trial,
  method: string,
  lines: readonly string[],
  user = 'alice',
): Promise<string> {
  const request = [
    `${method} sip:${method === 'REGISTER' ? '' : 'bob@'}example.com SIP/2.0`,
    `Via: SIP/2.0/WSS ${PAGE.length}.invalid;branch=z9hG4bK${++asked}`,
    `From: <sip:${user}@example.com>;tag=p`,
    `To: <sip:${method === 'REGISTER' ? user : 'bob'}@example.com>`,
    `Call-ID: page${asked}`,
    `CSeq: 1 ${method}`,
    'Max-Forwards: 70',
    `Contact: <sip:${user}@page.invalid;transport=ws>`,
    ...lines,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
  page.write(request);
  await t.run(400);
  return page.heard.at(-1) ?? '';
}

test('without a token the page is told where to get one', async () => {
  const trial = await start({ authorization_server: 'https://login.example.com/' });

  const refused = await ask(trial, 'REGISTER', []);

  assert.match(refused, /^SIP\/2\.0 401 /);
  assert.match(
    refused,
    /\r\nWWW-Authenticate: Bearer realm="example\.com", authz_server="https:\/\/login\.example\.com\/"\r\n/,
  );
  trial.t.stop();
});

for (const field of ['Authorization', 'Proxy-Authorization', 'authorization']) {
  test(`a token in ${field} proves whose the request is, and reaches nobody else`, async () => {
    const trial = await start();
    const { t } = trial;
    const line = `${field}: Bearer ${issuer.token('ES256', claims(t, 'alice@example.com'))}`;

    assert.match(await ask(trial, 'REGISTER', [line]), /^SIP\/2\.0 200 /);
    await registerBob(trial);
    await ask(trial, 'MESSAGE', [line, 'Authorization: Digest username="x"']);

    const passedOn = t.net.trace.entries.filter(
      ({ toHost, text }) => toHost === PAGE && text.startsWith('MESSAGE '),
    );
    assert.equal(passedOn.length, 1);
    assert.doesNotMatch(passedOn[0]?.text ?? '', /Bearer/);
    assert.match(passedOn[0]?.text ?? '', /Digest username="x"/);
    t.stop();
  });
}

/** By the same page: who gets the message is on the same connection. */
async function registerBob(trial: Trial): Promise<void> {
  const line = `Authorization: Bearer ${issuer.token('RS256', claims(trial.t, 'bob@example.com'))}`;
  assert.match(await ask(trial, 'REGISTER', [line], 'bob'), /^SIP\/2\.0 200 /);
}

interface Row {
  readonly what: string;
  readonly sub?: string;
  readonly lines?: (token: string) => readonly string[];
  readonly jwt?: Settings['jwt'];
  readonly by?: ConnectOptions;
  readonly status: number;
}

const bearer = (token: string): readonly string[] => [`Authorization: Bearer ${token}`];

const ROWS: readonly Row[] = [
  { what: 'its own token', status: 200 },
  {
    what: 'its scheme in small letters',
    lines: (token) => [`Authorization: bearer   ${token}`],
    status: 200,
  },
  { what: 'the token of another of our users', sub: 'bob@example.com', status: 403 },
  { what: 'a token of somebody without an account', sub: 'carol@example.com', status: 401 },
  { what: 'the token twice', lines: (token) => [...bearer(token), ...bearer(token)], status: 400 },
  { what: 'a token that is cut', lines: (token) => bearer(token.slice(0, -8)), status: 401 },
  { what: 'its token by a WebSocket without TLS', by: { kind: 'ws' }, status: 403 },
  { what: 'its token by TCP, where that is allowed', by: { kind: 'tcp' }, jwt: { plain: true }, status: 200 },
];

for (const { what, sub = 'alice@example.com', lines = bearer, jwt, by, status } of ROWS) {
  test(`who registers alice with ${what} is answered ${status}`, async () => {
    const trial = await start(jwt, by);
    const token = issuer.token('HS256', claims(trial.t, sub));

    const answer = await ask(trial, 'REGISTER', lines(token));

    assert.equal(Number(answer.split(' ')[1]), status);
    trial.t.stop();
  });
}

test('an account is not needed where the settings say so', async () => {
  const trial = await start({ accounts: false });
  const line = bearer(issuer.token('HS256', claims(trial.t, 'carol@example.com')));

  assert.match(await ask(trial, 'REGISTER', line, 'carol'), /^SIP\/2\.0 200 /);
  trial.t.stop();
});

test('whoever forges tokens is shut out', async () => {
  const trial = await start();
  const forged = bearer(issuer.token('none', claims(trial.t, 'alice@example.com')));

  await ask(trial, 'REGISTER', forged);
  await ask(trial, 'REGISTER', forged);

  assert.deepEqual(
    trial.t.exchange.protection.bans.list().map(({ source }) => source),
    [PAGE],
  );
  trial.t.stop();
});

test('after a reload only tokens of the new keys count, and a broken file changes nothing', async () => {
  const trial = await start();
  const { authBackEnds } = trial.t.exchange.shared;
  const line = bearer(issuer.token('ES256', claims(trial.t, 'alice@example.com')));
  assert.match(await ask(trial, 'REGISTER', line), /^SIP\/2\.0 200 /);

  writeFileSync(keysFile, '{');
  assert.throws(() => authBackEnds.reload(), { code: 'SETTINGS_INVALID' });
  assert.match(await ask(trial, 'REGISTER', line), /^SIP\/2\.0 200 /);

  writeFileSync(keysFile, tokenIssuer().keys);
  authBackEnds.reload();
  writeFileSync(keysFile, issuer.keys);
  assert.match(await ask(trial, 'REGISTER', line), /^SIP\/2\.0 401 .*error="invalid_token"/s);
  trial.t.stop();
});

test('a script that asks for tokens does not start without keys', async () => {
  await assert.rejects(town(web, { people: {} }), { code: 'SCRIPT_INVALID' });
});
