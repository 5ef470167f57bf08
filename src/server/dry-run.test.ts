import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { byPreference, serial, type Target } from '../proxy/plan.ts';
import { Router, type Script, script } from '../route/router.ts';
import { buildRequest } from '../sip/build.ts';
import { digestHa1 } from '../sip/digest.ts';
import type { SipRequest } from '../sip/message.ts';
import { openDatabase } from '../store/database.ts';
import type { Database } from '../store/sqlite.ts';
import { nodeWorld } from '../world/node-world.ts';
import { asItRuns, dryRun, type DryRunParts, type DryRunReport } from './dry-run.ts';
import { FarAnswers } from './dry-run-answers.ts';
import { restoreStores } from './server.ts';
import { settingsSchema } from './settings-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-dry-'));
const WALL = Date.UTC(2026, 10, 21, 12);
const { clock } = nodeWorld({ log: silentLogger, udp: 'dgram' });
let db: Database;

before(async () => {
  db = await openDatabase({ dialect: 'sqlite', file: join(folder, 'x.sqlite'), synchronous: 'NORMAL' });
  const hashes = { ha1: digestHa1('MD5', 'alice', 'example.com', 'x'), ha1_sha256: '' };
  await db
    .insertInto('subscriber')
    .values({ id: 1, username: 'alice', domain: 'example.com', created_at: 0, ...hashes })
    .execute();
  const binding = {
    domain: 'example.com',
    path: null,
    q: 1,
    callid: 'x',
    cseq: 1,
    flags: null,
    user_agent: '',
  };
  const rest = { last_modified: 0, socket: null, sip_instance: null, reg_id: null, params: null, attr: null };
  for (const [username, contact, received] of [
    ['bob', 'sip:x7@127.0.0.1:9', null],
    ['carol', 'sip:c@192.0.2.13;transport=tcp', 'tcp:192.0.2.13:40000'],
    ['wanda', 'sip:w@x7.invalid;transport=ws', 'ws:192.0.2.14:40001'],
  ] as const) {
    await db
      .insertInto('location')
      .values({ ...binding, ...rest, username, contact, received, expires: WALL + 60_000 })
      .execute();
  }
});
after(async () => {
  await db.destroy();
  rmSync(folder, { recursive: true });
});

const settings = settingsSchema.parse({
  sip: {
    listen: ['udp:192.0.2.1:5060', 'tcp:192.0.2.1:5060', 'ws:192.0.2.1:5080'],
    domains: ['example.com'],
  },
});

const proxy = script(({ auth, location }) => {
  const app = new Router();
  app.invite(auth.digest(), async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones), { ringMs: 20_000 });
  });
  return app;
});

function invite(to: string): SipRequest {
  return buildRequest({
    method: 'INVITE',
    uri: to,
    headers: [
      ['Via', 'SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKx'],
      ['Max-Forwards', 70],
      ['From', '<sip:alice@example.com>;tag=1'],
      ['To', `<${to}>`],
      ['Call-ID', 'x'],
      ['CSeq', '1 INVITE'],
    ],
  });
}

function trial(tried: Script, to: string, more: Partial<DryRunParts> = {}): Promise<DryRunReport> {
  return dryRun({
    settings,
    script: tried,
    stores: (writer, world) => restoreStores(db, writer, world, settings, asItRuns(0)),
    request: invite(to),
    path: { from: { host: '192.0.2.7', port: 5060 }, way: 'udp' },
    proves: true,
    answers: new FarAnswers(),
    wall: WALL,
    clock,
    ...more,
  });
}

const statuses = ({ heard }: DryRunReport): number[] => heard.map(({ status }) => status);

for (const [to, answers, expected] of [
  ['sip:bob@example.com', '*=answers', [180, 200]],
  ['sip:bob@example.com', 'bob=486', [486]],
  ['sip:bob@example.com', 'bob@example.com=603', [603]],
  ['sip:bob@example.com', 'bob=rings', [180, 408]],
  ['sip:bob@example.com', '127.0.0.1=silent', [408]],
  ['sip:carol@example.com', 'bob=486', [180, 200]],
  ['sip:carol@example.com', 'carol=486', [486]],
  ['sip:wanda@example.com', 'wanda=486', [486]],
  ['sip:dave@example.com', 'dave=486', [480]],
] as const) {
  test(`${to} with ${answers}: the caller would hear ${expected.join(', ')}`, async () => {
    const report = await trial(proxy, to, { answers: FarAnswers.parse(answers) });

    assert.deepEqual(statuses(report), expected);
  });
}

test('steps tell what the script asked and decided, with its line', async () => {
  const { steps, asked } = await trial(proxy, 'sip:bob@example.com', {
    answers: FarAnswers.parse('bob=486'),
  });

  assert.deepEqual(
    steps.map((step) =>
      step.kind === 'route' ? step.decision : step.kind === 'service' ? step.result : step.status,
    ),
    ['reply 407', 'reply 407', 'alice@example.com', 'sip:x7@127.0.0.1:9', 'relay', 486],
  );
  assert.match(String(steps.findLast((step) => step.kind === 'route')?.line), /^dry-run\.test\.ts:\d+$/);
  assert.deepEqual(
    asked.map(({ method, to, answer }) => [method, to, answer]),
    [['INVITE', '127.0.0.1:9', 486]],
  );
});

test('who cannot or shall not prove who he is stays outside', async () => {
  assert.deepEqual(statuses(await trial(proxy, 'sip:bob@example.com', { proves: false })), [407]);
});

test('failure routes are walked; targets that are never reached are told', async () => {
  const at = (host: string): Target => ({ uri: { scheme: 'sip', user: '1', host, params: {} } });
  const routes = script(() => {
    const app = new Router();
    app.invite((c) =>
      c.relay(serial(at('one.example'), at('two.example'), at('three.example')), {
        replyMs: 4_000,
        onFailure: (f) => (f.timedOut ? f.reply(504) : f.pass()),
      }),
    );
    return app;
  });

  const answered = await trial(routes, 'sip:1@example.com', { answers: FarAnswers.parse('one.example=503') });
  const silent = await trial(routes, 'sip:1@example.com', { answers: FarAnswers.parse('*=silent') });

  assert.deepEqual(statuses(answered), [180, 200]);
  assert.deepEqual(answered.notTried, ['sip:1@three.example']);
  assert.deepEqual([statuses(silent), silent.notTried, silent.heard[0]?.atMs], [[504], [], 12_000]);
});

test('what the exchange asks by itself is no part of a call', async () => {
  const probed = script(({ pools }) => {
    const carrier = pools.open('carrier', { servers: ['sip:192.0.2.51'], probe: { everyMs: 1_000 } });
    return new Router().invite((c) => c.relay(serial(...carrier.pick(c))));
  });

  const { asked } = await trial(probed, 'sip:1@example.com', { answers: FarAnswers.parse('*=rings') });

  assert.deepEqual(
    asked.map(({ method }) => method),
    ['INVITE'],
  );
});

test('two servers of one address are told apart by their ports', async () => {
  const on = (port: number): Target => ({
    uri: { scheme: 'sip', user: '1', host: '192.0.2.51', port, params: {} },
  });
  const routes = script(() => new Router().invite((c) => c.relay(serial(on(5060), on(5070)))));
  const answers = FarAnswers.parse('192.0.2.51:5060=486,192.0.2.51=603');

  const { asked } = await trial(routes, 'sip:1@example.com', { answers });

  assert.deepEqual(
    asked.map(({ answer }) => answer),
    [486, 603],
  );
});

test('no socket is opened, no row is written, no HTTP request is made', async (t) => {
  const forbidden = (): never => {
    throw new Error('a dry run stays in its process');
  };
  t.mock.method(dgram, 'createSocket', forbidden);
  t.mock.method(Socket.prototype, 'connect', forbidden);
  t.mock.method(globalThis, 'fetch', forbidden);
  const tables = async (): Promise<string> =>
    JSON.stringify([
      await db.selectFrom('calls').selectAll().execute(),
      await db.selectFrom('location').selectAll().execute(),
    ]);
  const earlier = await tables();
  const busy = script(({ agent, http, location }) => {
    const app = new Router();
    app.register((c) => location.save(c));
    app.invite(async (c) => {
      await agent.ask({ method: 'MESSAGE', uri: c.uri, from: '<sip:us@example.com>' });
      await assert.rejects(http.fetch('https://api.example.net/x?key=1'), { code: 'HTTP_FAILED' });
      const answer = await http.fetch('https://billing.example.net/');
      return answer.status === 200 ? c.relay() : c.reply(503);
    });
    return app;
  });

  const report = await trial(busy, 'sip:bob@198.51.100.7', {
    answers: FarAnswers.parse('billing.example.net=200'),
  });

  assert.deepEqual(statuses(report), [180, 200]);
  assert.deepEqual(
    report.asked.map(({ method }) => method),
    ['MESSAGE', 'INVITE'],
  );
  assert.deepEqual(report.fetched, ['GET https://api.example.net/x', 'GET https://billing.example.net/']);
  assert.deepEqual(
    report.steps.flatMap((step) =>
      step.kind === 'service' && step.service === 'http.fetch' ? [`${step.inputs} → ${step.result}`] : [],
    ),
    ['https://api.example.net → threw HTTP_FAILED', 'https://billing.example.net → 200'],
  );
  assert.deepEqual(Object.keys(report.rows), ['openCall', 'answerCall']);
  assert.equal(await tables(), earlier);
});

test('an answer by HTTP may have a body, and a redirection leads where it says', async () => {
  const asks = script(({ http }) =>
    new Router().invite(async (c) => {
      const { text } = await http.fetch('https://api.example.net/number');
      const { host } = JSON.parse(text) as { host: string };
      return c.relay({ uri: { ...c.uri, host } }, { recurse: true, mayRecurse: () => true });
    }),
  );

  const { asked, heard } = await trial(asks, 'sip:1@example.com', {
    answers: FarAnswers.parse(
      'api.example.net=200:{"host":"one.example.net"}',
      'one.example.net=302:sip:2@two.example.net',
    ),
  });

  assert.deepEqual(
    asked.map(({ uri, answer }) => [uri, answer]),
    [
      ['sip:1@one.example.net', 302],
      ['sip:2@two.example.net', 'answers'],
    ],
  );
  assert.equal(heard.at(-1)?.status, 200);
});

test('a script that waits for something real has time for it', async () => {
  const slow = script(() => {
    const app = new Router();
    app.invite(async (c) => {
      await new Promise<void>((resolve) => void clock.after(20, resolve));
      return c.reply(486);
    });
    return app;
  });

  assert.deepEqual(statuses(await trial(slow, 'sip:soon@example.com')), [486]);
});

test('a script that does not start is refused', async () => {
  const broken = script(() => {
    throw new Error('no such pool');
  });

  await assert.rejects(trial(broken, 'sip:bob@example.com'), { code: 'SCRIPT_INVALID' });
});
