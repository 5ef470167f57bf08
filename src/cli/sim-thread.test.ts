/** A simulation of a script that harms its thread, and beside an exchange that runs. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { limitCommands } from '../server/control-limits.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { poolCommands } from '../server/control-pools.ts';
import { ControlServer } from '../server/control.ts';
import { databaseFile } from '../server/settings.ts';
import { open } from '../store/sqlite.ts';
import { CallLimits } from '../subscriber/call-limits.ts';
import { simWorld } from '../testing/sim-world.ts';
import { Pools } from '../trunk/pools.ts';
import { runCommand } from './program.ts';
import type { SimDocument } from './sim-thread.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-sim-thread-'));
const folder = join(root, 'data');
const config = join(root, 'tandem.toml');

before(async () => {
  mkdirSync(folder);
  writeFileSync(
    config,
    '[sip]\nlisten = ["udp:127.0.0.1:5060"]\ndomains = ["example.com"]\n[data]\nfolder = "data"\n',
  );
  await (await open(databaseFile(folder))).destroy();
});
after(() => rmSync(root, { recursive: true }));

/** What becomes of alice's call by a script: the exit code, and the document. */
async function sim(to: string, script: string): Promise<{ status: number; out: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const words = ['sim', '--from', 'alice', '--to', to, '--script', script, '--json', '--config', config];
  const status = await runCommand(words, new Terminal(stdin, stdout, stderr, {}));
  stdout.end();
  return { status, out: await text(stdout) };
}

test('pools and limits of a simulation are as full as those of the exchange that runs', async (t) => {
  const file = join(root, 'full.ts');
  const lines = [
    "import { Router, script, serial } from 'tandem';",
    'export default script(({ limits, pools }) => {',
    "  const media = pools.open('media', {",
    "    servers: [{ uri: 'sip:192.0.2.21', resources: { calls: 2, recording: 1 } }],",
    '  });',
    '  return new Router().invite((c) => {',
    "    if (c.uri.user === 'counts') {",
    "      const user = { user: 'alice', domain: 'example.com' };",
    '      return c.reply(600 + limits.callsOf(user as never));',
    '    }',
    "    const servers = media.pick(c, 1, c.uri.user === 'recorded' ? ['recording'] : []);",
    "    return servers.length === 0 ? c.reply(503, 'Full') : c.relay(serial(...servers));",
    '  });',
    '});',
  ];
  writeFileSync(file, lines.join('\n'));
  const { clock } = simWorld(1);
  const pools = new Pools(clock, { server: () => {}, trunk: () => {} });
  const media = pools.generation().open('media', {
    servers: [{ uri: 'sip:192.0.2.21', resources: { calls: 2, recording: 1 } }],
  });
  const limits = new CallLimits(clock);
  limits.assume('alice@example.com', 2);
  const control = new ControlServer(controlSocketPath(folder), {
    ...poolCommands(pools),
    ...limitCommands(limits),
  });
  await control.start();
  t.after(() => control.stop());
  const pool = pools.pool('media');
  const [server] = pool.servers;
  const statusOf = async (to: string): Promise<number> => {
    const { out } = await sim(to, file);
    return (JSON.parse(out) as { status: number }).status;
  };

  assert.ok(server !== undefined && media.up === 1);
  const before = [await statusOf('other'), await statusOf('recorded')];
  pool.take(server, ['recording']);
  const withOne = [await statusOf('other'), await statusOf('recorded')];
  pool.take(server, []);
  const withTwo = [await statusOf('other'), await statusOf('recorded')];

  assert.deepEqual(
    [before, withOne, withTwo],
    [
      [200, 200],
      [200, 503],
      [503, 503],
    ],
  );
});

for (const [what, body] of [
  ['in a route', '    for (;;);'],
  ['behind an await', '    for (;;) await null;'],
] as const) {
  test(`a script that loops ${what} is ended, and its line named`, { timeout: 60_000 }, async () => {
    const file = join(root, 'loops.ts');
    const lines = [
      "import { Router, script } from 'tandem';",
      'export default script(() => new Router().invite(async (c) => {',
      body,
      '}));',
    ];
    writeFileSync(file, lines.join('\n'));

    const said = await sim('bob', file);

    assert.equal(said.status, 5, said.out);
    const { error } = JSON.parse(said.out) as { error: { code: string; message: string; hint: string } };
    assert.equal(error.code, 'SCRIPT_INVALID');
    assert.match(error.message, /loops\.ts:3: the script does not come back/);
    assert.equal(error.hint, 'end that loop');
  });
}

test('what a script throws where nobody waits for it is told with its line', async () => {
  const file = join(root, 'throws.ts');
  const lines = [
    "import { Router, script } from 'tandem';",
    'export default script(() => new Router().invite((c) => {',
    "  void Promise.reject(new Error('loose'));",
    '  return c.reply(404);',
    '}));',
  ];
  writeFileSync(file, lines.join('\n'));

  const said = JSON.parse((await sim('bob', file)).out) as SimDocument;

  assert.equal(said.status, 404);
  assert.deepEqual(said.logged, ['error: nobody waits for what fails at throws.ts:3: loose']);
});
