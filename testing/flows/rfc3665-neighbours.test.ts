/** RFC 3665 §3.1, §3.5 and §3.7: flows of which we see a part, or that change on the way. */
import assert from 'node:assert/strict';
import { parseUri } from '../../src/sip/uri.ts';
import { CALLER, hands } from './by-hand.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const [BOBS, MOVED] = ['192.0.2.71', '192.0.2.72'];
const toBob = relayTo({ uri: parseUri(`sip:hand@${BOBS}:5060`) });

flow(
  'rfc3665-3.1-session',
  'A proxy that takes no part in the session: what follows the 200 goes from phone to phone (RFC 3665 §3.1)',
  { route: relayTo(at('bob'), { recordRoute: false }) },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);
    assert.equal(call.state, 'talking');
    t.phone('bob').incoming[0]?.hangUp();
    await t.run(100);

    assert.equal(call.endedBy, 'them');
    assert.equal(t.phone('bob').incoming[0]?.invite.headers.get('Record-Route'), undefined);
  },
);

/** A session through a gateway between networks: it has put its own address where Alice's media is. */
const offer = `v=0\r\nc=IN IP4 ${CALLER}\r\nm=audio 2000 RTP/AVP 0\r\n`;
const answer = `v=0\r\nc=IN IP4 ${BOBS}\r\nm=audio 3456 RTP/AVP 0\r\n`;

flow(
  'rfc3665-3.5-application-layer-gateway',
  'A gateway before us stands in the route set and rewrites the session: bodies pass us unchanged (RFC 3665 §3.5)',
  { people: {}, route: toBob },
  async (t) => {
    const [gateway, bob] = await hands(t, CALLER, BOBS);
    assert.ok(gateway && bob);
    const onTheWay = `<sip:${CALLER};lr>`;
    gateway.ask(
      'INVITE',
      BOB,
      [
        ['Via', 'SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKalice;received=10.1.1.1'],
        ['Record-Route', onTheWay],
        ['Content-Type', 'application/sdp'],
      ],
      offer,
    );
    await t.run(50);
    const invite = bob.got('INVITE');
    bob.answer(invite, 180, 'bob');
    await t.run(50);
    bob.answer(invite, 200, 'bob', [['Content-Type', 'application/sdp']], answer);
    await t.run(50);
    const [answered] = gateway.answers().slice(-1);
    assert.ok(answered !== undefined);
    gateway.askWithin(answered, 'ACK', 1, [], '', CALLER);
    await t.run(50);
    bob.askBack(invite, 'bob', 'BYE');
    await t.run(50);
    gateway.answer(gateway.got('BYE'), 200, '');
    await t.run(50);

    assert.deepEqual([invite.body, answered.body], [offer, answer]);
    assert.equal(answered.headers.all('Via').at(-1)?.startsWith('SIP/2.0/UDP 10.1.1.1:5060'), true);
    assert.deepEqual(gateway.got('BYE').headers.all('Route'), [onTheWay]);
    assert.equal(bob.answers('BYE')[0]?.status, 200);
  },
);

flow(
  'rfc3665-3.7-address-change',
  'Bob moves and says so by a re-INVITE; Alice hangs up, and reaches him where he is now (RFC 3665 §3.7)',
  { people: {}, route: toBob },
  async (t) => {
    const [alice, bob, moved] = await hands(t, CALLER, BOBS, MOVED);
    assert.ok(alice && bob && moved);
    alice.ask('INVITE', BOB);
    await t.run(50);
    const invite = bob.got('INVITE');
    bob.answer(invite, 180, 'bob');
    await t.run(50);
    bob.answer(invite, 200, 'bob');
    await t.run(50);
    const [answered] = alice.answers().slice(-1);
    assert.ok(answered !== undefined);
    alice.askWithin(answered, 'ACK', 1);
    await t.run(50);
    moved.askBack(invite, 'bob', 'INVITE');
    await t.run(50);
    alice.answer(alice.got('INVITE'), 200, '');
    await t.run(50);
    moved.askBack(invite, 'bob', 'ACK');
    await t.run(50);
    const routes = answered.headers.all('Record-Route').toReversed();
    alice.askAs(
      `sip:hand@${MOVED}:5060`,
      'BYE',
      [...routes.map((route) => ['Route', route] as const), ['To', answered.headers.get('To') ?? '']],
      2,
    );
    await t.run(50);
    moved.answer(moved.got('BYE'), 200, '');
    await t.run(50);

    assert.equal(moved.answers('INVITE').at(-1)?.status, 200);
    assert.equal(alice.answers('BYE')[0]?.status, 200);
    assert.throws(() => bob.got('BYE'), 'where he was, nobody is told');
  },
);
