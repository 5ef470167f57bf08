import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { nodeWorld } from '../world/node-world.ts';
import { checkScript, printProblem, reloadProblems } from './script-check.ts';
import { dryStart, KEPT_MS, ScriptTrials, TRIALS_MAX } from './script-dry-start.ts';
import { findCompiler, typeProblems } from './script-types.ts';
import { settingsSchema } from './settings-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-check-'));
after(() => rmSync(folder, { recursive: true }));
const settings = settingsSchema.parse({});
const { clock } = nodeWorld({ log: silentLogger, udp: 'dgram' });
const compiler = findCompiler();
/** These tests begin threads and a compiler: what they look for is in a few of them together. */
const withCompiler = compiler === undefined ? { skip: 'typescript is not installed' } : {};

function written(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(file, `import { Router, script } from 'tandem';\n${body}`);
  return file;
}

const LOOP = 'for (;;);';
const right = written('right.ts', 'export default script(() => new Router().invite((c) => c.reply(404)));');

test(
  'the compiler names the file, line and column of each mistake, and the next step',
  withCompiler,
  async () => {
    const helper = join(folder, 'helper.ts');
    writeFileSync(helper, "export const status: number = '404';\n");
    const file = written(
      'types.ts',
      `import { status } from './helper.ts';
export default script(() => {
  const app = new Router();
  app.invite((c) => {
    if (c.uri.user === 'bob') return c.reply(status);
  });
  app.message((c) => c.reply(200, c.var.caller));
  return app;
});`,
    );

    const problems = await typeProblems(compiler ?? '', file);

    const found = problems.map((problem) => [
      problem.file,
      problem.line,
      problem.message.slice(0, 6),
      problem.hint.slice(0, 17),
    ]);
    assert.deepEqual(found, [
      [helper, 1, 'TS2322', 'docs/routing.md s'],
      [file, 5, 'TS2345', 'return a decision'],
      [file, 8, 'TS2339', 'look at docs/rout'],
    ]);
  },
);

/** A route that asks a phone's place, as a script. */
const asking = (body: string): string =>
  `export default script(({ location }) => {\n  const app = new Router();\n${body}\n  return app;\n});`;

test('the hint of a complaint is the next step of that mistake', withCompiler, async () => {
  const bodies: readonly (readonly [string, RegExp])[] = [
    [asking('app.invite((c) => c.reply(location.lookup(c.uri).length));'), /^await it/],
    [asking('app.invite((c) => c.relay(location.lookup(c.uri)));'), /^await it/],
    ['export default script(async () => new Router());', /^script\(…\) may not wait/],
    [
      asking('const m = (_c, next) => next();\napp.invite(m, m, m, m, (c) => c.reply(404));'),
      /^three middlewares/,
    ],
    [asking('app.invite((c) => c.reply(200, c.var.caller));'), /only behind it/],
    [asking('app.invite((c) => c.reply(200, c.callIdd));'), /^docs\/routing\.md shows/],
    [asking('app.invite((c) => c.relay(undefined, { onBranch: async (b) => b.send() }));'), /may not wait/],
    ['export default script(() => {});', /return app/],
  ];
  const parts = bodies.map(([body], i) => {
    const file = written(`hint-${i}.ts`, body);
    return `import './${file.slice(file.lastIndexOf('/') + 1)}';`;
  });

  const problems = await typeProblems(compiler ?? '', written('hints.ts', parts.join('\n')));

  for (const [i, [body, expected]] of bodies.entries()) {
    const hints = problems.filter(({ file }) => file.endsWith(`hint-${i}.ts`)).map(({ hint }) => hint);
    assert.ok(
      hints.some((hint) => expected.test(hint)),
      `${body}: ${hints.join(' | ')}`,
    );
  }
});

test(
  'a script in JavaScript is checked as one in TypeScript, but for types nobody wrote',
  withCompiler,
  async () => {
    const file = written(
      'plain.js',
      `const say = (c, status) => c.reply(status);
export default script(() => {
  const app = new Router();
  app.options((c) => say(c, 200));
  app.invite((c) => { if (c.uri.user) return c.reply(404); });
  return app;
});`,
    );

    const problems = await typeProblems(compiler ?? '', file);

    assert.deepEqual(
      problems.map(({ line, hint }) => [line, hint]),
      [[6, 'return a decision on every path: c.reply(…), c.relay(…)']],
    );
  },
);

test('a trial asks nobody by HTTP, and a start that needs the answer is not judged by its want', async (t) => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const table = `http.fetch('http://127.0.0.1:${port}/table')`;
  const start = (work: string): string =>
    `export default script(({ http }) => new Router().startup(async () => {\n${work}\n}));`;

  const ends = [
    await dryStart({ file: written('http-1.ts', start(`await ${table};`)), settings }, clock),
    await dryStart(
      {
        file: written('http-2.ts', start(`await ${table}.catch(() => {}); throw new Error('no luck');`)),
        settings,
      },
      clock,
    ),
  ];

  assert.equal(asked, 0);
  assert.deepEqual(
    ends.map(({ problem }) => problem?.message),
    [undefined, 'no luck'],
  );
});

test('a script that is right has nothing said of it', async () => {
  const report = await checkScript(right, settings, clock);

  assert.deepEqual([report.problems, report.typesChecked], [[], compiler !== undefined]);
  assert.deepEqual([...report.sources.keys()], [right]);
});

test('what has wrong types is not started: the same mistake would be told twice', withCompiler, async () => {
  const file = written('twice.ts', 'export default script(() => new Router().inviet((c) => 1));');

  const { problems } = await checkScript(file, settings, clock);

  assert.deepEqual(
    problems.map(({ message }) => message.slice(0, 6)),
    ['TS2551', 'TS7006'],
  );
});

test('what does not parse is not tried further', async () => {
  const report = await checkScript(written('enum.ts', 'enum A { B }'), settings, clock);

  assert.deepEqual([report.problems.length, report.typesChecked], [1, false]);
  assert.match(printProblem(report.problems[0]!), /enum\.ts:2:1: TypeScript enum .*\n {2}scripts run as/);
});

for (const [what, body, expected] of [
  ['throws at its top level', "throw new Error('no luck');", /^2: no luck$/],
  [
    'throws when it is made',
    "export default script(() => {\n  throw new Error('no luck');\n});",
    /^3: no luck$/,
  ],
  [
    'throws at its start',
    "export default script(() =>\n  new Router().startup(() => { throw new Error('no luck'); }));",
    /^3: no luck$/,
  ],
  [
    'has two routes for one method',
    'export default script(() => {\n  const app = new Router();\n  app.invite((c) => c.relay());\n' +
      '  app.invite((c) => c.reply(480));\n  return app;\n});',
    /^5: a second route for INVITE$/,
  ],
  [
    'has a middleware behind its routes',
    'export default script(() => {\n  const app = new Router();\n  app.invite((c) => c.relay());\n' +
      '  return app.use((c, next) => next());\n});',
    /^5: a middleware behind the route INVITE/,
  ],
  ['has no default export', 'export const a = 1;', /^2: .*no default export/],
  ['ends the process', 'process.exit(3);', /ended its thread/],
  ['makes no router', 'export default script((() => {}) as never);', /made no router/],
  ['makes another thing', 'export default script(() => ({}) as never);', /made no router/],
  ['waits', 'export default script((async () => new Router()) as never);', /made no router/],
  [
    'misses a pool',
    "export default script(({ pools }) => (pools.get('x'), new Router()));",
    /^2: no pool x$/,
  ],
  [
    'leaves a rejected promise as it loads',
    "void Promise.reject(new Error('no luck'));\nexport default script(() => new Router());",
    /^2: nobody waits for what fails here: no luck$/,
  ],
  [
    'leaves one that is rejected a little later',
    "const late = async () => {\n  await null;\n  throw new Error('no luck');\n};\n" +
      'export default script(() => (void late(), new Router()));',
    /^4: nobody waits for what fails here: no luck$/,
  ],
  [
    'leaves one that is rejected with a text',
    "void Promise.reject('no luck');\nexport default script(() => new Router());",
    /^undefined: nobody waits .* a promise was rejected with the reason "no luck"/,
  ],
  [
    'leaves one of a service',
    "export default script(({ http }) => (void http.fetch('no URL'), new Router()));",
    /^2: nobody waits .* HTTP_FAILED no URL: expected/,
  ],
  [
    'throws in a callback of its own',
    "queueMicrotask(() => {\n  throw new Error('no luck');\n});\nexport default script(() => new Router());",
    /^3: nobody waits for what fails here: no luck$/,
  ],
] as const) {
  test(`a dry start says of a script that ${what} where and why`, async () => {
    const { problem, hung } = await dryStart({ file: written('start.ts', body), settings }, clock);

    assert.match(`${problem?.line}: ${problem?.message}`, expected);
    assert.equal(hung, false);
  });
}

for (const [what, body, expected] of [
  ['loops without end', LOOP, /loop\.ts:2: .*not started after 4 s: it is still here\n {2}end that loop/s],
  ['waits without end', 'await new Promise(() => {});', /loop\.ts: .* 4 s\n {2}look for a wait/s],
] as const) {
  test(`a script that ${what} is found, and its thread ended`, async () => {
    const { problem, hung } = await dryStart({ file: written('loop.ts', body), settings }, clock, 4_000);

    assert.equal(hung, true);
    assert.match(problem === undefined ? '' : printProblem(problem), expected);
  });
}

//  after a script that          a thread waits for the next one
for (const [what, body, warm] of [
  ['starts', 'export default script(() => new Router());', true],
  ['throws as it starts', "throw new Error('no luck');", true],
  ['leaves a timer behind', 'setInterval(() => {}, 50);\nexport default script(() => new Router());', false],
  ['ends its thread', 'process.exit(3);', false],
] as const) {
  test(`after a script on trial that ${what} its thread is ${warm ? 'kept' : 'ended'}`, async () => {
    const trials = new ScriptTrials(new SimClock());

    await trials.dryStart({ file: written('tried.ts', body), settings });

    assert.equal(trials.isWarm, warm);
    trials.close();
    assert.equal(trials.isWarm, false);
  });
}

test('a thread tries so many scripts, each as it is by then, and waits so long for the next', async () => {
  const simulated = new SimClock();
  const trials = new ScriptTrials(simulated);
  const lines: (number | undefined)[] = [];
  let warm = 0;

  for (let trial = 1; trial <= TRIALS_MAX; trial++) {
    const body = `${'\n'.repeat(trial)}throw new Error('no luck');`;
    const { problem } = await trials.dryStart({ file: written('again.ts', body), settings });
    lines.push(problem?.line);
    if (trials.isWarm) warm++;
  }
  await trials.dryStart({ file: right, settings });
  const waits: boolean[] = [];
  for (const ms of [KEPT_MS - 1, 1]) {
    await simulated.run(ms);
    waits.push(trials.isWarm);
  }

  assert.deepEqual(
    lines,
    lines.map((_, i) => i + 3),
  );
  assert.equal(warm, TRIALS_MAX - 1);
  assert.deepEqual(waits, [true, false]);
});

test(
  'a reload is refused for wrong types, not for what only the real stores can tell',
  withCompiler,
  async () => {
    const wrong = written('wrong.ts', 'export default script(() => new Router().invite((c) => c.relay(5)));');
    const throws = written(
      'throws.ts',
      "export default script(() => new Router().startup(() => { throw new Error('no rows'); }));",
    );

    const trials = new ScriptTrials(clock);
    const counts = [
      await reloadProblems(wrong, settings, trials),
      await reloadProblems(wrong, settingsSchema.parse({ script: { type_check: false } }), trials),
      await reloadProblems(throws, settings, trials),
    ].map(({ problems }) => problems.length);
    trials.close();

    assert.deepEqual(counts, [1, 0, 0]);
  },
);
