/** What callers, phones and trunks learn of one another. RFC 3323, RFC 3325 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../proxy/plan.ts';
import { Router, type Script, script } from '../route/router.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { assertQuiet } from '../testing/quiet.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';

const TRUSTED = '192.0.2.51';
const UNTRUSTED = '203.0.113.9';
const NUMBER = '+4930100100';

const trunk = (host: string): Target => ({ uri: { scheme: 'sip', user: '4940', host, params: {} } });

/** Alice's calls go to bob, to a trunk that is trusted, or to one that is not. */
const exchange: Script = script(({ auth, callees, callers, location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.request(callers.known(), auth.identity(), callers.present(), (c) => {
    if (c.uri.user === 'trusted') return c.relay(trunk(TRUSTED));
    if (c.uri.user === 'untrusted') return c.relay(trunk(UNTRUSTED));
    const callee = callees.find(c.uri);
    return callee === undefined ? c.reply(404) : callees.ring(c, callee);
  });
  return app;
});

async function open(): Promise<{ t: Town; trunks: Record<string, Stranger> }> {
  const people = { alice: { host: '192.0.2.11' }, bob: { host: '192.0.2.12' } };
  const settings = { numbers: { country_code: '49' }, trusted: { peers: [TRUSTED] } };
  const t = await town(exchange, { people, settings });
  const { numbers } = t.exchange.shared.users.provisions;
  await t.world.until(numbers.add({ number: NUMBER, domain: 'example.com', target: 'alice@example.com' }));
  await t.phone('bob').register();
  const target = { host: EXCHANGE, port: 5060 };
  const trunks = {
    trusted: await new Stranger(t.world, TRUSTED, target).open(),
    untrusted: await new Stranger(t.world, UNTRUSTED, target).open(),
  };
  return { t, trunks };
}

/** The INVITE that came there. */
async function heardAt(whom: string, privacy: string): Promise<SipRequest | undefined> {
  const { t, trunks } = await open();
  const headers = privacy === '' ? [] : ([['Privacy', privacy]] as const);
  const call = t.phone('alice').dial(`sip:${whom}@example.com`, { headers });
  await t.run(1_500);
  call.hangUp();
  await t.run(500);
  const text =
    trunks[whom]?.heard[0] ?? t.phone('bob').received.find(({ method }) => method === 'INVITE')?.text;
  t.stop();
  const message = text === undefined ? undefined : parseMessage(text);
  return message?.kind === 'request' ? message : undefined;
}

const SHOWN = `<sip:${NUMBER}@example.com;user=phone>`;
const ALL = `alice ${SHOWN}`;
const FROM = 'alice';
const NOBODY = 'anonymous';
//  Privacy                 bob    trusted trunk    untrusted trunk: whom From names, and who is asserted
const rows: readonly [string, string, string, string][] = [
  ['', ALL, ALL, ALL],
  ['none', ALL, ALL, ALL],
  ['id', FROM, ALL, FROM],
  ['ID', FROM, ALL, FROM],
  ['user', NOBODY, ALL, NOBODY],
  ['header', NOBODY, ALL, NOBODY],
  ['user;id', NOBODY, ALL, NOBODY],
  ['header; id;critical', NOBODY, ALL, NOBODY],
  ['session', ALL, ALL, ALL],
  ['none;user', ALL, ALL, ALL],
];

for (const [privacy, ...expected] of rows) {
  for (const [place, whom] of ['bob', 'trusted', 'untrusted'].entries()) {
    test(`Privacy: ${privacy === '' ? '(none asked)' : privacy}, ${whom} learns: ${expected[place]}`, async () => {
      const invite = await heardAt(whom, privacy);

      const asserted = invite?.headers.get('P-Asserted-Identity');
      const from = /sip:(\w+)@/.exec(invite?.headers.get('From') ?? '')?.[1];
      assert.equal([from, asserted].filter((part) => part !== undefined).join(' '), expected[place]);
      const isHidden = expected[place] === NOBODY;
      if (isHidden)
        assert.doesNotMatch(invite?.text.split('\r\n\r\n')[0] ?? 'alice', /alice|4930100100|192\.0\.2\.11/);
      // Done once, so that nobody does it again; what is kept from others is asked of the next one too.
      assert.equal(invite?.headers.get('Privacy'), isHidden ? 'none' : privacy === '' ? undefined : privacy);
    });
  }
}

for (const [privacy, status] of [
  ['session;critical', 500],
  ['session; id ; CRITICAL', 500],
  ['id;critical', 200],
] as const) {
  test(`Privacy: ${privacy} is answered ${status}`, async () => {
    const { t } = await open();

    const call = t.phone('alice').dial('sip:bob@example.com', { headers: [['Privacy', privacy]] });
    await t.run(1_500);
    assert.equal(call.status, status);
    call.hangUp();
    await t.run(500);

    await assertQuiet(t);
    t.stop();
  });
}
