/** Sessions with proxies before and behind us, and what RFC 3665 §3 shows beyond the flows of `calls.test.ts`. */
import assert from 'node:assert/strict';
import { parseUri } from '../../src/sip/uri.ts';
import type { Town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const [ONE, TWO] = ['192.0.2.71', '192.0.2.72'];
const to = (host: string) => ({ uri: parseUri(`sip:hand@${host}:5060`) });
const nobody = { people: {} };

function methodsAt(t: Town, name: string): string[] {
  return t.phone(name).received.map(({ method }) => method);
}

flow(
  'between-two-proxies',
  'A session by three proxies, we in the middle: requests of both sides find the neighbours again (RFC 3665 §3.2)',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [before, behind] = await hands(t, CALLER, ONE);
    assert.ok(before && behind);
    const far = '<sip:far@198.51.100.9:5060>';
    before.ask('INVITE', BOB, [['Record-Route', `<sip:${CALLER};lr>`]]);
    await t.run(50);
    behind.answer(behind.got('INVITE'), 200, 'far', [], '', { above: `<sip:${ONE};lr>`, contact: far });
    await t.run(50);
    const answer = before.answers().at(-1)!;
    before.askWithin(answer, 'ACK', 1, [], '', CALLER);
    await t.run(50);
    behind.askBack(behind.got('INVITE'), 'far', 'INFO', { below: `<sip:${ONE};lr>` });
    await t.run(50);
    before.answer(before.got('INFO'), 200, '');
    before.askWithin(answer, 'BYE', 2, [], '', CALLER);
    await t.run(50);
    behind.answer(behind.got('BYE'), 200, 'far');
    await t.run(50);

    const [ack, bye] = [behind.got('ACK'), behind.got('BYE')];
    assert.deepEqual([ack.uriText, bye.uriText], ['sip:far@198.51.100.9:5060', 'sip:far@198.51.100.9:5060']);
    assert.deepEqual(bye.headers.all('Route'), [`<sip:${ONE};lr>`]);
    assert.deepEqual(before.got('INFO').headers.all('Route'), [`<sip:${CALLER};lr>`]);
  },
);

/** Requests as a strict router before us would send them: our value as Request-URI, the target last in Route. */
function askStrictly(him: Hand, method: string, cseq: number): void {
  const answer = him.answers().at(-1)!;
  const ours = /<(.*)>/.exec(answer.headers.get('Record-Route') ?? '')?.[1] ?? '';
  him.askAs(
    ours,
    method,
    [
      ['Route', answer.headers.get('Contact') ?? ''],
      ['To', answer.headers.get('To') ?? ''],
    ],
    cseq,
  );
}

flow(
  'strict-router-before-us',
  'A strict router sends us what leads on: our own value in the Request-URI',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    caller.ask('INVITE', BOB);
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one');
    await t.run(50);
    askStrictly(caller, 'ACK', 1);
    askStrictly(caller, 'BYE', 2);
    await t.run(50);
    one.answer(one.got('BYE'), 200, 'one');
    await t.run(50);

    assert.deepEqual(
      [one.got('BYE').uriText, one.got('BYE').headers.get('Route')],
      [`sip:hand@${ONE}:5060`, undefined],
    );
    assert.equal(caller.answers('BYE')[0]?.status, 200);
  },
);

flow(
  'strict-router-behind-us',
  'A strict router behind us gets its own value in the Request-URI, and the remote target in Route',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    caller.ask('INVITE', BOB);
    await t.run(50);
    const far = '<sip:far@198.51.100.9:5060>';
    one.answer(one.got('INVITE'), 200, 'far', [], '', { above: `<sip:${ONE}>`, contact: far });
    await t.run(50);
    const answer = caller.answers().at(-1)!;
    caller.askWithin(answer, 'ACK', 1);
    caller.askWithin(answer, 'BYE', 2);
    await t.run(50);
    one.answer(one.got('BYE'), 200, 'far');
    await t.run(50);

    for (const method of ['ACK', 'BYE']) {
      assert.deepEqual(
        [one.got(method).uriText, one.got(method).headers.all('Route')],
        [`sip:${ONE}`, [far]],
      );
    }
  },
);

flow(
  'challenged-on-the-way',
  'A proxy behind us challenges; the second INVITE proves who calls (RFC 3665 §3.3)',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    const challenge = 'Digest realm="example.net", nonce="1"';
    caller.ask('INVITE', BOB);
    await t.run(50);
    one.answer(one.got('INVITE'), 407, 'one', [['Proxy-Authenticate', challenge]]);
    await t.run(50);
    const refused = caller.answers().at(-1)!;
    caller.acknowledge(refused, BOB);
    caller.ask('INVITE', BOB, [
      ['CSeq', '2 INVITE'],
      ['Proxy-Authorization', 'Digest realm="example.net", response="2"'],
    ]);
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one');
    await t.run(50);
    caller.askWithin(caller.answers().at(-1)!, 'ACK', 2);
    await t.run(50);

    assert.deepEqual([refused.status, refused.headers.get('Proxy-Authenticate')], [407, challenge]);
    assert.equal(
      one.got('INVITE').headers.get('Proxy-Authorization'),
      'Digest realm="example.net", response="2"',
    );
  },
);

flow(
  'offer-in-answer',
  'An INVITE without a session: the offer comes in the 200, the answer in the ACK (RFC 3665 §3.6)',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    caller.ask('INVITE', BOB);
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one', [], 'offer');
    await t.run(50);
    const answer = caller.answers().at(-1)!;
    caller.askWithin(answer, 'ACK', 1, [], 'answer');
    await t.run(50);

    assert.deepEqual([answer.body, one.got('ACK').body], ['offer', 'answer']);
  },
);

flow(
  'moved-within-the-call',
  'A re-INVITE says where the caller is now: the callee hangs up there (RFC 3665 §3.7)',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one, moved] = await hands(t, CALLER, ONE, TWO);
    assert.ok(caller && one && moved);
    caller.ask('INVITE', BOB);
    await t.run(50);
    const invite = one.got('INVITE');
    one.answer(invite, 200, 'one');
    await t.run(50);
    const answer = caller.answers().at(-1)!;
    caller.askWithin(answer, 'ACK', 1);
    moved.askWithin(answer, 'INVITE', 2, [['From', `<sip:hand@${CALLER}>;tag=from`]]);
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one');
    await t.run(50);
    moved.askWithin(answer, 'ACK', 2, [['From', `<sip:hand@${CALLER}>;tag=from`]]);
    await t.run(50);
    one.askBack(invite, 'one', 'BYE', { uri: `sip:hand@${TWO}:5060` });
    await t.run(50);
    moved.answer(moved.got('BYE'), 200, '');
    await t.run(50);

    assert.equal(one.answers('BYE')[0]?.status, 200);
  },
);

flow(
  'unavailable',
  'The callee is not there for now: its Retry-After reaches the caller (RFC 3665 §3.11)',
  { route: relayTo(at('bob')) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 100, status: 480, headers: [['Retry-After', '3600']] };
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.deepEqual([call.status, call.responses.at(-1)?.headers.get('Retry-After')], [480, '3600']);
    assert.deepEqual(methodsAt(t, 'bob'), ['INVITE', 'ACK']);
  },
);
