/** What we say of ourselves to who asks, and what he may not ask of us. RFC 3261 §11.2, §8.2.2.3, §21.4.6 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { indexHeaders } from '../sip/header-index.ts';
import { Headers } from '../sip/headers.ts';
import { allowValue } from '../sip/words.ts';
import { MALLORY, request, statusOf, TARGET } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';
import { Router, type Script, script } from './router.ts';

const OURS = 'sip:example.com';

/** The last answer to a request of Mallory's. */
async function answerTo(text: string, route: Script = registrarProxy): Promise<Headers & { status: number }> {
  const t = await town(route, { people: { bob: {} }, settings: { guard: { enabled: false } } });
  await t.phone('bob').register();
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
  mallory.send(text);
  await t.run(200);
  const answer = mallory.heard.at(-1) ?? '';
  t.stop();
  const startsAt = answer.indexOf('\n') + 1;
  const index = indexHeaders(answer, startsAt);
  assert.ok(typeof index !== 'string');
  return Object.assign(new Headers(answer, index, startsAt), { status: statusOf(answer) });
}

// To whom, what it requires, and the answer.
const asked: readonly (readonly [uri: string, requires: string, status: number, unsupported: string])[] = [
  [OURS, 'foo', 420, 'foo'],
  [OURS, 'path, foo, x-bar', 420, 'foo, x-bar'],
  ['sip:192.0.2.1:5060', 'foo', 420, 'foo'],
  [OURS, 'path, gruu', 200, ''],
  ['sip:bob@example.com', 'foo', 404, ''],
  ['sip:elsewhere.example', 'foo', 404, ''],
];
for (const [uri, requires, status, unsupported] of asked) {
  test(`OPTIONS ${uri} that requires ${requires} is answered ${status} ${unsupported}`, async () => {
    const text = request({ method: 'OPTIONS', uri, more: `Max-Forwards: 70\r\nRequire: ${requires}\r\n` });

    const said = await answerTo(text);

    assert.deepEqual([said.status, said.get('Unsupported') ?? ''], [status, unsupported]);
  });
}

test('who asks us for what we can is told it', async () => {
  const said = await answerTo(request({ method: 'OPTIONS', uri: OURS }));

  const names = ['Allow', 'Accept', 'Accept-Encoding', 'Accept-Language', 'Supported'];
  assert.deepEqual(
    names.map((name) => said.get(name)),
    [allowValue, '*/*', 'identity', 'en', 'path, outbound, gruu'],
  );
});

test('a script that registers nobody is no registrar, and what a script says itself stands', async () => {
  const route = script(() => {
    const app = new Router();
    app.invite((c) => c.reply(486));
    app.options((c) => c.reply(200, undefined, { accept: 'application/sdp' }));
    return app;
  });

  const said = await answerTo(request({ method: 'OPTIONS', uri: OURS }), route);

  assert.deepEqual(
    [said.get('Allow'), said.all('Accept'), said.has('Supported')],
    ['INVITE, OPTIONS', ['application/sdp'], false],
  );
});

test('who asks in too few bytes is told nothing but that we are here', async () => {
  const via = `v:SIP/2.0/UDP ${MALLORY};branch=z9hG4bK1`;
  const bare = [
    `OPTIONS ${OURS} SIP/2.0`,
    via,
    'f:<sip:a@b>;tag=1',
    `t:<${OURS}>`,
    'i:1',
    'CSeq:1 OPTIONS',
    '\r\n',
  ];

  const said = await answerTo(bare.join('\r\n'));

  assert.deepEqual([said.status, said.has('Allow')], [200, false]);
});

// How a script refuses a method, and what Allow says then.
const refusals: readonly (readonly [name: string, make: () => Router, allow: string])[] = [
  ['c.reply(405)', () => new Router().invite((c) => c.relay()).message((c) => c.reply(405)), 'INVITE'],
  [
    'c.reply(405) with an Allow of its own',
    () => new Router().message((c) => c.reply(405, undefined, { allow: 'X' })),
    'X',
  ],
  [
    'an error',
    () =>
      new Router()
        .register((c) => c.reply(200))
        .message(() => {
          throw new SipError('BAD_MESSAGE', 405, 'not here');
        }),
    'REGISTER',
  ],
  [
    'an application, which answers INVITE alone',
    () => new Router().message(() => ({ do: 'answer', app: { name: 'x', run: async () => {} } })),
    '',
  ],
  [
    'c.reply(405) in the route for everything',
    () => new Router().request((c) => c.reply(405)),
    allowValue.replace(', MESSAGE', ''),
  ],
];
for (const [name, make, allow] of refusals) {
  test(`a 405 by ${name} says what is allowed`, async () => {
    const said = await answerTo(request({ method: 'MESSAGE' }), script(make));

    assert.deepEqual([said.status, said.all('Allow')], [405, [allow]]);
  });
}
