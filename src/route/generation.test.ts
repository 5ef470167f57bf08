import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fakes } from '../testing/fakes.ts';
import { simWorld } from '../testing/sim-world.ts';
import { EventBus } from './events.ts';
import { Generation, Generations, KEEP_MS, START_MS } from './generation.ts';
import { Router, script, TIMER_MS_MAX, TIMER_MS_MIN } from './router.ts';
import { StartFault } from './start-fault.ts';

/** A World, and how to start a script in it. */
function opened() {
  const world = simWorld(1);
  const events = new EventBus(world);
  const said: string[] = [];
  const say = (what: string): void => void said.push(`${world.clock.now()} ${what}`);
  const start = (app: (router: Router) => Router): Promise<Generation> =>
    world.until(
      Generation.start({
        number: 1,
        world,
        events,
        threw: () => {},
        make: () => script(() => app(new Router()))(fakes()),
      }),
    );
  return { world, events, said, say, start };
}

const after = (world: ReturnType<typeof simWorld>, ms: number): Promise<void> =>
  new Promise((resolve) => void world.clock.after(ms, resolve));

test('startup routes run in their order, one after the other, before the generation begins', async () => {
  const { world, said, say, start } = opened();

  await start((app) =>
    app
      .startup(async () => {
        await after(world, 20);
        say('first');
      })
      .startup(() => say('second')),
  );

  assert.deepEqual(said, ['20 first', '20 second']);
});

for (const [what, app, why] of [
  ['throws', (app: Router) => app.startup(() => fault('no luck')), /generation\.test\.ts:\d+: no luck/],
  ['rejects', (app: Router) => app.startup(async () => fault('no luck')), /no luck/],
  ['hangs', (app: Router) => app.startup(() => new Promise(() => {})), /not started after 10 s/],
  ['makes no router', () => fault('no script'), /no script/],
] as const) {
  test(`a script whose start ${what} is refused, and says why`, async () => {
    const { start } = opened();

    await assert.rejects(start(app), { code: 'SCRIPT_INVALID', message: why });
  });
}

test('the startup route that goes on is named by its line, whichever it is', async () => {
  const { start } = opened();
  const hangs = (): Promise<void> => new Promise(() => {});

  const app = (router: Router): Router =>
    router
      .startup(() => {})
      .startup(hangs)
      .startup(() => {});

  await assert.rejects(start(app), (error: unknown) => {
    assert.ok(error instanceof StartFault && error.place !== undefined);
    const named = readFileSync(import.meta.filename, 'utf8').split('\n')[error.place.line - 1];
    assert.equal(named?.trim(), '.startup(hangs)');
    assert.match(error.message, /: its startup route in generation\.test\.ts:\d+ goes on$/);
    return true;
  });
});

function fault(why: string): never {
  throw new Error(why);
}

test('a startup route has ten seconds, and not one millisecond more', async () => {
  const { world, start } = opened();

  await start((app) => app.startup(() => after(world, START_MS - 1)));
  await assert.rejects(start((app) => app.startup(() => after(world, START_MS + 1))));
});

test('a timer runs every so often from the beginning of its generation to the end', async () => {
  const { world, said, say, start } = opened();
  const generation = await start((app) => app.timer(1_000, () => say('tick')));

  await world.run(1_500);
  generation.begin();
  await world.run(2_500);
  generation.retire();
  await world.run(5_000);

  assert.deepEqual(said, ['2500 tick', '3500 tick']);
});

test('a timer route never runs twice at once: what falls into a run is left out', async () => {
  const { world, said, say, start } = opened();
  const generation = await start((app) =>
    app.timer(1_000, async () => {
      say('begins');
      await after(world, 2_500);
      say('ends');
    }),
  );

  generation.begin();
  await world.run(4_100);
  generation.drop();

  assert.deepEqual(said, ['1000 begins', '3500 ends', '4000 begins']);
});

test('a timer route that throws, at once or later, runs again', async () => {
  const { world, start } = opened();
  const generation = await start((app) =>
    app.timer(1_000, () => fault('at once')).timer(1_500, async () => fault('later')),
  );

  generation.begin();
  await world.run(3_100);
  generation.drop();

  const faults = world.logged.map(({ atMs, what }) => `${atMs} ${what}`);
  assert.deepEqual(
    faults,
    [1000, 1500, 2000, 3000, 3000].map((at) => `${at} a timer route threw`),
  );
  assert.match(JSON.stringify(world.logged[0]?.facts), /"line":\d+/);
});

for (const [everyMs, taken] of [
  [TIMER_MS_MIN, true],
  [TIMER_MS_MIN - 1, false],
  [TIMER_MS_MAX, true],
  [TIMER_MS_MAX + 1, false],
  [Number.NaN, false],
  ['60' as unknown as number, false],
] as const) {
  test(`a timer of ${everyMs} ms is ${taken ? 'taken' : 'refused'}`, () => {
    const set = (): Router => new Router().timer(everyMs, () => {});
    if (taken) assert.equal(set().timers.length, 1);
    else
      assert.throws(set, {
        code: 'INVALID',
        message: /^a timer: milliseconds from 10 to 2147483647 expected/,
      });
  });
}

test('event routes hear what happens while their generation runs, and nothing else', async () => {
  const { world, events, said, say, start } = opened();
  const generation = await start((app) => app.event('trunk.down', (e) => say(`${e.trunk} ${e.status}`)));
  const tell = async (status: number): Promise<void> => {
    events.tell('trunk.down', { trunk: 'cheap', status });
    await world.run(10);
  };

  await tell(1);
  generation.begin();
  await tell(2);
  generation.retire();
  await tell(3);

  assert.deepEqual(said, ['10 cheap 2']);
});

test('a generation that was replaced is kept for five minutes, and none beyond the end of the exchange', async () => {
  const { world, start } = opened();
  const [first, second, third] = [await start(asIs), await start(asIs), await start(asIs)];
  const generations = new Generations(world.clock, first);

  generations.replace(second);
  await world.run(KEEP_MS - 1);
  generations.replace(third);
  assert.deepEqual([first.dropped, second.dropped, generations.current], [false, false, third]);
  await world.run(1);
  assert.deepEqual([first.dropped, second.dropped, third.dropped], [true, false, false]);

  generations.stop();
  assert.equal(third.dropped, true);
});

const asIs = (app: Router): Router => app;
