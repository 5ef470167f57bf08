import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri, type Uri } from '../src/sip/uri.ts';
import { fakes } from '../src/testing/fakes.ts';
import { assertQuiet } from '../src/testing/quiet.ts';
import { town } from '../src/testing/town.ts';
import registrarProxy from './registrar-proxy.ts';

const phones = [{ uri: parseUri('sip:bob@192.0.2.12') }];
const location = {
  ...fakes().location,
  lookup: (aor: Uri) => Promise.resolve(aor.user === 'bob' ? phones : []),
};
const OURS = 'From: <sip:alice@example.com>;tag=1';
const STRANGER = 'From: <sip:eve@evil.org>;tag=1';

// [who may do what, request, whether strangers may call, decision]
const cases: readonly [string, string, boolean, string][] = [
  ['ours call ours', `INVITE sip:bob@example.com SIP/2.0\n${OURS}`, false, 'relay'],
  ['ours call one who is not registered', `INVITE sip:carol@example.com SIP/2.0\n${OURS}`, false, '480'],
  ['ours call the world', `INVITE sip:bob@elsewhere.net SIP/2.0\n${OURS}`, false, 'relay'],
  [
    'a stranger may not call ours',
    `INVITE sip:bob@example.com SIP/2.0\n${STRANGER}`,
    false,
    '403 Strangers May Not Call Here',
  ],
  ['unless they may', `INVITE sip:bob@example.com SIP/2.0\n${STRANGER}`, true, 'relay'],
  [
    'a stranger may never relay through us',
    `INVITE sip:bob@elsewhere.net SIP/2.0\n${STRANGER}`,
    true,
    '403 Relay Forbidden',
  ],
  [
    'a stranger may not text through us',
    `MESSAGE sip:bob@elsewhere.net SIP/2.0\n${STRANGER}`,
    true,
    '403 Relay Forbidden',
  ],
  ['a phone registers', `REGISTER sip:example.com SIP/2.0\n${OURS}`, false, '200'],
  ['a monitor asks whether we live', `OPTIONS sip:example.com SIP/2.0\n${STRANGER}`, false, '200'],
  ['OPTIONS for somebody', `OPTIONS sip:bob@example.com SIP/2.0\n${OURS}`, false, '404'],
];

for (const [who, request, openInbound, decided] of cases) {
  test(who, async () => {
    const domains = { isLocal: (host: string) => host === 'example.com', openInbound };
    const decision = await registrarProxy(fakes({ domains, location })).decide(request);

    const shown = decision.do === 'reply' ? [decision.status, decision.reason].join(' ').trim() : decision.do;
    assert.equal(shown, decided);
  });
}

test('a call between two registered phones, and nothing is left of it', async () => {
  const t = await town(registrarProxy, { people: { alice: {}, bob: {} } });
  assert.equal(await t.phone('bob').register(), 200);

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(3_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(1_000);

  assert.equal(call.byeStatus, 200);
  await assertQuiet(t);
  t.stop();
});
