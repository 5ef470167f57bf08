import assert from 'node:assert/strict';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, type Town } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const toBob = relayTo(at('bob'));

/** One who writes his own messages, at 192.0.2.66. */
async function stranger(t: Town): Promise<Stranger> {
  return t.world.until(new Stranger(t.world, '192.0.2.66', { host: EXCHANGE, port: 5060 }).open());
}

/** A request of his; lines replace or add to the usual ones. */
function request(
  method: string,
  uri: string,
  lines: Readonly<Record<string, string | undefined>> = {},
): string {
  const usual: Record<string, string | undefined> = {
    Via: 'SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKone',
    'Max-Forwards': '70',
    From: '<sip:stranger@example.net>;tag=from',
    To: `<${BOB}>`,
    'Call-ID': 'call',
    CSeq: `1 ${method}`,
    Contact: '<sip:stranger@192.0.2.66:5060>',
    ...lines,
  };
  const fields = Object.entries(usual).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return [`${method} ${uri} SIP/2.0`, ...fields, 'Content-Length: 0', '', ''].join('\r\n');
}

function statusesOf(texts: readonly string[]): number[] {
  return texts.flatMap((text) => {
    const message = parseMessage(text);
    return message.kind === 'response' ? [message.status] : [];
  });
}

function lastOf(him: Stranger) {
  const message = parseMessage(him.heard.at(-1) ?? '');
  assert.ok(message.kind === 'response', 'he got a response');
  return message;
}

flow(
  'hops-over',
  'Max-Forwards 0 is answered 483, and leaves nothing behind',
  { route: toBob },
  async (t) => {
    const him = await stranger(t);
    him.send(request('INVITE', BOB, { 'Max-Forwards': '0' }));
    await t.run(100);

    assert.deepEqual(statusesOf(him.heard), [483]);
    assert.equal(t.exchange.layer.count, 0);
  },
);

flow(
  'loop',
  'A request that comes back unchanged is answered 482',
  { route: relayTo({ uri: parseUri(`sip:loop@${EXCHANGE}:5060`) }) },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 482);
  },
);

flow(
  'spiral',
  'A request that comes back with another Request-URI goes on, and its call is followed both times',
  {
    route: (c) => {
      if (c.uri.user !== '9bob') return c.relay(at('bob'));
      c.uri = parseUri(`sip:bob@${EXCHANGE}:5060`);
      return c.relay();
    },
  },
  async (t) => {
    const call = t.phone('alice').dial('sip:9bob@example.com');
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);

    assert.equal(call.byeStatus, 200);
    assert.deepEqual(
      t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
      [
        [200, 'caller'],
        [200, 'caller'],
      ],
    );
  },
);

flow(
  'route-rewrites-what-it-sent',
  'A route that rewrites the Request-URI back and forth is a loop',
  {
    route: (c) => {
      c.uri = { ...c.uri, user: 'there' };
      return c.relay({ uri: parseUri(`sip:back@${EXCHANGE}:5060`) });
    },
  },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, 482);
  },
);

flow(
  'ack-with-branch-of-invite',
  'An ACK for 2xx that has the branch of its INVITE',
  { route: toBob },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0 };
    const him = await stranger(t);
    him.send(request('INVITE', BOB));
    await t.run(100);
    const answer = lastOf(him);
    const dialog = { To: answer.headers.get('To'), Route: answer.headers.get('Record-Route') };
    him.send(request('ACK', 'sip:bob@192.0.2.12:5060', dialog));
    await t.run(100);
    him.send(
      request('BYE', 'sip:bob@192.0.2.12:5060', {
        ...dialog,
        Via: 'SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKtwo',
      }),
    );
    await t.run(100);

    assert.deepEqual(
      t.phone('bob').received.map(({ method }) => method),
      ['INVITE', 'ACK', 'BYE'],
    );
    assert.equal(answer.status, 200);
  },
);

flow(
  'no-branch',
  'A caller of RFC 2543 has no branch: INVITE, CANCEL and ACK are matched',
  { route: toBob },
  async (t) => {
    t.phone('bob').answers = 'ring';
    const him = await stranger(t);
    const old = { Via: 'SIP/2.0/UDP 192.0.2.66:5060' };
    him.send(request('INVITE', BOB, old));
    him.send(request('INVITE', BOB, old));
    await t.run(100);
    him.send(request('CANCEL', BOB, { ...old, CSeq: '1 CANCEL' }));
    await t.run(100);
    him.send(request('ACK', BOB, { ...old, To: lastOf(him).headers.get('To') }));
    await t.run(100);

    assert.deepEqual(
      t.phone('bob').received.map(({ method }) => method),
      ['INVITE', 'CANCEL', 'ACK'],
    );
    assert.equal(statusesOf(him.heard).filter((status) => status === 487).length, 1);
  },
);

flow(
  'odd-rport',
  'rport with blanks around it still leads to the port it came from',
  { route: toBob },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const him = await stranger(t);
    const via = 'SIP/2.0/UDP 10.0.0.1:1234;branch=z9hG4bKone; RPORT';
    him.send(request('INVITE', BOB, { Via: via }));
    await t.run(100);
    assert.equal(lastOf(him).status, 486);
    him.send(request('ACK', BOB, { Via: via, To: lastOf(him).headers.get('To') }));
    await t.run(100);
  },
);

flow(
  'edit-moves-via',
  'A script that makes the request longer still answers the port the caller asked for',
  {
    route: (c) => {
      c.req.headers.add('X-Long', 'x'.repeat(200), 'top');
      return c.relay(at('bob'));
    },
  },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const him = await stranger(t);
    const via = 'SIP/2.0/UDP 10.0.0.1:1234;rport;branch=z9hG4bKone';
    him.send(request('INVITE', BOB, { Via: via }));
    await t.run(100);
    assert.equal(lastOf(him).status, 486);
    him.send(request('ACK', BOB, { Via: via, To: lastOf(him).headers.get('To') }));
    await t.run(100);
  },
);

flow(
  'outside-any-dialog',
  'A To tag without a route set of ours is answered 481',
  { route: toBob },
  async (t) => {
    const him = await stranger(t);
    him.send(request('BYE', 'sip:bob@192.0.2.12:5060', { To: `<${BOB}>;tag=made-up` }));
    him.send(request('ACK', 'sip:bob@192.0.2.12:5060', { To: `<${BOB}>;tag=made-up` }));
    him.send(request('CANCEL', BOB, { Via: 'SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKthree' }));
    await t.run(100);

    assert.deepEqual(statusesOf(him.heard), [481, 481]);
    assert.deepEqual(t.phone('bob').received, []);
  },
);

for (const [file, title, pause] of [
  ['forwarded', 'A MESSAGE is forwarded without a transaction, and its answer finds the way back', false],
  ['forwarded-late', 'The same after the route has waited for something', true],
] as const) {
  flow(
    file,
    title,
    {
      route: (c) => {
        const decision = c.forward({ transport: 'udp', host: '192.0.2.12', port: 5060 });
        return pause ? Promise.resolve(decision) : decision;
      },
    },
    async (t) => {
      assert.equal(await t.phone('alice').message(BOB, 'hello'), 200);
      assert.equal(t.exchange.layer.count, 0);
    },
  );
}

flow(
  'forwarded-invite',
  'An INVITE cannot be forwarded without a transaction',
  { route: (c) => c.forward({ transport: 'udp', host: '192.0.2.12', port: 5060 }) },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 500);
  },
);

flow('forged-response', 'A response to nothing we sent goes nowhere', { route: toBob }, async (t) => {
  const him = await stranger(t);
  him.send(request('OPTIONS', BOB));
  await t.run(100);
  const [, branch = ''] = /branch=(z9hG4bK[^;\s]+)/.exec(t.phone('bob').received[0]?.text ?? '') ?? [];
  const forged = branch.replace(/\d{8}\.\d{9}\..*/, 's0.AAAAAAAAAAAAAAAAAA');
  assert.match(forged, /^z9hG4bK.+s0\./);
  const vias = `SIP/2.0/UDP ${EXCHANGE};branch=${forged}, SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKvictim`;
  him.send(request('OPTIONS', BOB, { Via: vias }).replace(/^OPTIONS.*/, 'SIP/2.0 200 OK'));
  await t.run(100);

  assert.equal(
    t.net.trace.entries.some(({ toHost }) => toHost === '192.0.2.99'),
    false,
  );
});
