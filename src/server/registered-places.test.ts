/** Nobody has his calls end at a carrier, at our expense, by what he registers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeaderPair } from '../testing/phone-request.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

const POOLED = '192.0.2.51';
const TRUSTED = '192.0.2.52';
const SIX = '2001:db8::51';
const EDGE = '192.0.2.60';
const NUMBER = 'sip:+4990123';
const RELAYED: HeaderPair = ['Via', 'SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKfirst'];

async function carriersTown(): Promise<Town> {
  const t = await town(registrarProxy, {
    people: { alice: {}, mallory: {}, edge: { host: EDGE } },
    settings: {
      trusted: { peers: [TRUSTED, EDGE] },
      trunk: { pools: [{ name: 'carriers', servers: [`sip:${POOLED}`, `sip:[${SIX}]`, 'sip:sbc.example'] }] },
    },
  });
  t.net.names.address('mine.example', POOLED);
  t.net.names.address('sbc.example', '192.0.2.53');
  t.net.names.address('honest.example', '203.0.113.5');
  return t;
}

const contact = (host: string): HeaderPair => ['Contact', `<${NUMBER}@${host}>`];
const path = (value: string): HeaderPair => ['Path', `<sip:${value};lr>`];

// [what is registered, what a REGISTER is answered, who gets the call]
const ROWS: readonly (readonly [
  headers: readonly HeaderPair[],
  status: number,
  reached: readonly string[],
])[] = [
  [[contact(POOLED)], 200, ['192.0.2.12']],
  [[contact(POOLED), RELAYED], 403, []],
  [[contact(TRUSTED), RELAYED], 403, []],
  [[contact(`[${SIX}]`), RELAYED], 403, []],
  [[contact('[2001:DB8:0::0:51]'), RELAYED], 403, []],
  [[contact('[::ffff:192.0.2.51]'), RELAYED], 403, []],
  [[contact(`honest.example;maddr=${POOLED}`), RELAYED], 403, []],
  [[contact(`honest.example;maddr=[${SIX}]`), RELAYED], 403, []],
  [[contact('sbc.example'), RELAYED], 403, []],
  [[contact('127.0.0.1:8080'), RELAYED], 403, []],
  [[contact('203.0.113.5'), RELAYED], 200, ['203.0.113.5']],
  [[contact('sbc.example')], 200, []],
  [[contact('mine.example')], 200, []],
  [[contact('mine.example'), RELAYED], 200, []],
  [[contact('honest.example')], 200, ['203.0.113.5']],
  [[contact('203.0.113.5'), path(POOLED)], 403, []],
  [[contact('203.0.113.5'), path(`honest.example;maddr=${TRUSTED}`)], 403, []],
  [[contact('203.0.113.5'), path('mine.example')], 200, []],
  [[contact('203.0.113.5'), path(`203.0.113.6;lr>, <sip:${POOLED}`)], 200, ['203.0.113.6']],
];

for (const [headers, status, reached] of ROWS) {
  const said = headers.map(([name, value]) => `${name}: ${value}`).join(', ');
  test(`${said}: ${status}, and calls go to ${reached.join(', ') || 'nobody'}`, async () => {
    const t = await carriersTown();

    const answered = await t.phone('mallory').request('REGISTER', 'sip:mallory@example.com', { headers });
    t.phone('alice').dial('sip:mallory@example.com');
    await t.run(200);

    assert.equal(answered, status);
    assert.deepEqual(invited(t), reached);
    t.stop();
  });
}

test('a proxy of ours says by Path where it is itself, or another of ours', async () => {
  for (const at of [EDGE, TRUSTED]) {
    const t = await carriersTown();

    const answered = await t.phone('edge').request('REGISTER', 'sip:edge@example.com', {
      headers: [contact('10.0.0.7'), path(at), RELAYED],
    });
    t.phone('alice').dial('sip:edge@example.com');
    await t.run(200);

    assert.deepEqual([answered, invited(t)], [200, [at]]);
    t.stop();
  }
});

function invited(t: Town): readonly string[] {
  const invites = t.net.trace.entries.filter(
    ({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith('INVITE '),
  );
  return [...new Set(invites.map(({ toHost }) => toHost))];
}
