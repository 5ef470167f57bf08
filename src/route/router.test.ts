import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel } from '../proxy/plan.ts';
import type { RequestContext } from './context.ts';
import type { RequestDecision } from './decision.ts';
import { RouteError } from './route-error.ts';
import { type Middleware, Router, script } from './router.ts';

const BOB = 'sip:bob@example.com';
const inviteBob = `INVITE ${BOB} SIP/2.0`;

async function statusOf(router: Pick<Router, 'decide'>, text: string): Promise<string> {
  const decision = await router.decide(text);
  return decision.do === 'reply' ? `${decision.status} ${decision.reason ?? ''}`.trim() : decision.do;
}

test('each method has its route, the rest have one together, what is in a dialog another', async () => {
  const app = new Router();
  const says = (what: string) => (c: RequestContext) => c.reply(200, what);
  app.invite(says('invite')).register(says('register')).message(says('message')).options(says('options'));
  app.subscribe(says('subscribe')).publish(says('publish')).refer(says('refer'));
  app.request(says('rest')).inDialog(says('dialog'));

  for (const method of ['INVITE', 'REGISTER', 'MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'PUBLISH', 'REFER']) {
    assert.equal(await statusOf(app, `${method} ${BOB} SIP/2.0`), `200 ${method.toLowerCase()}`);
  }
  assert.equal(await statusOf(app, `NOTIFY ${BOB} SIP/2.0`), '200 rest');
  assert.equal(await statusOf(app, `INVITE ${BOB} SIP/2.0\nTo: <${BOB}>;tag=1`), '200 dialog');
});

test('a method without a route is answered 405 with those that have one', async () => {
  const app = new Router()
    .invite((c) => c.relay())
    .inDialog((c) => c.follow())
    .options((c) => c.reply(200));

  assert.deepEqual(await app.decide(`MESSAGE ${BOB} SIP/2.0`), {
    do: 'reply',
    status: 405,
    headers: [['Allow', 'INVITE, OPTIONS']],
  });
});

test('a request in a dialog follows its route set unless the script says otherwise', async () => {
  const decision = await new Router().decide(`BYE sip:bob@192.0.2.12:9;x=y SIP/2.0\nTo: <${BOB}>;tag=1`);

  assert.ok(decision.do === 'relay' && 'uri' in decision.plan);
  assert.deepEqual(
    [decision.plan.uriText, decision.options.recordRoute],
    ['sip:bob@192.0.2.12:9;x=y', false],
  );
});

test('middlewares run in the order they were named: those of all routes, those of the route, the route', async () => {
  const said: string[] = [];
  const says =
    (what: string): Middleware =>
    (_c, next) => {
      said.push(what);
      return next();
    };
  const app = new Router().use(says('all 1')).use(says('all 2'));
  app.invite(says('own 1'), says('own 2'), (c) => {
    said.push('route');
    return c.reply(200);
  });

  await app.decide(inviteBob);

  assert.deepEqual(said, ['all 1', 'all 2', 'own 1', 'own 2', 'route']);
});

test('a middleware may decide itself, may wait, and sees what the route decided', async () => {
  const seen: string[] = [];
  const app = new Router().use(async (_c, next) => {
    await Promise.resolve();
    const decision = await next();
    seen.push(decision.do);
    return decision;
  });
  app.invite(
    (c, next) => (c.from.uri.host === 'evil.org' ? c.reply(403) : next()),
    (c) => c.drop(),
  );

  assert.equal(await statusOf(app, `${inviteBob}\nFrom: <sip:eve@evil.org>;tag=1`), '403');
  assert.equal(await statusOf(app, inviteBob), 'drop');
  assert.deepEqual(seen, ['reply', 'drop']);
});

test('what middlewares learn is there for the route', async () => {
  const caller: Middleware<{}, { caller: string }> = (c, next) => next({ caller: c.from.uri.user ?? '' });
  const credit: Middleware<{ caller: string }, { credit: number }> = (c, next) =>
    next({ credit: c.var.caller.length });
  const app = new Router().use(caller);
  app.invite(credit, (c) => c.reply(200, `${c.var.caller} ${c.var.credit}`));

  assert.equal(await statusOf(app, inviteBob), '200 caller 6');
});

test('decide: what a sketch leaves out is put in; a whole request does as well; nonsense is refused', async () => {
  const app = new Router().request((c) =>
    c.reply(200, `${c.uri.user} ${c.from.uri.host} ${c.to.uri.user} ${c.callId}`),
  );

  assert.equal(await statusOf(app, inviteBob), '200 bob example.net bob sketch');
  assert.equal(
    await statusOf(app, `${inviteBob}\nFROM: <sip:a@b>;tag=1\nCall-ID: mine`),
    '200 bob b bob mine',
  );
  await assert.rejects(app.decide('hello'), /not a request/);
});

test('decisions are plain data', async () => {
  const app = new Router();
  app.invite((c) => c.redirect({ ...c.uri, user: 'carol' }));
  app.message((c) => c.forward({ transport: 'udp', host: '192.0.2.9', port: 5060 }));
  app.options((c) => c.relay(parallel()));

  const decisions = await Promise.all(
    ['INVITE', 'MESSAGE', 'OPTIONS'].map((method) => app.decide(`${method} ${BOB} SIP/2.0`)),
  );

  assert.deepEqual(JSON.parse(JSON.stringify(decisions)), [
    { do: 'redirect', to: [{ scheme: 'sip', user: 'carol', host: 'example.com', params: {} }] },
    { do: 'forward', to: { transport: 'udp', host: '192.0.2.9', port: 5060 } },
    { do: 'relay', plan: { parallel: [] }, options: {} },
  ]);
});

test('an edit of the Request-URI is seen by what follows', async () => {
  const app = new Router().use((c, next) => {
    c.uri = { ...c.uri, user: 'carol' };
    return next();
  });
  app.invite((c) => c.relay());
  const decision = await app.decide(inviteBob);

  assert.ok(decision.do === 'relay' && 'uri' in decision.plan);
  assert.equal(decision.plan.uri.user, 'carol');
});

test('what the compiler refuses', () => {
  // Each on one of its own: a second route for one method is refused.
  const app = (): Router => new Router();
  const caller: Middleware<{}, { caller: string }> = (_c, next) => next({ caller: 'a' });

  // @ts-expect-error A path without a decision.
  app().invite((c) => {
    if (c.uri.user === 'bob') return c.reply(404);
  });
  // @ts-expect-error A reply that is made and not returned.
  app().invite((c) => {
    c.reply(404);
  });
  // @ts-expect-error Nobody has learned who calls.
  app().invite((c) => c.reply(200, c.var.caller));
  // @ts-expect-error The middleware hands on too little.
  app().invite(((_c, next) => next()) satisfies Middleware<{}, { caller: string }>, (c) => c.reply(200));
  app().invite((c) =>
    c.relay(undefined, {
      // @ts-expect-error A branch route may not wait.
      onBranch: async (b) => b.send(),
      // @ts-expect-error A reply route cannot fork.
      onReply: () => c.relay(),
      // @ts-expect-error A failure route cannot go on without a transaction.
      onFailure: () => c.forward({ transport: 'udp', host: 'h', port: 1 }),
    }),
  );
  // @ts-expect-error No such event.
  app().event('call.begun', () => {});
  // @ts-expect-error Another event has this.
  app().event('trunk.down', (e) => void e.caller);
  // @ts-expect-error A local route may not wait.
  app().local(async (c) => c.pass());
  // @ts-expect-error Bytes that are no message cannot be relayed.
  app().error((c) => c.relay());
  // @ts-expect-error A script answers with a router.
  script(() => undefined);

  const right = new Router().use(caller).invite((c): RequestDecision => c.reply(200, c.var.caller));
  assert.ok(right instanceof Router);
});

test('a script names routes beside those of requests, and the core finds them', () => {
  const app = new Router()
    .startup(() => {})
    .timer(1_000, () => {})
    .event('call.ended', () => {})
    .local((c) => c.pass())
    .error((c) => c.drop());

  assert.deepEqual([app.startups.length, app.timers.map(({ everyMs }) => everyMs)], [1, [1_000]]);
  assert.deepEqual(
    app.events.map(({ name }) => name),
    ['call.ended'],
  );
  assert.ok(app.onLocal !== undefined && app.onError !== undefined);
});

test('a sketch may have a body: it is what stands behind the first empty line', async () => {
  const app = new Router().message((c) =>
    c.reply(200, `${c.method} from ${c.from.uri.user}`, {}, c.req.body),
  );

  const decision = await app.decide(
    'MESSAGE sip:bob@example.com SIP/2.0\nContent-Type: text/plain\n\nhello\n\nagain\n',
  );

  assert.ok(decision.do === 'reply');
  assert.deepEqual([decision.reason, decision.body], ['MESSAGE from caller', 'hello\n\nagain\n']);
});

for (const [what, waits] of [
  ['at once', false],
  ['behind an await', true],
] as const) {
  test(`a RouteError that is thrown ${what} is the decision`, async () => {
    const app = new Router().invite(async () => {
      if (waits) await Promise.resolve();
      throw new RouteError(489, 'Bad Event', { 'Allow-Events': 'reg' });
    });

    assert.deepEqual(await app.decide(inviteBob), {
      do: 'reply',
      status: 489,
      reason: 'Bad Event',
      headers: [['Allow-Events', 'reg']],
    });
  });
}

test('what else a route throws is no decision', async () => {
  const app = new Router().invite(() => {
    throw new Error('no luck');
  });

  await assert.rejects(app.decide(inviteBob), { message: 'no luck' });
});

const nothing: Middleware = (_c, next) => next();
for (const [what, twice] of [
  ['INVITE', (app: Router) => app.invite((c) => c.relay()).invite((c) => c.reply(480))],
  ['*', (app: Router) => app.request((c) => c.relay()).request((c) => c.reply(480))],
  ['in dialog', (app: Router) => app.inDialog((c) => c.follow()).inDialog((c) => c.follow())],
  ['reply', (app: Router) => app.reply((r) => r.pass()).reply((r) => r.pass())],
  ['local', (app: Router) => app.local((c) => c.pass()).local((c) => c.drop())],
  ['error', (app: Router) => app.error((c) => c.drop()).error((c) => c.drop())],
] as const) {
  test(`a second route for ${what} is refused: it would push the first one out`, () => {
    assert.throws(() => twice(new Router()), {
      code: 'SCRIPT_INVALID',
      message: `a second route for ${what}`,
    });
  });
}

test('a middleware for all routes behind the first of them is refused', () => {
  assert.throws(() => new Router().invite((c) => c.relay()).use(nothing), {
    code: 'SCRIPT_INVALID',
    message: /^a middleware behind the route INVITE/,
  });
});
