/** RFC 3665 §3: Alice calls Bob through two proxies, each with a script of its own. */
import assert from 'node:assert/strict';
import type { RequestContext } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import type { SimWorld } from '../../src/testing/sim-world.ts';
import type { Town } from '../../src/testing/town.ts';
import { registrarProxy } from '../../src/testing/town-scripts.ts';
import { HOSTS } from './flow.ts';
import { ATLANTA, BILOXI, BOB, proxy, throughTwoProxies } from './rfc3665.ts';

const BOBS_PHONE = parseUri(`sip:bob@${HOSTS.bob}:5060`);
/** Alice's phone has its proxy set by hand: a Route that leads there stands in what it sends. */
const throughOne = { headers: [['Route', `<sip:${ATLANTA.address};lr>`]] } as const;
const onward = proxy((c) => c.relay());
const toBob = proxy((c) => c.relay({ uri: BOBS_PHONE }));

/** Alice calls, they talk for two seconds, and Bob hangs up, as in every successful flow of the RFC. */
async function talkUntilBobHangsUp(world: SimWorld, call: DialledCall, biloxi: Town): Promise<void> {
  await world.run(3_000);
  assert.equal(call.state, 'talking');
  biloxi.phone('bob').incoming[0]?.hangUp();
  await world.run(1_000);
  assert.equal(call.endedBy, 'them');
}

throughTwoProxies(
  'rfc3665-3.2-through-two-proxies',
  'Alice proves who she is to her proxy, which finds the one of Bob; both stay on the way (RFC 3665 §3.2)',
  {
    one: registrarProxy,
    two: registrarProxy,
    play: async (world, atlanta, biloxi) => {
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await talkUntilBobHangsUp(world, call, biloxi);

      const bob = biloxi.phone('bob').incoming[0];
      assert.equal(bob?.invite.headers.all('Record-Route').length, 2);
      assert.equal(bob.byeStatus, 200);
      for (const t of [atlanta, biloxi]) assert.equal(t.cdrs().at(-1)?.endedBy, 'callee');
    },
  },
);

/** As a proxy of another provider, at which Alice has an account as well. */
function challengesOnce(c: RequestContext) {
  const proofs = c.req.headers.all('Proxy-Authorization');
  if (proofs.some((proof) => proof.includes(`realm="${BILOXI.domain}"`))) return c.relay({ uri: BOBS_PHONE });
  const challenge = `Digest realm="${BILOXI.domain}", nonce="f84f1cec41e6cbe5aea9c8e88d359", algorithm=MD5`;
  return c.reply(407, undefined, { 'Proxy-Authenticate': challenge });
}

throughTwoProxies(
  'rfc3665-3.3-two-proxies-challenge',
  'Both proxies challenge Alice, one after the other: her third INVITE proves it to both (RFC 3665 §3.3)',
  {
    one: registrarProxy,
    two: proxy(challengesOnce),
    play: async (world, atlanta, biloxi) => {
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await talkUntilBobHangsUp(world, call, biloxi);

      const proofs = biloxi.phone('bob').incoming[0]?.invite.headers.all('Proxy-Authorization');
      assert.deepEqual(
        proofs?.map((proof) => /realm="([^"]*)"/.exec(proof)?.[1]),
        [BILOXI.domain],
        'her own proxy keeps what was for it',
      );
    },
  },
);

throughTwoProxies(
  'rfc3665-3.4-proxy-failure',
  'Her first proxy says nothing: Alice turns to the second, which challenges her as well (RFC 3665 §3.4)',
  {
    one: registrarProxy,
    two: registrarProxy,
    domainOfTwo: ATLANTA.domain,
    play: async (world, atlanta, biloxi) => {
      world.names.address(BILOXI.domain, HOSTS.bob);
      world.network.cut(ATLANTA.address);
      const first = atlanta.phone('alice').dial(BOB, throughOne);
      await world.run(33_000);
      assert.deepEqual([first.state, first.status], ['ended', 408]);

      const through = { host: BILOXI.address, port: 5060 };
      const call = atlanta.phone('alice').dial(BOB, { through });
      await talkUntilBobHangsUp(world, call, biloxi);
      world.network.heal(ATLANTA.address);
    },
  },
);

throughTwoProxies(
  'rfc3665-3.6-redirect-then-proxy',
  'A redirect server tells where Bob is; the session is offered in the 200 and answered in the ACK (RFC 3665 §3.6)',
  {
    one: proxy((c) => c.redirect(parseUri(`sip:bob@${BILOXI.address}:5060`))),
    two: toBob,
    play: async (world, atlanta, biloxi) => {
      const alice = atlanta.phone('alice');
      const asked = alice.dial(BOB);
      await world.run(100);
      const [redirection] = asked.responses.slice(-1);
      assert.equal(redirection?.status, 302);
      const [, uri = '', port] =
        /<(sip:bob@[\d.]+):(\d+)>/.exec(redirection.headers.get('Contact') ?? '') ?? [];
      assert.deepEqual([uri, port], [`sip:bob@${BILOXI.address}`, '5060']);

      const call = alice.dial(uri, { sdp: '', through: { host: BILOXI.address, port: 5060 } });
      await talkUntilBobHangsUp(world, call, biloxi);

      const [bob] = biloxi.phone('bob').incoming;
      assert.equal(bob?.invite.body, '');
      assert.match(call.remoteSdp, new RegExp(`c=IN IP4 ${HOSTS.bob}`));
      assert.match(bob.remoteSdp, new RegExp(`c=IN IP4 ${HOSTS.alice}`));
    },
  },
);

throughTwoProxies(
  'rfc3665-3.8-no-answer',
  'Nobody answers: Alice takes the call back, and each hop acknowledges CANCEL and 487 by itself (RFC 3665 §3.8)',
  {
    one: onward,
    two: toBob,
    play: async (world, atlanta, biloxi) => {
      biloxi.phone('bob').answers = 'ring';
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await world.run(8_000);
      assert.equal(call.state, 'ringing');
      call.hangUp();
      await world.run(1_000);

      assert.deepEqual([call.state, call.status], ['ended', 487]);
      assert.deepEqual(methodsAtBob(biloxi), ['INVITE', 'CANCEL', 'ACK']);
      assert.deepEqual([atlanta, biloxi].map(lastStatus), [487, 487]);
    },
  },
);

throughTwoProxies(
  'rfc3665-3.9-busy',
  'Bob is busy: each hop acknowledges the 486 by itself (RFC 3665 §3.9)',
  {
    one: onward,
    two: toBob,
    play: async (world, atlanta, biloxi) => {
      biloxi.phone('bob').answers = { afterMs: 0, status: 486 };
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await world.run(1_000);

      assert.deepEqual([call.status, methodsAtBob(biloxi)], [486, ['INVITE', 'ACK']]);
      assert.deepEqual([atlanta, biloxi].map(lastStatus), [486, 486]);
    },
  },
);

/** Bob's proxy waits as long as RFC 3261 allows, and tells the caller what it means: he is not there. */
const patient = proxy((c) =>
  c.relay({ uri: BOBS_PHONE, replyMs: 32_000 }, { onFailure: (f) => f.reply(480, 'No Response') }),
);

throughTwoProxies(
  'rfc3665-3.10-no-response',
  'The phone of Bob says nothing: his proxy repeats the INVITE until it gives up, with 480 (RFC 3665 §3.10)',
  {
    one: onward,
    two: patient,
    play: async (world, atlanta, biloxi) => {
      world.network.cut(HOSTS.bob);
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await world.run(33_000);
      world.network.heal(HOSTS.bob);

      assert.deepEqual([call.status, call.responses.at(-1)?.reason], [480, 'No Response']);
      assert.deepEqual(methodsAtBob(biloxi), []);
    },
  },
);

throughTwoProxies(
  'rfc3665-3.11-temporarily-unavailable',
  'It rings, then Bob is not to be had: his 480 and its Retry-After reach Alice (RFC 3665 §3.11)',
  {
    one: onward,
    two: toBob,
    play: async (world, atlanta, biloxi) => {
      biloxi.phone('bob').answers = { afterMs: 2_000, status: 480, headers: [['Retry-After', '3600']] };
      const call = atlanta.phone('alice').dial(BOB, throughOne);
      await world.run(3_000);

      assert.deepEqual(
        call.responses.map(({ status }) => status),
        [100, 180, 480],
      );
      assert.equal(call.responses.at(-1)?.headers.get('Retry-After'), '3600');
    },
  },
);

function methodsAtBob(biloxi: Town): string[] {
  return biloxi.phone('bob').received.map(({ method }) => method);
}

function lastStatus(t: Town): unknown {
  return t.cdrs().at(-1)?.status;
}
