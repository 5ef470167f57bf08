/** An exchange that runs is told to load a script that is wrong: it says so, and calls go on under the one it has. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../testing/mallory.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { town } from '../testing/town.ts';
import { reloadProblems } from './script-check.ts';
import { DRY_START_MS, ScriptTrials } from './script-dry-start.ts';
import { ScriptLoader } from './script-loader.ts';
import { findCompiler } from './script-types.ts';
import { startServer } from './server.ts';
import { settingsSchema } from './settings-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-refused-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'route.ts');
const START = "import { Router, script } from 'tandem';\n";
const RIGHT =
  'export default script(() => new Router().options((c) => c.reply(200)).invite((c) => c.reply(486)));';
const HANGS = 'export default script(() => { for (;;); });';

/** What does not let it take over, whether a compiler is asked, and what it is told. Each costs a thread: few. */
const wrong: readonly [what: string, body: string, checked: boolean, why: RegExp][] = [
  [
    'has a wrong type',
    'export default script(() => new Router().invite((c) => c.relay(5)));',
    true,
    /route\.ts:2:/,
  ],
  ['throws', "export default script(() => { throw new Error('no luck'); });", false, /no luck/],
  [
    'leaves a rejected promise behind',
    `void Promise.reject(new Error('no luck'));\n${RIGHT}`,
    false,
    /route\.ts:2:\d+: nobody waits for what fails here: no luck/,
  ],
];

const write = (body: string): void => writeFileSync(file, START + body);

for (const [what, body, checked, why] of wrong) {
  const skip = checked && findCompiler() === undefined && 'typescript is not installed';
  test(`a script that ${what} is refused by an exchange that runs, and calls go on`, { skip }, async () => {
    write(RIGHT);
    const server = await startServer(
      settingsSchema.parse({
        sip: { listen: ['udp:127.0.0.1:0'], domains: ['example.com'] },
        data: { folder: join(folder, `data-${what}`) },
        script: { file, type_check: checked },
        log: { level: 'error' },
      }),
    );
    const { ask, close } = await asker(Number(/:(\d+)$/.exec(server.listeners[0] ?? '')?.[1]));
    try {
      write(body);
      await assert.rejects(server.reload(), { code: 'SCRIPT_INVALID', message: why });
      assert.deepEqual([await ask('OPTIONS'), await ask('INVITE')], ['200', '486']);
    } finally {
      close();
      await server.stop();
    }
  });
}

const skip = findCompiler() === undefined && 'typescript is not installed';
test(
  'a script that is saved while it is checked is checked, too, before it is loaded',
  { skip },
  async () => {
    write(RIGHT);
    const server = await startServer(
      settingsSchema.parse({
        sip: { listen: ['udp:127.0.0.1:0'], domains: ['example.com'] },
        data: { folder: join(folder, 'data-saved') },
        script: { file },
        log: { level: 'error' },
      }),
    );
    const started = join(folder, 'started');
    const tells = `app.startup(() => writeFileSync(${JSON.stringify(started)}, ''));`;
    const waits = 'app.startup(() => new Promise((resolve) => setTimeout(resolve, 500)));';
    const slow = `import { writeFileSync } from 'node:fs';
export default script(() => { const app = new Router(); ${tells} ${waits} return app; });`;
    try {
      write(slow);
      const reloaded = server.reload();
      // Its types are right, and its trial has begun.
      while (!existsSync(started)) await sleep(20);
      write(`${RIGHT}\nconst status: number = '404';`);

      await assert.rejects(reloaded, { code: 'SCRIPT_INVALID', message: /TS2322/ });
    } finally {
      await server.stop();
    }
  },
);

/** One that sends requests by UDP, each answered by the status that comes. */
async function asker(port: number): Promise<{ ask(method: string): Promise<string>; close(): void }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const via = `SIP/2.0/UDP 127.0.0.1:${socket.address().port}`;
  let asked = 0;
  return {
    async ask(method) {
      const callId = `c${++asked}`;
      const heard = once(socket, 'message');
      socket.send(request({ method, uri: 'sip:example.com', via, callId }), port, '127.0.0.1');
      const [answer] = (await heard) as [Buffer]; // The first argument of the event.
      if (method === 'INVITE') {
        const ack = request({ method, uri: 'sip:example.com', via, callId }).replaceAll('INVITE', 'ACK');
        socket.send(ack, port, '127.0.0.1');
      }
      return answer.toString('latin1', 8, 11);
    },
    close: () => void socket.close(),
  };
}

test('calls go on while a script is tried that never starts, and it is refused in the end', async () => {
  const loader = new ScriptLoader(new SimClock());
  write(RIGHT);
  const t = await town((await loader.load(file)).script, { people: { alice: {} } });
  write(HANGS);
  const settings = settingsSchema.parse({ script: { type_check: false } });

  const trials = new ScriptTrials(t.world.clock);
  const tried = reloadProblems(file, settings, trials);
  const calls = [];
  for (let ms = 0; ms <= DRY_START_MS; ms += 1_000) {
    calls.push(t.phone('alice').dial('sip:bob@example.com'));
    await t.run(1_000);
  }
  const [problem, ...others] = (await tried).problems;

  assert.match(problem?.message ?? '', /had not started after/);
  assert.deepEqual(others, []);
  assert.deepEqual([...new Set(calls.map(({ status }) => status))], [486]);
  assert.equal(trials.isWarm, false);
  t.stop();
  loader.close();
});
