/** Credentials prove the Request-URI as it came, whatever has become of it before they are looked at. RFC 3261 §22.4 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import { EXCHANGE, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

/** Has what was dialled rewritten before anybody proves who he is. */
const shortNumbers = script(({ auth, location }) => {
  const app = new Router();
  app.use((c, next) => {
    if (c.uri.user === '12') c.uri = parseUri('sip:bob@example.com');
    return next();
  });
  app.register(auth.digest(), (c) => location.save(c));
  app.invite(auth.digest(), async (c) => c.relay(byPreference(await location.lookup(c.uri))));
  return app;
});

const dialled = [
  [`sip:bob@example.com;maddr=${EXCHANGE}`, registrarProxy],
  [`sip:bob@example.com:5060;maddr=${EXCHANGE};transport=udp`, registrarProxy],
  ['sip:12@example.com', shortNumbers],
  ['sip:bob@example.com', shortNumbers],
] as const;

for (const [uri, routes] of dialled) {
  test(`who proves that he calls ${uri} gets through where it became another one`, async () => {
    const t = await town(routes, { people: { alice: {}, bob: {} } });
    await t.phone('bob').register();

    const call = t.phone('alice').dial(uri);
    await t.run(3_000);

    assert.deepEqual([call.state, call.status], ['talking', 200]);
    assert.match(t.phone('bob').incoming[0]?.invite.text ?? '', /^INVITE sip:bob@/);
    t.stop();
  });
}

test('the first Request-URI is remembered, whatever came after it, and in copies too', () => {
  const request = parseMessage('OPTIONS sip:a;x SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n') as SipRequest;
  assert.equal(request.uriReceived, undefined);

  request.uriText = 'sip:b';
  request.uri = parseUri('sip:c');

  assert.deepEqual(
    [request.uriText, request.uriReceived, request.copy().uriReceived],
    ['sip:c', 'sip:a;x', 'sip:a;x'],
  );
});
