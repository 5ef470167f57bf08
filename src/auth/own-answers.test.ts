/** What answers a challenge of ours stays with us: whoever had it could try passwords on it. RFC 7235 §4.4 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigestClient } from '../agent/digest-client.ts';
import { byPreference } from '../proxy/plan.ts';
import { Router, type Script, script } from '../route/router.ts';
import { indexHeaders } from '../sip/header-index.ts';
import { Headers } from '../sip/headers.ts';
import { parseMessage } from '../sip/parse.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';
import { removeLines } from './own-answers.ts';

const HOST = '192.0.2.66';
const BOB = '192.0.2.11';
const BOB_URI = 'sip:bob@example.com';
const FOREIGN = 'Digest username="alice", realm="elsewhere.example", nonce="n", uri="sip:x", response="r"';

const relaysRegister = script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.digest(), async (c) =>
    c.relay(byPreference(await location.lookup({ ...c.uri, user: 'bob' }))),
  );
  return app;
});

/** A phone of alice's that is written by hand: it sends its answers with every request, as many do. */
class Hand {
  readonly t: Town;
  readonly stranger: Stranger;
  private readonly digest: DigestClient;
  private cseq = 0;

  constructor(t: Town) {
    this.t = t;
    this.stranger = new Stranger(t.world, HOST, { host: EXCHANGE, port: 5060 });
    this.digest = new DigestClient({ user: 'alice', password: 'secret of alice' }, t.world.host(HOST).random);
  }

  async ask(method: string, uri: string, more: readonly string[] = []): Promise<string> {
    this.send(method, uri, more);
    await this.t.run(300);
    const said = parseMessage(this.stranger.heard.at(-1) ?? '');
    assert.ok(said.kind === 'response');
    if (this.digest.learn(said, new Set()).length === 0) return said.text;
    this.send(method, uri, more);
    await this.t.run(300);
    return this.stranger.heard.at(-1) ?? '';
  }

  send(method: string, uri: string, more: readonly string[], provedAs = method): void {
    const to = method === 'REGISTER' ? 'sip:alice@example.com' : BOB_URI;
    const proofs = this.digest
      .prove({ method: provedAs, uri, body: '' })
      .map(([name, value]) => `${name}: ${value}`);
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOST}:5060;branch=z9hG4bK${++this.cseq}`,
      'From: <sip:alice@example.com>;tag=a',
      ...(more.some((line) => line.startsWith('To:')) ? [] : [`To: <${to}>`]),
      'Call-ID: by-hand',
      `CSeq: ${this.cseq} ${method}`,
      'Max-Forwards: 70',
      `Contact: <sip:alice@${HOST}>`,
      ...more,
      ...proofs,
      'Content-Length: 0',
      '\r\n',
    ];
    this.stranger.send(lines.join('\r\n'));
  }
}

async function start(route: Script): Promise<{ t: Town; hand: Hand }> {
  const t = await town(route, {
    people: { bob: {} },
    accounts: { alice: 'secret of alice' },
    settings: { guard: { exempt: ['192.0.2.0/24'] } },
  });
  const hand = new Hand(t);
  await hand.stranger.open();
  return { t, hand };
}

/** What bob's phone was sent, of this method. */
function sentToBob(t: Town, method: string): readonly string[] {
  return t.net.trace.entries
    .filter(({ fromHost, toHost, text }) => {
      return fromHost === EXCHANGE && toHost === BOB && text.startsWith(`${method} `);
    })
    .map(({ text }) => text);
}

for (const method of ['INVITE', 'MESSAGE', 'INFO']) {
  test(`the callee (${method}) is not sent how the caller answered us, but what is for others`, async () => {
    const { t, hand } = await start(registrarProxy);
    await t.phone('bob').register();

    const foreign = [`Proxy-Authorization: ${FOREIGN}`, `Authorization: ${FOREIGN}`];
    assert.match(await hand.ask(method, BOB_URI, foreign), /^SIP\/2\.0 [12]\d\d /);

    const [text = ''] = sentToBob(t, method);
    assert.doesNotMatch(text, /realm="example\.com"/);
    assert.equal(text.split(FOREIGN).length - 1, 2);
    t.stop();
  });
}

test('nor is he in the ACK and the BYE, which bring it again', async () => {
  const { t, hand } = await start(registrarProxy);
  await t.phone('bob').register();
  t.phone('bob').answers = { afterMs: 0 };
  const answered = await hand.ask('INVITE', BOB_URI);
  assert.match(answered, /^SIP\/2\.0 200 /);
  const made = parseMessage(answered);
  assert.ok(made.kind === 'response');
  const uri = /<(.*)>/.exec(made.headers.get('Contact') ?? '')?.[1] ?? '';
  const dialog = [`Route: ${made.headers.get('Record-Route')}`, `To: ${made.headers.get('To')}`];

  hand.send('ACK', uri, dialog, 'INVITE');
  await t.run(100);
  await hand.ask('BYE', uri, dialog);

  const within = [...sentToBob(t, 'ACK'), ...sentToBob(t, 'BYE')];
  assert.equal(within.length, 2);
  for (const text of within) assert.doesNotMatch(text, /Authorization/);
  t.stop();
});

test('a REGISTER that is relayed leaves it behind, and one that we answer is served as before', async () => {
  const { t, hand } = await start(registrarProxy);
  await t.phone('bob').register();
  assert.match(await hand.ask('REGISTER', 'sip:example.com'), /^SIP\/2\.0 200 /);
  await t.world.until(t.exchange.replaceScript(relaysRegister));

  await hand.ask('REGISTER', 'sip:example.com');

  const [text = ''] = sentToBob(t, 'REGISTER');
  assert.match(text, /^REGISTER /);
  assert.doesNotMatch(text, /Authorization/);
  t.stop();
});

test('lines go from wherever they stand, and the others stay as they came', () => {
  const head = 'OPTIONS sip:a SIP/2.0\r\n';
  const lines = [
    'Proxy-Authorization: x 1',
    'Subject: s',
    'authorization: y',
    'Proxy-Authorization: x 2',
    'To: t',
  ];
  const text = `${head}${lines.join('\r\n')}\r\n\r\nbody`;
  const index = indexHeaders(text, head.length);
  assert.ok(typeof index !== 'string');
  const headers = new Headers(text, index, head.length);

  removeLines(headers, (value) => value.startsWith('x'));

  assert.equal(headers.text, `${head}Subject: s\r\nauthorization: y\r\nTo: t\r\n\r\nbody`);
});
