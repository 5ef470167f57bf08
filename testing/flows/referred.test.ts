/** Transfers that the phones carry out themselves, through a proxy that only passes on. RFC 3515, 3891, 3892 */
import assert from 'node:assert/strict';
import type { Call } from '../../src/testing/phone-call.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import type { Town } from '../../src/testing/town.ts';
import { at, flow, type FlowParts, HOSTS } from './flow.ts';

type Name = keyof typeof HOSTS;

const CAROL = 'sip:carol@example.com';
const REFERRED_BY = ['Referred-By', '<sip:alice@example.com>;cid="proof@example.com"'] as const;

/** Whoever is called has a phone of the same name. */
const three: FlowParts = {
  people: { alice: {}, bob: {}, carol: {} },
  route: (c) => c.relay(at(c.uri.user as Name)),
};

async function talking(t: Town, from: Name, to: Name): Promise<[DialledCall, Call]> {
  const call = t.phone(from).dial(`sip:${to}@example.com`);
  await t.run(1_500);
  const other = t.phone(to).incoming.at(-1);
  assert.ok(other !== undefined);
  assert.deepEqual([call.state, other.state], ['talking', 'talking']);
  return [call, other];
}

/** What the referrer hears of the call that it asked for. RFC 3515 §2.4.5 */
function notify(t: Town, bob: Call, status: string, state: string): Promise<number> {
  const headers: [string, string][] = [
    ['Event', 'refer'],
    ['Subscription-State', state],
  ];
  const body = `SIP/2.0 ${status}\r\n`;
  return t.world.until(bob.request('NOTIFY', { headers, body, contentType: 'message/sipfrag;version=2.0' }));
}

/** The status lines that a call was told in NOTIFYs. */
function told(call: Call): string[] {
  return call.received.filter(({ method }) => method === 'NOTIFY').map(({ body }) => body.trim());
}

const lastRequest = (call: Call, method: string) =>
  call.received.findLast((request) => request.method === method);

flow(
  'refer-blind',
  'A blind transfer through a proxy: REFER and each NOTIFY pass unchanged, and Referred-By goes along (RFC 3515)',
  three,
  async (t) => {
    const [alice, bob] = await talking(t, 'alice', 'bob');
    const headers = [['Refer-To', `<${CAROL}>`] as const, REFERRED_BY].map(([n, v]): [string, string] => [
      n,
      v,
    ]);

    assert.equal(await t.world.until(alice.request('REFER', { headers })), 200);
    assert.equal(await notify(t, bob, '100 Trying', 'active;expires=60'), 200);
    const onward = t.phone('bob').dial(CAROL, { headers: [REFERRED_BY] });
    await t.run(1_500);
    assert.equal(await notify(t, bob, '200 OK', 'terminated;reason=noresource'), 200);
    alice.hangUp();
    await t.run(100);

    assert.deepEqual([alice.byeStatus, bob.endedBy, onward.state], [200, 'them', 'talking']);
    assert.deepEqual(told(alice), ['SIP/2.0 100 Trying', 'SIP/2.0 200 OK']);
    assert.equal(lastRequest(bob, 'REFER')?.headers.get('Refer-To'), `<${CAROL}>`);
    for (const request of [lastRequest(bob, 'REFER'), t.phone('carol').incoming[0]?.invite])
      assert.equal(request?.headers.get('Referred-By'), REFERRED_BY[1]);
    onward.hangUp();
    await t.run(100);
    assert.deepEqual(
      t.cdrs().map(({ endedBy }) => endedBy),
      ['caller', 'caller'],
    );
  },
);

flow(
  'refer-attended',
  'An attended transfer through a proxy: Replaces names the dialog as the one who is rung knows it (RFC 3891)',
  three,
  async (t) => {
    const [toBob, bob] = await talking(t, 'alice', 'bob');
    const [toCarol, carol] = await talking(t, 'alice', 'carol');
    const replaces = `${toCarol.callId};to-tag=${toCarol.responses.at(-1)?.toTag};from-tag=${toCarol.localTag}`;
    const headers: [string, string][] = [
      ['Refer-To', `<sip:carol@${HOSTS.carol}:5060?Replaces=${encodeURIComponent(replaces)}>`],
    ];

    assert.equal(await t.world.until(toBob.request('REFER', { headers })), 200);
    t.phone('carol').answers = { afterMs: 0 };
    const asked = [['Replaces', replaces] as const, ['Require', 'replaces'] as const];
    const onward = t.phone('bob').dial(CAROL, { headers: asked });
    await t.run(100);
    carol.hangUp();
    assert.equal(await notify(t, bob, '200 OK', 'terminated;reason=noresource'), 200);
    toBob.hangUp();
    await t.run(100);

    const rung = t.phone('carol').incoming.at(-1);
    assert.equal(
      rung?.invite.headers.get('Replaces'),
      `${carol.callId};to-tag=${carol.localTag};from-tag=${toCarol.localTag}`,
    );
    assert.equal(rung.invite.headers.get('Require'), 'replaces');
    assert.equal(lastRequest(bob, 'REFER')?.headers.get('Refer-To'), headers[0]?.[1]);
    assert.deepEqual(
      [toBob.endedBy, toCarol.endedBy, onward.state, rung.state],
      ['us', 'them', 'talking', 'talking'],
    );
    onward.hangUp();
    await t.run(100);
    assert.equal(t.cdrs().length, 3);
  },
);

flow(
  'refer-refused',
  'A REFER that is refused: the proxy passes the refusal on, and the call stays as it is',
  three,
  async (t) => {
    const [alice, bob] = await talking(t, 'alice', 'bob');
    t.phone('bob').misbehaves.refusesRefer = 603;

    const refused = await t.world.until(alice.request('REFER', { headers: [['Refer-To', `<${CAROL}>`]] }));

    assert.deepEqual([refused, alice.state, bob.state], [603, 'talking', 'talking']);
    assert.deepEqual(told(alice), []);
    alice.hangUp();
    await t.run(100);
  },
);

flow(
  'refer-wants-proof',
  'Whom the call was transferred to wants proof of who did it: 429 comes back, and the referrer is told (RFC 3892)',
  three,
  async (t) => {
    const [alice, bob] = await talking(t, 'alice', 'bob');
    t.phone('carol').answers = { afterMs: 0, status: 429 };

    assert.equal(await t.world.until(alice.request('REFER', { headers: [['Refer-To', `<${CAROL}>`]] })), 200);
    const onward = t.phone('bob').dial(CAROL, { headers: [['Referred-By', '<sip:alice@example.com>']] });
    await t.run(100);
    await notify(t, bob, '429 Provide Referrer Identity', 'terminated;reason=noresource');

    assert.equal(onward.status, 429);
    assert.deepEqual(told(alice), ['SIP/2.0 429 Provide Referrer Identity']);
    assert.deepEqual([alice.state, bob.state], ['talking', 'talking']);
    alice.hangUp();
    await t.run(100);
  },
);
