import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { town } from '../testing/town.ts';
import { Router, script } from './router.ts';
import { StrayFaults, strayText } from './stray-faults.ts';

const OF_SCRIPT = 'file:///srv/route.ts?generation=8.ab12:3:7';
const OF_US = `${new URL('../auth/challenge.ts', import.meta.url).href}:9:1`;

function withStack(...frames: string[]): Error {
  const error = new Error('a mistake');
  error.stack = ['Error: a mistake', ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

function unhandled(reason: string): Error {
  return Object.assign(new Error(`This error originated either … with the reason "${reason}".`), {
    code: 'ERR_UNHANDLED_REJECTION',
  });
}

for (const [what, error, taken] of [
  ['of a script', withStack(OF_SCRIPT), true],
  ['of a function of ours that a script called', withStack(`f (${OF_US})`, `async ${OF_SCRIPT}`), true],
  ['of ours', withStack(`f (${OF_US})`), false],
  ['of Node', withStack('f (node:internal/timers:1:1)'), false],
  ['of a program that we are embedded in', withStack('f (file:///srv/program.ts:3:7)'), false],
  ['without a stack', Object.assign(new Error('x'), { stack: undefined }), false],
  ['that is a text', 'a text', true],
  ['that is nothing', undefined, true],
  ['a promise was rejected with a text', unhandled('a text'), true],
] as const) {
  test(`an error that nobody caught, ${what}, is ${taken ? 'the script’s' : 'not the script’s'}`, () => {
    const logged: object[] = [];
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (_what: string, facts?: object) => logged.push(facts ?? {}),
    };
    const strays = new StrayFaults(log);

    assert.equal(strays.takes(error), taken);
    assert.deepEqual([strays.count, logged.length], taken ? [1, 1] : [0, 0]);
  });
}

test('what a promise was rejected with is told without the words around it', () => {
  assert.equal(strayText(unhandled('a text')), 'a promise was rejected with the reason "a text".');
  assert.equal(strayText(new Error('why')), 'why');
});

const unexpected = (): void => assert.fail('it cannot be fetched');

for (const steps of [true, false]) {
  test(`an error that a service told a script is the script’s, ${steps ? 'with' : 'without'} steps`, async () => {
    const told: unknown[] = [];
    const t = await town(
      script(({ http }) =>
        new Router()
          .startup(() => http.fetch('no URL').then(unexpected, (error: unknown) => void told.push(error)))
          .options((c) => {
            void http.fetch('ftp://a').then(unexpected, (error: unknown) => void told.push(error));
            return c.reply(200);
          }),
      ),
      { people: { alice: {} }, settings: { script: { steps } } },
    );
    await t.phone('alice').request('OPTIONS', 'sip:example.com');
    await t.run(10);

    const [first, second] = told;
    assert.ok(first instanceof TandemError && second instanceof TandemError);
    assert.deepEqual([t.exchange.strays.takes(first), t.exchange.strays.takes(second)], [true, true]);
    assert.equal(t.exchange.strays.takes(new TandemError('HTTP_FAILED', 'of somebody else')), false);
    assert.equal(t.exchange.scriptErrors, 2);
    assert.match(t.exchange.shared.metrics.text(), /^tandem_script_errors_total 2$/m);
    t.stop();
  });
}

test('the call of an error is that of the route that let go of it', async () => {
  const seen: (string | undefined)[] = [];
  const callIds: string[] = [];
  const t = await town(
    script(() =>
      new Router().options((c) => {
        callIds.push(c.callId);
        void Promise.resolve().then(() => void seen.push(t.exchange.strays.atHand().call));
        return c.reply(200);
      }),
    ),
    { people: { alice: {}, bob: {} } },
  );

  await t.phone('alice').request('OPTIONS', 'sip:example.com');
  await t.phone('bob').request('OPTIONS', 'sip:example.com');

  assert.equal(seen.length, 2);
  assert.deepEqual(seen, callIds);
  t.stop();
});
