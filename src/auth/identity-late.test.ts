/** What `auth.identity()` makes of answers that come late, and of where a call has been. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference } from '../proxy/plan.ts';
import { type Middleware, Router, script } from '../route/router.ts';
import {
  answerTo,
  CARRIER,
  fieldsOf,
  GUEST,
  invite,
  start,
  TARGET,
  UNTRUSTED,
} from '../testing/peers-town.ts';
import { Stranger } from '../testing/stranger.ts';

const FORGED = '<sip:boss@example.com>';

test('an answer that comes again, and that of a later fork, are cleaned as the first was', async () => {
  const { t, other } = await start();
  const guest = await new Stranger(t.world, GUEST, TARGET).open();
  const claims = [`P-Asserted-Identity: ${FORGED}`, `Remote-Party-ID: ${FORGED}`, `P-Charge-Info: ${FORGED}`];

  guest.send(invite([], UNTRUSTED));
  await t.run(10);
  for (const tag of ['b', 'b', 'fork', 'fork']) {
    other.send(answerTo(other.heard[0] ?? '', '200 OK', claims, tag));
    await t.run(10);
  }

  const heard = guest.heard.filter((text) => text.startsWith('SIP/2.0 200'));
  assert.deepEqual(
    heard.map((text) => /tag=(b|fork)\r/.exec(text)?.[1]),
    ['b', 'b', 'fork', 'fork'],
  );
  for (const text of heard) assert.doesNotMatch(text, /boss/);
  t.stop();
});

test('within a dialog it counts who answers, not whom the Contact names', async () => {
  const { t, other } = await start();
  const guest = await new Stranger(t.world, GUEST, TARGET).open();
  // His Contact is the carrier's, and he stays on the path as a proxy.
  const poses = [`Contact: <sip:x@${CARRIER}>`, `Record-Route: <sip:${UNTRUSTED};lr>`];
  guest.send(invite([`Contact: <sip:g@${GUEST}>`], UNTRUSTED));
  await t.run(10);
  other.send(answerTo(other.heard[0] ?? '', '200 OK', poses));
  await t.run(10);
  const made = guest.heard.find((text) => text.startsWith('SIP/2.0 200'));
  const routes = fieldsOf(made, 'Record-Route').flatMap((value) => value.split(','));

  guest.send(
    invite(routes.toReversed().map((route) => `Route: ${route.trim()}`))
      .replaceAll('INVITE', 'INFO')
      .replace('CSeq: 1', 'CSeq: 2')
      .replace('sip:bob@example.com SIP/2.0', `sip:x@${CARRIER} SIP/2.0`)
      .replace('To: <sip:bob@example.com>', 'To: <sip:bob@example.com>;tag=b'),
  );
  await t.run(10);
  const asked = other.heard.find((text) => text.startsWith(`INFO sip:x@${CARRIER}`)) ?? '';
  other.send(answerTo(asked, '200 OK', [`P-Asserted-Identity: ${FORGED}`]));
  await t.run(10);

  const told = guest.heard.filter((text) => text.startsWith('SIP/2.0 200') && text.includes('INFO'));
  assert.equal(told.length, 1);
  assert.doesNotMatch(told[0] ?? FORGED, /boss/);
  t.stop();
});

test('what cleans the answers for a script is asked besides, also of the late ones', async () => {
  const seen: string[] = [];
  const routes = script(({ auth }) => {
    const app = new Router();
    app.request(auth.identity(), (c) =>
      c.relay(undefined, {
        cleanReply: (headers, came) =>
          void seen.push(`${came.remote.host} ${headers.has('P-Asserted-Identity')}`),
      }),
    );
    return app;
  });
  const { t, other } = await start([CARRIER], routes);
  const guest = await new Stranger(t.world, GUEST, TARGET).open();

  guest.send(invite([], UNTRUSTED));
  await t.run(10);
  for (const status of ['180 Ringing', '200 OK', '200 OK'])
    other.send(answerTo(other.heard[0] ?? '', status, [`P-Asserted-Identity: ${FORGED}`]));
  await t.run(10);

  assert.deepEqual(seen, Array(3).fill(`${UNTRUSTED} false`));
  t.stop();
});

const PLACES: readonly (readonly [string, string])[] = [
  ['Diversion', '<sip:boss@example.com>;reason=user-busy;counter=2'],
  ['History-Info', '<sip:boss@example.com>;index=1'],
];
const places = PLACES.map((field) => field.join(': '));

test('of where the call of a stranger has been only its number is told', async () => {
  const { t, other } = await start();

  other.send(invite(places));
  await t.run(1_000);

  const received = t.phone('bob').incoming[0]?.invite.text ?? 'boss';
  assert.doesNotMatch(received, /boss|history/i);
  assert.match(received, /^Diversion: <sip:unknown@unknown\.invalid>;.*;counter=2;/m);
  t.stop();
});

test('what a trusted peer says of where a call has been passes', async () => {
  const { t, carrier } = await start();

  carrier.send(invite(places));
  await t.run(1_000);

  const received = t.phone('bob').incoming[0]?.invite.text;
  for (const [name, value] of PLACES) assert.deepEqual(fieldsOf(received, name), [value]);
  t.stop();
});

test('what our own users say of it passes: a PBX that forwards has to say so', async () => {
  const { t } = await start();

  t.phone('alice').dial('sip:bob@example.com', { headers: [...PLACES] });
  await t.run(1_000);

  const received = t.phone('bob').incoming[0]?.invite.text;
  for (const [name, value] of PLACES) assert.deepEqual(fieldsOf(received, name), [value]);
  t.stop();
});

test('what a trunk says of it passes, trusted or not', async () => {
  const routes = script(({ auth, location }) => {
    const app = new Router();
    app.register(auth.digest(), (c) => location.save(c));
    const trunk: Middleware<{}, { trunk: string }> = (_, next) => next({ trunk: 'carrier' });
    app.request(trunk, auth.identity(), async (c) => c.relay(byPreference(await location.lookup(c.uri))));
    return app;
  });
  const { t, other } = await start([], routes);

  other.send(invite(places));
  await t.run(1_000);

  assert.deepEqual(fieldsOf(t.phone('bob').incoming[0]?.invite.text, 'Diversion'), [PLACES[0]?.[1]]);
  t.stop();
});
