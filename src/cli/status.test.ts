import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { ControlServer } from '../server/control.ts';
import type { StatusDocument } from '../server/control-documents.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { runCommand } from './program.ts';
import { statusText } from './status.ts';
import { Terminal } from './terminal.ts';

const STARTED = '2026-11-21T14:03:07.000Z';

const REFUSED = '5 at the limit, 1,000 of crowding sources, all new ones now';

const quiet: StatusDocument = {
  version: '1.2.3',
  pid: 4711,
  listeners: ['udp:192.0.2.1:5060', 'tcp:192.0.2.1:5060'],
  dataFolder: '/var/lib/tandem',
  startedAt: STARTED,
  database: { name: '/var/lib/tandem/tandem.db', waitingRows: 0, lostSince: null, lostWhy: '' },
  script: { file: '/etc/tandem/route.ts', generation: 7, errors: 0, slowRoutes: 0 },
  calls: 1204,
  registrations: 88_120,
  transactions: { now: 12_400, max: 400_000, refused: 0, refusedOfSource: 0 },
  pools: [{ name: 'media', pick: 'weight', servers: 4, up: 4, calls: 900, overdue: 0 }],
  banned: 14,
  failedLogins: 231,
  droppedOfStrangers: 3120,
  isRefusingNew: false,
};

const troubled: StatusDocument = {
  ...quiet,
  database: { name: 'db.example', waitingRows: 800, lostSince: STARTED, lostWhy: 'connection refused' },
  script: { ...quiet.script, errors: 3, slowRoutes: 1 },
  transactions: { now: 400_000, max: 400_000, refused: 5, refusedOfSource: 1000 },
  pools: [{ name: 'media', pick: 'weight', servers: 4, up: 1, calls: 900, overdue: 0 }],
  isRefusingNew: true,
};

test('what is well is one screen without a mark', () => {
  assert.equal(
    statusText(quiet, Date.parse(STARTED) + 76 * 3_600_000),
    `tandem 1.2.3, pid 4711, up 3 d 4 h, since 2026-11-21 14:03:07 UTC
  listeners      udp:192.0.2.1:5060, tcp:192.0.2.1:5060
  script         /etc/tandem/route.ts, generation 7
  calls          1,204 now
  registrations  88,120
  transactions   12,400 of 400,000
  pool media     4 of 4 up, 900 calls
  shut out       14 banned, 231 failed logins, 3,120 messages of strangers dropped
  database       /var/lib/tandem/tandem.db, 0 rows wait`,
  );
});

test('what wants to be looked at is marked, and says where', () => {
  assert.equal(
    statusText(troubled, Date.parse(STARTED) + 67 * 60_000)
      .split('\n')
      .filter((line) => !line.startsWith('  '))
      .join('\n'),
    `tandem 1.2.3, pid 4711, up 1 h 7 min, since 2026-11-21 14:03:07 UTC
▲ script         /etc/tandem/route.ts, generation 7, 3 errors, 1 slow routes → the log names them
▲ transactions   400,000 of 400,000, refused: ${REFUSED} → OVERLOADED in docs/errors.md
▲ pool media     1 of 4 up, 900 calls → tandem pools show media
▲ database       db.example, 800 rows wait, away since 2026-11-21 14:03:07 UTC → connection refused`,
  );
});

// ─── by the command line ────────────────────────────────────────────────────────────────────────

const root = mkdtempSync(join(tmpdir(), 'tandem-cli-status-'));
const folder = join(root, 'data');
let control: ControlServer;

before(async () => {
  mkdirSync(folder);
  control = new ControlServer(controlSocketPath(folder), { status: async () => quiet });
  await control.start();
});

after(async () => {
  await control.stop();
  rmSync(root, { recursive: true });
});

async function tandem(words: string, data = folder): Promise<{ status: number; out: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end('');
  const terminal = new Terminal(stdin, stdout, stderr, {});
  const status = await runCommand([...words.split(' '), '--data', data], terminal);
  stdout.end();
  return { status, out: await text(stdout) };
}

test('tandem status is a text, and with --json the document', async () => {
  const shown = await tandem('status');
  const asDocument = await tandem('status --json');

  assert.equal(shown.status, 0);
  assert.match(shown.out, /^tandem 1\.2\.3, pid 4711, up .*, since .*\n {2}listeners +udp:/);
  assert.deepEqual(JSON.parse(asDocument.out), quiet);
});

test('without a running exchange: exit 6', async () => {
  assert.equal((await tandem('status', join(root, 'nothing'))).status, 6);
});
