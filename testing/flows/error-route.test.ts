/** The error route is asked about everything that breaks the grammar, and not more often than is cheap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorRoute, Router, script } from '../../src/index.ts';
import { ERROR_ROUTES_AT_ONCE, ERROR_ROUTES_PER_SECOND } from '../../src/route/error-routes.ts';
import { town } from '../../src/testing/town.ts';

const HOST = '192.0.2.66';
const VIA = `Via: SIP/2.0/UDP ${HOST}:5060;branch=z9hG4bKx`;
const WHOLE: Readonly<Record<string, string>> = {
  via: VIA,
  from: 'From: <sip:a@b.c>;tag=1',
  to: 'To: <sip:x@example.com>',
  callId: 'Call-ID: e',
  cseq: 'CSeq: 1 OPTIONS',
  more: 'Content-Length: 0',
};

async function opened(errorRoute?: ErrorRoute, settings = {}) {
  const app = new Router().options((c) => c.reply(200));
  if (errorRoute !== undefined) app.error(errorRoute);
  const t = await town(
    script(() => app),
    { people: {}, settings },
  );
  const heard: string[] = [];
  const stranger = t.world.host(HOST);
  const socket = await stranger.net.udp({ host: HOST, port: 5060 }, (text) => heard.push(text));
  const send = (changed: Readonly<Record<string, string>>, method = 'OPTIONS'): void => {
    const lines = Object.values({ ...WHOLE, ...changed }).filter((line) => line !== '');
    const text = [`${method} sip:x@example.com SIP/2.0`, ...lines, '', ''].join('\r\n');
    socket.send(text, t.exchange.transports.listeners[0]!.local, 0);
  };
  return { t, heard, send };
}

// what, the fields that are others, what the script is told
const faults: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  ['no From', { from: '' }, /^From missing$/],
  ['no CSeq', { cseq: '' }, /^CSeq missing$/],
  ['no Call-ID', { callId: '' }, /^Call-ID missing$/],
  ['two From', { more: 'From: <sip:z@b.c>;tag=2' }, /^From more than once$/],
  ['a broken From', { from: 'From: <sip:a@b.c;tag=1' }, /^From malformed$/],
  ['a broken CSeq', { cseq: 'CSeq: abc OPTIONS' }, /^CSeq without a number/],
  ['another method in CSeq', { cseq: 'CSeq: 1 INVITE' }, /^CSeq with another method/],
  ['a broken Max-Forwards', { more: 'Max-Forwards: x' }, /^Max-Forwards malformed$/],
  ['a broken Contact', { more: 'Contact: <<<' }, /^Contact malformed$/],
];

for (const [what, changed, why] of faults) {
  for (const [does, errorRoute, answer] of [
    ['answers', (c) => c.reply(488, 'Not So'), 'SIP/2.0 488 Not So'],
    ['is silent', (c) => c.drop(), undefined],
  ] as const satisfies readonly [string, ErrorRoute, string | undefined][]) {
    test(`a request with ${what}: the error route ${does}`, async () => {
      const told: [string, string, number][] = [];
      const { t, heard, send } = await opened((c) => {
        told.push([c.error.message, c.text, c.error.status]);
        return errorRoute(c);
      });

      send(changed);
      await t.run(100);

      assert.equal(heard[0]?.split('\r\n')[0], answer);
      assert.match(told[0]?.[0] ?? '', why);
      assert.ok(told[0]?.[1].includes(`${VIA}\r\n`), 'the text is what came');
      assert.deepEqual([told.length, told[0]?.[2]], [1, 400]);
      t.stop();
    });
  }
}

test('of an ACK, and of a request that nobody can be answered for, the error route is told alone', async () => {
  const told: string[] = [];
  const { t, heard, send } = await opened((c) => {
    told.push(c.error.message);
    return c.reply(400);
  });

  send({ from: '', cseq: 'CSeq: 1 ACK' }, 'ACK');
  send({ via: 'Via: nonsense' });
  await t.run(100);

  assert.deepEqual([told, heard], [['From missing', 'Via missing or malformed'], []]);
  t.stop();
});

test('without an error route a broken request is answered as ever', async () => {
  const { t, heard, send } = await opened();

  send({ from: '' });
  await t.run(100);

  assert.equal(heard[0]?.split('\r\n')[0], 'SIP/2.0 400 From missing');
  t.stop();
});

for (const [what, errorRoute] of [
  ['throws', () => assert.fail('a mistake in the script')],
  ['waits', (async () => ({ do: 'drop' })) as unknown as ErrorRoute],
] as const satisfies readonly [string, ErrorRoute][]) {
  test(`an error route that ${what} is as good as none, and told with its line`, async () => {
    const { t, heard, send } = await opened(errorRoute);

    send({ from: '' });
    await t.run(100);

    assert.equal(heard[0]?.split('\r\n')[0], 'SIP/2.0 400 From missing');
    assert.match(JSON.stringify(t.world.logged), /an error route threw.*error-route\.test\.ts","line":\d/);
    t.stop();
  });
}

test('a flood of broken requests keeps no script busy: beyond so many they are answered without it', async () => {
  let asked = 0;
  const { t, heard, send } = await opened(
    (c) => {
      asked++;
      return c.reply(488);
    },
    { guard: { enabled: false } },
  );

  for (let i = 0; i < ERROR_ROUTES_AT_ONCE + 50; i++) send({ from: '' });
  await t.run(100);

  const answers = Map.groupBy(heard, (text) => text.slice(8, 11));
  assert.equal(asked, ERROR_ROUTES_AT_ONCE);
  assert.deepEqual([answers.get('488')?.length, answers.get('400')?.length], [ERROR_ROUTES_AT_ONCE, 50]);

  await t.run(1_000);
  for (let i = 0; i < 2 * ERROR_ROUTES_PER_SECOND; i++) send({ from: '' });
  await t.run(10);

  const again = asked - ERROR_ROUTES_AT_ONCE;
  assert.ok(again >= ERROR_ROUTES_PER_SECOND && again < 2 * ERROR_ROUTES_PER_SECOND, String(again));
  t.stop();
});
