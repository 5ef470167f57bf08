import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { byPreference, serial, type Target } from '../proxy/plan.ts';
import { parseUri, type Uri } from '../sip/uri.ts';
import { fakes } from '../testing/fakes.ts';
import { simWorld } from '../testing/sim-world.ts';
import { Router, script } from './router.ts';
import type { Services } from './services.ts';
import type { RouteSubject } from './step.ts';
import { type Step, StepRecorder, STEPS_TOLD_MAX } from './steps.ts';
import { type Town, town } from '../testing/town.ts';

const proxy = script(({ auth, domains, location }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.invite(auth.digest(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.reply(403);
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
  });
  return app;
});

const SOURCE = readFileSync(import.meta.filename, 'utf8').split('\n');

/** Where this stands first in this file. */
const lineWith = (text: string): string =>
  `steps.test.ts:${SOURCE.findIndex((found) => found.includes(text)) + 1}`;

async function stepsOf(t: Town, callId: string): Promise<readonly Step[]> {
  const { steps } = t.exchange;
  assert.ok(steps !== undefined);
  return t.world.until(steps.of(callId));
}

/** A step in a line. */
function line(step: Step): string {
  if (step.kind === 'route') {
    return `${step.route} ${step.method}: ${step.about} ${step.decision} ${step.leads} @ ${step.at}`
      .replace(/ +/g, ' ')
      .trim();
  }
  if (step.kind === 'service') return `${step.service}(${step.inputs}) → ${step.result}`;
  return `${step.target}: ${step.timedOut ? 'nobody' : step.status}`;
}

test('the steps of a call: services, the decision with its line, and how the branch ended', async () => {
  const t = await town(proxy, { people: { alice: {}, bob: {} } });
  await t.phone('bob').register();
  t.phone('bob').answers = { afterMs: 100, status: 486 };

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  const steps = await stepsOf(t, call.callId);
  assert.deepEqual(steps.map(line), [
    'auth.digest() → reply 407',
    'request INVITE: reply 407 @',
    'auth.digest() → alice@example.com',
    'domains.isLocal(example.com) → yes',
    'location.lookup(sip:bob@example.com) → sip:bob@192.0.2.12:5060',
    `request INVITE: relay sip:bob@192.0.2.12:5060 @ ${lineWith('c.relay(byPreference')}`,
    'sip:bob@192.0.2.12:5060: 486',
  ]);
  t.stop();
});

const at = (host: string): Target => ({ uri: { scheme: 'sip', user: 'x', host, params: {} } });

test('failure, reply and branch routes, and a route that throws, are steps with their lines', async () => {
  const routes = script(() => {
    const app = new Router();
    app.invite((c) =>
      c.relay(serial(at('192.0.2.51'), at('192.0.2.52')), {
        replyMs: 1_000,
        onBranch: (b) => b.send(),
        onReply: (r) => r.pass(),
        onFailure: (f) => (f.status === 486 ? f.relay(at('192.0.2.53')) : f.reply(503, 'All Busy')),
      }),
    );
    app.message(() => {
      throw new RangeError('no such user');
    });
    return app;
  });
  const t = await town(routes, {
    people: { alice: {}, one: { host: '192.0.2.52' }, two: { host: '192.0.2.53' } },
  });
  t.phone('one').answers = { afterMs: 0, status: 486 };
  t.phone('two').answers = { afterMs: 0, status: 603 };

  const call = t.phone('alice').dial('sip:1234@example.com');
  await t.run(3_000);

  const lines = (await stepsOf(t, call.callId)).map(line);
  assert.deepEqual(lines, [
    `request INVITE: relay sip:x@192.0.2.51, then sip:x@192.0.2.52 @ ${lineWith('c.relay(serial(')}`,
    `branch INVITE: sip:x@192.0.2.51 send @ ${lineWith('b.send()')}`,
    'sip:x@192.0.2.51: nobody',
    `branch INVITE: sip:x@192.0.2.52 send @ ${lineWith('b.send()')}`,
    `reply INVITE: 486 pass @ ${lineWith('r.pass()')}`,
    'sip:x@192.0.2.52: 486',
    `failure INVITE: 486 relay sip:x@192.0.2.53 @ ${lineWith('f.relay(at')}`,
    'sip:x@192.0.2.53: 603',
  ]);
  await t.phone('alice').message('sip:1234@example.com', 'hello');
  assert.ok(t.world.logged.some(({ what }) => what === 'a route failed'));
  t.stop();
});

/** A recorder, and services under it: two calls may wait at once. */
function recorded(more: Partial<Services> = {}): { recorder: StepRecorder; services: Services } {
  const { clock, random } = simWorld(1);
  const recorder = new StepRecorder({ clock, key: random.bytes(8) });
  return { recorder, services: recorder.observe(fakes(more)) };
}

function within<T>(recorder: StepRecorder, callId: string, run: () => T): T {
  recorder.enter('request', 1, { callId, method: 'INVITE' });
  try {
    return run();
  } finally {
    recorder.leave();
  }
}

const bob = { scheme: 'sip', user: 'bob', password: 'hunter2', host: 'example.com', params: {} } as const;

test('what is asked behind an await belongs to the call that waited', async () => {
  const { recorder, services } = recorded();
  const route = async (host: string): Promise<void> => {
    await services.location.lookup(bob);
    services.domains.isLocal(host);
  };

  await Promise.all([
    within(recorder, 'first', () => route('one.example')),
    within(recorder, 'second', () => route('two.example')),
  ]);
  recorder.enter('timer', 1);
  services.domains.isLocal('nobody.example');
  recorder.leave();

  for (const [callId, host] of [
    ['first', 'one.example'],
    ['second', 'two.example'],
  ] as const) {
    assert.deepEqual((await recorder.of(callId)).map(line), [
      'location.lookup(sip:bob@example.com) → none',
      `domains.isLocal(${host}) → no`,
    ]);
  }
});

test('steps belong to their call behind waits of the script itself too, whatever runs in between', async () => {
  const { recorder, services } = recorded();
  const later = Promise.withResolvers<void>();
  const aside = async (host: string): Promise<void> => {
    await Promise.resolve();
    services.domains.isLocal(`${host} aside`);
  };
  const route = async (callId: string): Promise<void> => {
    services.domains.isLocal(`${callId} at once`);
    await later.promise;
    services.domains.isLocal(`${callId} later`);
    recorder.enter('branch', 1, { callId, method: 'INVITE' });
    services.domains.isLocal(`${callId} branch`);
    recorder.leave();
    await services.location.lookup(bob);
    await Promise.resolve();
    services.domains.isLocal(`${callId} last`);
  };

  const routes = ['first', 'second', 'third'].map((callId) => within(recorder, callId, () => route(callId)));
  // A route that does not wait, but begins what does.
  const begun = ['fourth', 'fifth'].map((callId) =>
    within(recorder, callId, () => ({ work: aside(callId) })),
  );
  within(recorder, 'another', () => later.resolve());
  await Promise.all([...routes, ...begun.map(({ work }) => work)]);

  for (const callId of ['first', 'second', 'third']) {
    assert.deepEqual((await recorder.of(callId)).map(line), [
      `domains.isLocal(${callId} at once) → no`,
      `domains.isLocal(${callId} later) → no`,
      `domains.isLocal(${callId} branch) → no`,
      'location.lookup(sip:bob@example.com) → none',
      `domains.isLocal(${callId} last) → no`,
    ]);
  }
  for (const callId of ['fourth', 'fifth']) {
    assert.deepEqual((await recorder.of(callId)).map(line), [`domains.isLocal(${callId} aside) → no`]);
  }
  assert.deepEqual(await recorder.of('another'), []);
});

test('a route within a route gives way to the one that it interrupted', async () => {
  const { recorder, services } = recorded();

  within(recorder, 'outer', () => {
    services.domains.isLocal('before');
    recorder.enter('local', 1, { callId: 'inner', method: 'OPTIONS' });
    services.domains.isLocal('within');
    recorder.leave();
    services.domains.isLocal('after');
  });

  assert.deepEqual((await recorder.of('outer')).map(line), [
    'domains.isLocal(before) → no',
    'domains.isLocal(after) → no',
  ]);
  assert.deepEqual((await recorder.of('inner')).map(line), ['domains.isLocal(within) → no']);
});

for (const [leads, isHeld] of [
  ['one target', true],
  ['several targets', false],
] as const) {
  test(`while a call rings that leads to ${leads} no other URI is held for its steps`, () => {
    const { recorder, services } = recorded();
    const subject: RouteSubject = { callId: 'x', method: 'INVITE' };
    const [asked, target] = [parseUri('sip:bob@example.com'), parseUri('sip:bob@192.0.2.7')];
    const decided = { ...subject, route: 'request', generation: 1, decision: 'relay' } as const;

    recorder.enter('request', 1, subject);
    services.numbers.isEmergency(asked, 'example.com');
    recorder.leave();
    recorder.onStep({ ...decided, ...(isHeld ? { leadsUri: target } : { leads: 'two' }) }, subject);

    assert.equal(subject.callMark?.uri, isHeld ? target : undefined);
  });
}

test('what a script changes while it waits for the answer is told as it was asked', async () => {
  const { recorder, services } = recorded();
  const request = { method: 'MESSAGE', uri: bob as Uri, from: '' };

  await within(recorder, 'x', async () => {
    const answer = services.agent.ask(request);
    request.uri = { ...bob, user: 'carol' };
    await answer;
  });

  assert.deepEqual((await recorder.of('x')).map(line), ['agent.ask(MESSAGE sip:bob@example.com) → 503']);
});

test('no password, no body, no preference and no text of a service that nobody knows is kept', async () => {
  const vault = { open: (pin: string): string => `opened with ${pin}` };
  const more = { vault } as Partial<Services>; // A service of a later day.
  const { recorder, services } = recorded(more);
  const secret = 'hunter2';

  await within(recorder, 'x', async () => {
    services.preferences.set(bob, 'pin', secret);
    services.preferences.get(bob, 'pin');
    await services.http.fetch(`https://u:${secret}@api.example.com/${secret}?key=${secret}`, {
      body: secret,
    });
    await services.agent.ask({ method: 'MESSAGE', uri: bob, from: '', body: secret });
    (services as unknown as { vault: typeof vault }).vault.open(secret);
    services.log.warn('odd', { secret });
  });

  const lines = (await recorder.of('x')).map(line);
  assert.deepEqual(lines, [
    'preferences.set(sip:bob@example.com, …, …) → nothing',
    'preferences.get(sip:bob@example.com, pin) → …',
    'http.fetch(https://api.example.com) → 404',
    'agent.ask(MESSAGE sip:bob@example.com) → 503',
    'vault.open(…) → …',
    'log.warn(odd) → nothing',
  ]);
});

const nasty = new Proxy({}, { get: () => assert.fail('do not look') });

for (const [what, asked, told] of [
  [
    'a user that is null',
    { scheme: 'sip', user: null, host: 'example.com', params: {} },
    ['sip:example.com'],
  ],
  ['a host that is a number', { scheme: 'sip', user: 'bob', host: 5, params: {} }, ['']],
  ['what throws when it is looked at', nasty, []],
] as const) {
  test(`${what} is no mistake of the recorder's`, async () => {
    const numbers = { ...fakes().numbers, isEmergency: () => true, later: () => Promise.resolve(7) };
    const { recorder, services } = recorded({ numbers });
    const { isEmergency, later } = services.numbers as unknown as Record<string, (uri: unknown) => unknown>;
    let waiting: unknown;

    within(recorder, 'x', () => {
      assert.equal(isEmergency?.(asked), true);
      waiting = later?.(asked);
    });

    assert.equal(await waiting, 7);
    const steps = (await recorder.of('x')).filter((step) => step.kind === 'service');
    assert.deepEqual(
      steps.filter(({ service }) => service === 'numbers.isEmergency').map(({ inputs }) => inputs),
      told,
    );
  });
}

test('what a service throws is told by its code, and thrown all the same', async () => {
  const domains = {
    openInbound: true,
    isLocal: (): boolean => {
      throw new RangeError('hunter2');
    },
  };
  const { recorder, services } = recorded({ domains });

  assert.throws(() => within(recorder, 'x', () => services.domains.isLocal('a')), { message: 'hunter2' });

  assert.deepEqual((await recorder.of('x')).map(line), ['domains.isLocal(a) → threw RangeError']);
  assert.equal(services.domains.openInbound, true);
});

for (const [taken, told] of [
  [STEPS_TOLD_MAX, STEPS_TOLD_MAX],
  [STEPS_TOLD_MAX + 1, STEPS_TOLD_MAX],
] as const) {
  test(`of ${taken} steps of one call ${told} are told, the last ones`, async () => {
    const { recorder, services } = recorded();
    within(recorder, 'x', () => {
      for (let i = 1; i <= taken; i++) services.domains.isLocal(String(i));
    });

    const steps = await recorder.of('x');

    assert.equal(steps.length, told);
    assert.equal(line(steps.at(-1)!), `domains.isLocal(${taken}) → no`);
  });
}

test('switched off, nothing is recorded and nothing is asked for it', async () => {
  const t = await town(proxy, { people: { alice: {} }, settings: { script: { steps: false } } });

  assert.equal(t.exchange.steps, undefined);
  assert.equal(t.exchange.dispatcher.onStep, undefined);
  assert.equal(t.exchange.dispatcher.generation.marks, undefined);
  t.stop();
});

test('a middleware of any service is a step: whom it let through, or what it answered', async () => {
  const routes = script((services) => {
    const app = new Router();
    app.invite(services.callers.known(), services.auth.identity(), (c) => c.reply(486));
    return app;
  });
  const t = await town(routes, { people: { alice: {} } });

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(500);

  const asked = (await stepsOf(t, call.callId)).filter(({ kind }) => kind === 'service').map(line);
  assert.deepEqual(asked, [
    'callers.known() → reply 407',
    'callers.known() → alice@example.com',
    'auth.identity() → goes on',
  ]);
  t.stop();
});

test('where a script looks at nothing but the request, a line is right, or marked as that of others', async () => {
  const branching = script(() => {
    const app = new Router();
    app.invite((c) => {
      if (c.uri.user === 'often') return c.relay(at('192.0.2.51'));
      if (c.uri.user === 'alike') return c.relay(at('192.0.2.51')); // alike
      if (c.uri.user === 'elsewhere') return c.relay(at('192.0.2.52')); // elsewhere
      return c.relay(at('192.0.2.51'), { onFailure: (f) => f.pass() });
    });
    return app;
  });
  const t = await town(branching, { people: { alice: {} } });
  const lineOf = async (user: string): Promise<string> => {
    const { callId } = t.phone('alice').dial(`sip:${user}@example.com`);
    await t.run(100);
    const steps = await stepsOf(t, callId);
    return steps.flatMap((step) => (step.kind === 'route' ? step.at : []))[0] ?? '';
  };

  const often = [];
  for (let i = 0; i < 12; i++) often.push(await lineOf('often'));

  const first = lineWith("c.uri.user === 'often'");
  assert.deepEqual([often[0], often.at(-1)], [first, `~${first}`]);
  assert.equal(await lineOf('alike'), `~${first}`);
  assert.equal(await lineOf('elsewhere'), lineWith('// elsewhere'));
  assert.equal(await lineOf('failing'), lineWith("c.relay(at('192.0.2.51'), { onFailure"));
  t.stop();
});
