/** What becomes of a relayed request when something is not as it should be. The usual ways are drawn in flows/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import { Frames } from '../testing/frames.ts';
import { request, TARGET } from '../testing/mallory.ts';
import { assertQuiet } from '../testing/quiet.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, town } from '../testing/town.ts';
import { Locator } from '../transport/locate.ts';
import { parallel, serial, type Target } from '../proxy/plan.ts';
import { Proxy } from '../proxy/proxy.ts';
import { RouteSigner } from '../proxy/route-signer.ts';

const BOB = 'sip:bob@example.com';
const people = { alice: {}, bob: { host: '192.0.2.12' }, carol: { host: '192.0.2.13' } };
const at = (host: string): Target => ({ uri: parseUri(`sip:x@${host}:5060`) });
const bob = at('192.0.2.12');
const carol = at('192.0.2.13');

test('a request that there is no memory for fails with 503, and no failure route is asked for it', async () => {
  const asked: string[] = [];
  const t = await town(
    script(() =>
      new Router().invite((c) => {
        c.req.headers.set('X-Long', 'x'.repeat(65_536)); // Longer than any text that is kept.
        return c.relay(serial(bob, carol), {
          onFailure: (f) => {
            asked.push(f.callId);
            return f.reply(480);
          },
        });
      }),
    ),
    { people },
  );

  const call = t.phone('alice').dial(BOB);
  await t.run(60_000);

  assert.deepEqual([call.status, asked], [503, []]);
  assert.deepEqual(
    t.world.logged.filter(({ level }) => level === 'error'),
    [],
  );
  await assertQuiet(t);
  t.stop();
});

for (const kind of ['udp', 'tcp'] as const) {
  test(`an answer over ${kind} with the version in small letters counts, and goes on in capitals`, async () => {
    const carrier = '192.0.2.77';
    const t = await town(
      script(() =>
        new Router().request((c) => c.relay({ uri: parseUri(`sip:${carrier};transport=${kind}`) })),
      ),
      { people: {} },
    );
    const asker = await new Stranger(t.world, '192.0.2.66', TARGET).open();
    const answer = (text: string): string => {
      const asked = parseMessage(text);
      assert.ok(asked.kind === 'request');
      return replyTo(asked, 200, { toTag: 'b' }).replace('SIP/2.0 200', 'sip/2.0 200');
    };
    const callee = new Stranger(t.world, carrier, TARGET);
    await callee.open((text) => callee.send(answer(text)));
    const frames = new Frames();
    await t.world.host(carrier).net.listen({ host: carrier, port: 5060 }, (stream) => ({
      data: (text) => {
        for (const message of frames.push(text)) stream.write(answer(message));
      },
      closed: () => {},
    }));

    asker.send(request({ method: 'MESSAGE', via: 'SIP/2.0/UDP 192.0.2.66:5060' }));
    await t.run(500);

    assert.equal(asker.heard.length, 1);
    assert.match(asker.heard[0] ?? '', /^SIP\/2\.0 200 OK\r\nVia: SIP\/2\.0\/UDP 192/);
    t.stop();
  });
}

test('a branch whose request cannot be written any more leaves no transaction', async () => {
  const t = await town(
    script(() =>
      new Router().invite((c) =>
        c.relay(serial(bob, carol), {
          onBranch: (b) => {
            if (b.index === 0) for (let i = 0; i < 250; i++) b.req.headers.add('X', i);
            return b.send();
          },
        }),
      ),
    ),
    { people },
  );

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);

  assert.deepEqual([call.state, t.phone('bob').received.length], ['talking', 0]);
  call.hangUp();
  await t.run(100);
  await assertQuiet(t);
  t.stop();
});

test('whoever keeps the record hears of the answer before anything is done about the others', async () => {
  let [proxy, clientsThen]: [Proxy | undefined, number] = [undefined, NaN];
  const finished = (): void => void (clientsThen = t.exchange.layer.clientCount);
  const hop = (host: string) => ({ transport: 'udp', host, port: 5060 }) as const;
  const plan = parallel({ ...bob, hop: hop('192.0.2.12') }, { ...carol, hop: hop('192.0.2.13') });
  const options = { recordRoute: false, call: 0, loopMark: 100_000_000, hooks: { finished } };
  const t = await town(
    script(() =>
      new Router().invite(() => ({
        do: 'serve',
        serve: (server, request) => void proxy?.relay(server, request, plan, options),
      })),
    ),
    { people },
  );
  const world = t.world.host(EXCHANGE);
  const { layer, transports } = t.exchange;
  const locator = new Locator({ ...world, speaks: () => true, deadMs: 0, naptr: false });
  proxy = new Proxy({ world, layer, transports, locator, signer: new RouteSigner('secret') });
  t.phone('bob').answers = 'ring';
  t.phone('carol').answers = { afterMs: 500, ringMs: 100 };

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);

  assert.equal(call.state, 'talking');
  assert.equal(clientsThen, 2, 'two INVITEs, and no CANCEL yet');
  assert.ok(t.phone('bob').received.some(({ method }) => method === 'CANCEL'));
  t.stop();
});

test('a call that may not fork as it must is refused with 440, and its record has an end', async () => {
  const t = await town(
    script(() => new Router().invite((c) => c.relay(parallel(bob, carol)))),
    { people },
  );

  const call = t.phone('alice').dial(BOB, { headers: [['Max-Breadth', '-5']] });
  await t.run(1_000);

  assert.equal(call.status, 440);
  assert.deepEqual(
    t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
    [[440, 'us']],
  );
  await assertQuiet(t);
  t.stop();
});
