import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { StepRecorder } from '../route/steps.ts';
import { stepCommands } from '../server/control-steps.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { ControlServer } from '../server/control.ts';
import { databaseFile } from '../server/settings.ts';
import { digestHa1 } from '../sip/digest.ts';
import { open } from '../store/sqlite.ts';
import { fakes } from '../testing/fakes.ts';
import { simWorld } from '../testing/sim-world.ts';
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-sim-'));
const folder = join(root, 'data');
const config = join(root, 'tandem.toml');
const script = join(root, 'route.ts');
const phone: Socket = createSocket('udp4');
const received: string[] = [];

const MAIN = join(import.meta.dirname, 'main.ts');

const SCRIPT = `import { byPreference, Router, script } from 'tandem';

export default script(({ auth, clock, domains, location, log }) => {
  const app = new Router();
  app.invite(auth.digest(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.reply(403);
    if (new Date(clock.wall()).getUTCHours() < 6) return c.reply(480, 'At Night');
    const phones = await location.lookup(c.uri);
    if (phones.length === 0) return c.reply(480);
    return c.relay(byPreference(phones), {
      onFailure: (f) => {
        if (f.status === 486) return f.pass();
        log.warn('nobody came');
        return f.reply(408);
      },
    });
  });
  return app;
});
`;

before(async () => {
  phone.on('message', (datagram) => received.push(datagram.toString()));
  phone.bind(0, '127.0.0.1');
  await once(phone, 'listening');
  mkdirSync(folder);
  writeFileSync(script, SCRIPT);
  const settings = [
    '[sip]',
    'listen = ["udp:127.0.0.1:5060"]',
    'domains = ["example.com"]',
    '[data]',
    'folder = "data"',
    '[script]',
    'file = "route.ts"',
  ];
  writeFileSync(config, settings.join('\n'));
  const db = await open(databaseFile(folder));
  const now = Date.now();
  const account = { ha1: digestHa1('MD5', 'alice', 'example.com', 'x'), ha1_sha256: '', created_at: now };
  await db
    .insertInto('subscriber')
    .values({ id: 1, username: 'alice', domain: 'example.com', ...account })
    .execute();
  const nothing = { path: null, flags: null, socket: null, sip_instance: null, reg_id: null, params: null };
  const kept = { q: 1, callid: 'x', cseq: 1, last_modified: now, user_agent: '', attr: null };
  const contact = `sip:x7@127.0.0.1:${phone.address().port}`;
  await db
    .insertInto('location')
    .values({
      ...nothing,
      ...kept,
      username: 'bob',
      domain: 'example.com',
      contact,
      received: null,
      expires: now + 600_000,
    })
    .execute();
  await db
    .insertInto('calls')
    .values({
      id: 1,
      call_id: 'failed@a',
      from_tag: 't',
      caller: 'alice@example.com',
      callee: 'carol@example.com',
      from_uri: 'sip:alice@example.com',
      source: '192.0.2.77:5099',
      state: 'ended',
      started_at: now,
      setup_ms: 10,
      status: 480,
      ended_by: 'us',
    })
    .execute();
  await db.destroy();
});
after(() => {
  phone.close();
  rmSync(root, { recursive: true });
});

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function tandem(...words: string[]): Promise<Said> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const status = await runCommand([...words, '--config', config], new Terminal(stdin, stdout, stderr, {}));
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

/** Every row there is. */
async function rows(): Promise<string> {
  const db = await open(databaseFile(folder));
  try {
    const tables = ['calls', 'location', 'subscriber', 'secret'] as const;
    return JSON.stringify(
      await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute())),
    );
  } finally {
    await db.destroy();
  }
}

const NOON = 'time=2026-11-21T12:00';

test('a simulation prints each step, what would be sent, the end, and the ways not taken', async () => {
  const port = phone.address().port;

  const said = await tandem('sim', '--from', 'alice', '--to', 'bob', '--answer', 'bob=486', '--set', NOON);

  assert.equal(said.status, 0, said.err);
  const lines = said.out.replaceAll(String(port), 'PORT').replaceAll(/ {2,}/g, '  ').trimEnd().split('\n');
  assert.deepEqual(lines, [
    'INVITE sip:bob@example.com from sip:alice@example.com at udp:192.0.2.200:5060, 2026-11-21 12:00:00 UTC',
    '',
    'SECONDS  STEP  RESULT  LINE',
    '  0.000  auth.digest  reply 407',
    '  0.000  INVITE  reply 407',
    '  0.000  auth.digest  alice@example.com',
    '  0.000  domains.isLocal example.com  yes',
    '  0.000  location.lookup sip:bob@example.com  sip:x7@127.0.0.1:PORT',
    '  0.000  INVITE  relay sip:x7@127.0.0.1:PORT  route.ts:10',
    '  0.000  → INVITE sip:x7@127.0.0.1:PORT  udp:127.0.0.1:PORT ✕ 486',
    '  0.020  branch sip:x7@127.0.0.1:PORT  ✕ 486',
    '  0.020  INVITE, failure  486 → pass  route.ts:12',
    '  0.020  ← to the caller  ✕ 486 Busy Here',
    '',
    '✕ sip:x7@127.0.0.1:PORT is busy (486); the script sent the call there at route.ts:10.',
    '',
    'not taken',
    '  route.ts:6  return c.reply(403);',
    "  route.ts:7  return c.reply(480, 'At Night');",
    '  route.ts:9  return c.reply(480);',
    "  route.ts:13  log.warn('nobody came');",
    '',
    'held back',
    '  1 × openCall',
    '  1 × endCall',
  ]);
  assert.equal(said.err, '(a simulation: nothing was sent, nothing was written)\n');
});

test('names of --answer that nobody had who was asked are told', async () => {
  const words = ['--from', 'alice', '--to', 'bob', '--set', NOON, '--answer', 'bobb=486,bob=busy'];

  const { out } = await tandem('sim', ...words);

  assert.match(out, /\n\nnamed by --answer, but not asked\n {2}bobb\n$/);
});

test('no packet reaches the phone, and no row is written', async () => {
  const earlier = await rows();

  const said = await tandem('sim', '--from', 'alice', '--to', 'bob', '--set', NOON, '--json');

  assert.equal((JSON.parse(said.out) as { status: number }).status, 200);
  assert.equal(await rows(), earlier);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(received, []);
});

for (const [what, words, status] of [
  ['he does not know his password', ['--from', 'alice', '--to', 'bob', '--set', 'auth=no'], 407],
  ['there is no such account', ['--from', 'mallory', '--to', 'bob'], 407],
  ['it is night', ['--from', 'alice', '--to', 'bob', '--set', 'time=2026-11-21T03:00'], 480],
  ['another domain', ['--from', 'alice', '--to', 'sip:bob@example.net', '--set', NOON], 403],
  [
    'that domain is ours by a setting',
    [
      '--from',
      'alice',
      '--to',
      'sip:bob@example.net',
      '--set',
      NOON,
      '--set',
      'sip.domains=example.com,example.net',
    ],
    480,
  ],
  ['nobody answers', ['--from', 'alice', '--to', 'bob', '--set', NOON, '--answer', 'bob=silent'], 408],
  ['a call of the records', ['--call', '1', '--set', NOON], 480],
] as const) {
  test(`${what}: the caller would hear ${status}`, async () => {
    const { out } = await tandem('sim', ...words, '--json');

    assert.equal((JSON.parse(out) as { status: number }).status, status, out);
  });
}

test('a call of the records comes from where it came, a request from a file as it is written', async () => {
  const file = join(root, 'invite.txt');
  const lines = [
    'INVITE sip:bob@example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx',
    'Max-Forwards: 70',
    'From: <sip:alice@example.com>;tag=1',
    'To: <sip:bob@example.com>',
    'Call-ID: from-a-file',
    'CSeq: 7 INVITE',
  ];
  writeFileSync(file, lines.join('\n'));

  const again = await tandem('sim', '--call', '1', '--json');
  const read = await tandem(
    'sim',
    '--invite',
    file,
    '--set',
    NOON,
    '--set',
    'source=192.0.2.9:5070',
    '--json',
  );

  assert.equal((JSON.parse(again.out) as { source: string }).source, 'udp:192.0.2.77:5099');
  assert.deepEqual(
    [
      (JSON.parse(read.out) as { source: string }).source,
      (JSON.parse(read.out) as { status: number }).status,
    ],
    ['udp:192.0.2.9:5070', 200],
  );
});

test('errors that a script lets go of are told among what it logs, and the rest is simulated', async () => {
  const file = join(root, 'stray.ts');
  writeFileSync(
    file,
    `import { Router, script } from 'tandem';
void Promise.reject(new Error('as it loads'));
export default script(({ http }) => new Router().invite((c) => {
  void http.fetch('no URL');
  queueMicrotask(() => { throw new Error('as it runs'); });
  return c.reply(486);
}));
`,
  );
  const words = ['sim', '--config', config, '--from', 'alice', '--to', 'bob', '--script', file, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...words]);

  const { status, logged } = JSON.parse(stdout) as { status: number; logged: string[] };
  assert.equal(status, 486);
  const noUrl = 'no URL: expected an http or https URL of at most 8192 characters';
  assert.deepEqual(logged.toSorted(), [
    'error: nobody waits for what fails at stray.ts:2: as it loads',
    `error: nobody waits for what fails at stray.ts:4: ${noUrl}`,
    'error: nobody waits for what fails at stray.ts:5: as it runs',
  ]);
});

for (const [what, words, exit, code] of [
  ['nobody who calls', ['--to', 'bob'], 2, 'USAGE'],
  ['an answer that is none', ['--from', 'alice', '--to', 'bob', '--answer', 'bob=maybe'], 2, 'USAGE'],
  ['a fact that is none', ['--from', 'alice', '--to', 'bob', '--set', 'colour=red'], 2, 'USAGE'],
  ['a setting that is none', ['--from', 'alice', '--to', 'bob', '--set', 'sip.colour=red'], 2, 'USAGE'],
  [
    'a setting of another kind',
    ['--from', 'alice', '--to', 'bob', '--set', 'sip.open_inbound=7'],
    2,
    'USAGE',
  ],
  ['a source that is none', ['--from', 'alice', '--to', 'bob', '--set', 'source=here'], 2, 'USAGE'],
  ['a file that is not there', ['--invite', 'none.txt'], 3, 'NOT_FOUND'],
  ['a call that is not there', ['--call', '99'], 3, 'NOT_FOUND'],
  [
    'a script that is not there',
    ['--from', 'alice', '--to', 'bob', '--script', 'none.ts'],
    5,
    'SCRIPT_INVALID',
  ],
] as const) {
  test(`${what} is refused with exit code ${exit}`, async () => {
    const said = await tandem('sim', ...words, '--json');

    assert.equal(said.status, exit, said.out);
    assert.equal((JSON.parse(said.out) as { error: { code: string } }).error.code, code);
  });
}

for (const [what, head, via, cause] of [
  ['a request that says nowhere whom to answer', 'INVITE', '', /^Via is missing or malformed/],
  ['an ACK', 'ACK', 'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\n', /^an ACK is never answered$/],
  ['a response', '', 'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\n', /^a request expected, not a response$/],
] as const) {
  test(`${what} is not simulated, and the cause is told`, async () => {
    const file = join(root, 'unanswered.txt');
    const first = head === '' ? 'SIP/2.0 200 OK' : `${head} sip:bob@example.com SIP/2.0`;
    const rest = 'From: <sip:a@example.com>;tag=1\nTo: <sip:bob@example.com>\nCall-ID: x\nCSeq: 1 INVITE\n';
    writeFileSync(file, `${first}\n${via}${rest}`);

    const said = await tandem('sim', '--invite', file, '--json');

    assert.equal(said.status, 5, said.out);
    assert.match((JSON.parse(said.out) as { error: { message: string } }).error.message, cause);
  });
}

// ─── calls show --steps ──────────────────────────────────────────────────────────────────────────

test('without an exchange a failed call is explained by its record, and steps are said to be gone', async () => {
  const said = await tandem('calls', 'show', '1', '--steps');

  assert.match(said.out, /\nwhy +We answered 480 Temporarily Unavailable\.\n$/);
  assert.equal(said.err, 'no steps: the exchange that keeps them does not run\n');
});

test('a running exchange tells the steps, and they explain the call', async (t) => {
  const { clock, random } = simWorld(1);
  const recorder = new StepRecorder({ clock, key: random.bytes(8) });
  const { domains } = recorder.observe(fakes());
  for (const [callId, host] of [
    ['failed@a', 'example.net'],
    ['a message@a', 'evil\u001b[2J'],
  ] as const) {
    recorder.enter('request', 1, { callId, method: 'INVITE' });
    domains.isLocal(host);
    recorder.leave();
    const taken = { route: 'request', method: 'INVITE', generation: 1, decision: 'reply 480' } as const;
    recorder.onStep({ ...taken, callId, at: 'route.ts:6' });
  }
  const control = new ControlServer(controlSocketPath(folder), stepCommands(recorder, clock));
  await control.start();
  t.after(() => control.stop());

  const shown = await tandem('calls', 'show', '1', '--steps');
  const document = await tandem('calls', 'show', '1', '--steps', '--json');
  const unrecorded = await tandem('calls', 'show', 'a message@a', '--steps');
  const unknown = await tandem('calls', 'show', 'nobody@a', '--steps');

  assert.match(
    shown.out,
    /why +The script answered 480 Temporarily Unavailable at route\.ts:6: example\.net is not a domain of ours\.\n/,
  );
  assert.match(
    shown.out,
    /\n +0\.000 {4}domains\.isLocal example\.net +no\n +0\.000 +INVITE +reply 480 +route\.ts:6\n$/,
  );
  const [call] = JSON.parse(document.out) as { steps: { kind: string }[] }[];
  assert.deepEqual(
    call?.steps.map(({ kind }) => kind),
    ['service', 'route'],
  );
  assert.match(unrecorded.out, /domains\.isLocal evil·\[2J/);
  assert.equal(unknown.status, 3);
});

test('an exchange that records nothing says so', async (t) => {
  const control = new ControlServer(controlSocketPath(folder), stepCommands(undefined, simWorld(1).clock));
  await control.start();
  t.after(() => control.stop());

  assert.equal((await tandem('calls', 'show', '1', '--steps')).err, 'no steps: [script] steps is off\n');
});
