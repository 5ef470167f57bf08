import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { ladder } from './ladder.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import { credentialsFor } from './phone-credentials.ts';
import type { Answers } from './phone-incoming.ts';
import { simWorld, type SimWorld } from './sim-world.ts';

const ALICE = '192.0.2.1';
const BOB = '192.0.2.2';
const BOB_URI = `sip:bob@${BOB}:5060`;
const names = { [ALICE]: 'alice', [BOB]: 'bob' };

async function phoneOn(world: SimWorld, host: string, more: Partial<PhoneOptions> = {}): Promise<Phone> {
  const name = host === ALICE ? 'alice' : 'bob';
  const phone = new Phone(world.host(host), {
    name,
    at: { host, port: 5060 },
    aor: `sip:${name}@example.com`,
    ...more,
  });
  await phone.open();
  return phone;
}

async function couple(seed = 1, more: Partial<PhoneOptions> = {}) {
  const world = simWorld(seed);
  return { world, alice: await phoneOn(world, ALICE, more), bob: await phoneOn(world, BOB, more) };
}

test('two phones talk directly: INVITE, 180, 200, ACK, BYE', async () => {
  const { world, alice, bob } = await couple();

  const call = alice.dial(BOB_URI);
  assert.equal(call.state, 'calling');
  await world.run(100);
  assert.equal(call.state, 'ringing');
  await world.run(1_000);
  assert.deepEqual([call.state, call.status, bob.calls[0]?.state], ['talking', 200, 'talking']);
  assert.match(call.remoteSdp, /IN IP4 192\.0\.2\.2/);
  call.hangUp();
  await world.run(100);

  assert.deepEqual([call.endedBy, call.byeStatus, bob.calls[0]?.endedBy], ['us', 200, 'them']);
  assert.equal(
    ladder(world.network.trace.entries, names),
    [
      'seconds   alice              bob',
      '  0.000     │── INVITE ──────▶│    sip:bob@192.0.2.2:5060',
      '  0.005     │◀─────────── 180 │',
      '  1.005     │◀─────────── 200 │',
      '  1.010     │── ACK ─────────▶│',
      '  1.100     │── BYE ─────────▶│',
      '  1.105     │◀───── 200 (BYE) │',
      '',
    ].join('\n'),
  );
});

test('calls complete over TCP, however the bytes are cut', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { world, alice, bob } = await couple(seed, { transport: 'tcp' });

    const call = alice.dial(`${BOB_URI};transport=tcp`);
    await world.run(2_000);
    assert.equal(call.state, 'talking');
    bob.calls[0]?.hangUp();
    await world.run(1_000);

    assert.equal(call.endedBy, 'them');
    assert.equal(bob.received.filter((request) => request.method === 'ACK').length, 1);
  }
});

test('calls complete with 30 % loss, jitter and duplicates', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { world, alice, bob } = await couple(seed);
    world.network.conditions({ loss: 0.3, jitterMs: 20, duplication: 0.1 });

    const call = alice.dial(BOB_URI);
    await world.run(20_000);
    assert.equal(call.state, 'talking', `seed ${seed}`);
    call.hangUp();
    await world.run(32_000);

    assert.deepEqual(
      [call.byeStatus, bob.calls.length, bob.calls[0]?.state],
      [200, 1, 'ended'],
      `seed ${seed}`,
    );
  }
});

test('the same seed gives the same call byte for byte, another seed another', async () => {
  const traceOf = async (seed: number): Promise<string> => {
    const { world, alice } = await couple(seed);
    world.network.conditions({ loss: 0.3, jitterMs: 20, duplication: 0.1 });
    const call = alice.dial(BOB_URI);
    await world.run(20_000);
    call.hangUp();
    await world.run(10_000);
    return world.trace.join('\n');
  };

  const first = await traceOf(3);

  assert.equal(await traceOf(3), first);
  assert.notEqual(await traceOf(4), first);
});

test('an INVITE is sent again at T1, 2·T1, 4·T1 … and given up after 64·T1', async () => {
  const { world, alice, bob } = await couple();
  bob.answers = 'silent';

  const call = alice.dial(BOB_URI);
  await world.run(33_000);

  assert.deepEqual([call.state, call.status, call.endedBy], ['ended', 408, 'nobody']);
  const times = world.network.trace.entries.map((entry) => entry.atMs);
  assert.deepEqual(times, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
  assert.equal(bob.received.length, 1);
});

test('another request is sent again up to every T2', async () => {
  const world = simWorld(1);
  const alice = await phoneOn(world, ALICE);

  const asked = alice.message(BOB_URI, 'nobody is there');

  assert.equal(await world.until(asked), 408);
  const times = world.network.trace.entries.map((entry) => entry.atMs);
  assert.deepEqual(times, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
});

test('the called phone does as told', async () => {
  // oxfmt-ignore
  const rows: { answers: Answers; status: number; state: string }[] = [
    { answers: { afterMs: 0 },                             status: 200, state: 'talking' },
    { answers: { afterMs: 500, ringMs: 100 },              status: 200, state: 'talking' },
    { answers: { afterMs: 500, status: 486 },              status: 486, state: 'ended' },
    { answers: { afterMs: 0, status: 302 },                status: 302, state: 'ended' },
    { answers: 'ring',                                     status: 180, state: 'ringing' },
    { answers: 'silent',                                   status: 0,   state: 'calling' },
  ];
  for (const { answers, status, state } of rows) {
    const { world, alice, bob } = await couple();
    bob.answers = answers;

    const call = alice.dial(BOB_URI);
    await world.run(1_000);

    assert.deepEqual([call.status, call.state], [status, state], JSON.stringify(answers));
  }
});

test('a call taken back ends with 487, golden', async () => {
  const { world, alice, bob } = await couple();
  bob.answers = 'ring';
  const call = alice.dial(BOB_URI);
  await world.run(1_000);

  call.cancel();
  await world.run(1_000);

  assert.deepEqual([call.status, call.endedBy, bob.calls[0]?.endedBy], [487, 'us', 'them']);
  assert.equal(
    ladder(world.network.trace.entries, names),
    [
      'seconds   alice              bob',
      '  0.000     │── INVITE ──────▶│    sip:bob@192.0.2.2:5060',
      '  0.005     │◀─────────── 180 │',
      '  1.000     │── CANCEL ──────▶│',
      '  1.005     │◀── 200 (CANCEL) │',
      '  1.005     │◀─────────── 487 │',
      '  1.010     │── ACK ─────────▶│',
      '',
    ].join('\n'),
  );
});

test('a CANCEL waits for a provisional response; a 200 that crosses it is ended with BYE', async () => {
  const { world, alice, bob } = await couple();
  bob.answers = { afterMs: 0 };

  const call = alice.dial(BOB_URI);
  call.cancel();
  await world.run(1_000);

  assert.deepEqual(
    bob.received.map((request) => request.method),
    ['INVITE', 'ACK', 'BYE'],
  );
  assert.equal(call.state, 'ended');
});

test('a phone that never acknowledges gets the 200 again and again, then a BYE', async () => {
  const { world, alice, bob } = await couple();
  alice.misbehaves.neverAcks = true;
  bob.answers = { afterMs: 0 };

  alice.dial(BOB_URI);
  await world.run(40_000);

  const drawn = ladder(world.network.trace.entries, names);
  assert.match(drawn, /200 ×11 │/);
  assert.match(drawn, /◀─+ BYE │/);
  assert.equal(bob.calls[0]?.endedBy, 'nobody');
});

test('a phone that ignores BYE or CANCEL leaves the other waiting', async () => {
  const { world, alice, bob } = await couple();
  bob.misbehaves.ignoresBye = true;
  const call = alice.dial(BOB_URI);
  await world.run(2_000);

  call.hangUp();
  await world.run(33_000);

  assert.equal(call.byeStatus, 408);
  assert.equal(bob.calls[0]?.state, 'talking');
});

test('the called phone can hang up, ask within the call and get a new offer', async () => {
  const { world, alice, bob } = await couple();
  const call = alice.dial(BOB_URI);
  await world.run(2_000);

  const info = await world.until(
    call.request('INFO', { body: 'Signal=5\r\n', contentType: 'application/dtmf-relay' }),
  );
  bob.calls[0]?.hangUp();
  await world.run(100);

  assert.equal(info, 200);
  assert.equal(call.endedBy, 'them');
});

test('requests follow the route set, and a 2xx is acknowledged along it', async () => {
  const world = simWorld(1);
  const proxy = '192.0.2.9';
  const heard: string[] = [];
  const alice = await phoneOn(world, ALICE, { server: { host: proxy, port: 5060 } });
  const socket = await world.host(proxy).net.udp({ host: proxy, port: 5060 }, (text, from) => {
    const request = parseMessage(text);
    if (request.kind !== 'request') return;
    heard.push(`${request.method} ${request.uriText} ${request.headers.all('Route').join()}`);
    const headers = [
      ['Record-Route', `<sip:b@${proxy};lr>, <sip:a@${proxy};lr>`],
      ['Contact', '<sip:bob@10.9.9.9>'],
    ] as const;
    if (request.method !== 'ACK') socket.send(replyTo(request, 200, { toTag: 'b', headers }), from, 0);
  });

  const call = alice.dial('sip:bob@example.com');
  await world.run(100);
  call.hangUp();
  await world.run(100);

  const routes = `<sip:a@${proxy};lr>,<sip:b@${proxy};lr>`;
  assert.deepEqual(heard, [
    'INVITE sip:bob@example.com ',
    `ACK sip:bob@10.9.9.9 ${routes}`,
    `BYE sip:bob@10.9.9.9 ${routes}`,
  ]);
});

test('a 2xx from a second branch is acknowledged and ended', async () => {
  const world = simWorld(1);
  const heard: string[] = [];
  const alice = await phoneOn(world, ALICE);
  const socket = await world.host(BOB).net.udp({ host: BOB, port: 5060 }, (text, from) => {
    const request = parseMessage(text);
    if (request.kind !== 'request') return;
    heard.push(`${request.method} ${request.toTag}`);
    const tags = request.method === 'INVITE' ? ['one', 'two', 'one'] : request.method === 'ACK' ? [] : ['x'];
    const headers = [['Contact', `<sip:bob@${BOB}>`]] as const;
    for (const toTag of tags) socket.send(replyTo(request, 200, { toTag, headers }), from, 0);
  });

  const call = alice.dial(BOB_URI);
  await world.run(100);

  assert.equal(call.state, 'talking');
  assert.deepEqual(heard, ['INVITE ', 'ACK one', 'ACK two', 'BYE two', 'ACK one']);
});

test('a challenge is answered once, with a response that proves the password', async () => {
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  // oxfmt-ignore
  const rows = [
    { password: 'secret', status: 200, asked: 2 },
    { password: 'wrong',  status: 401, asked: 2 },
    { password: undefined, status: 401, asked: 1 },
  ];
  for (const { password, status, asked } of rows) {
    const world = simWorld(1);
    let count = 0;
    const server = { host: BOB, port: 5060 };
    const socket = await world.host(BOB).net.udp(server, (text, from) => {
      const request = parseMessage(text);
      if (request.kind !== 'request') return;
      count++;
      const said = request.headers.get('Authorization') ?? '';
      const value = (name: string): string => new RegExp(`${name}="?([^",]*)`).exec(said)?.[1] ?? '';
      const proof = [
        md5('alice:here:secret'),
        'n',
        '00000001',
        value('cnonce'),
        'auth',
        md5(`REGISTER:${value('uri')}`),
      ];
      const right = value('response') === md5(proof.join(':'));
      const challenge = [['WWW-Authenticate', 'Digest realm="here", nonce="n", qop="auth"']] as const;
      socket.send(right ? replyTo(request, 200) : replyTo(request, 401, { headers: challenge }), from, 0);
    });
    const alice = await phoneOn(world, ALICE, { server, ...(password === undefined ? {} : { password }) });

    assert.equal(await world.until(alice.register()), status);
    assert.equal(count, asked);
  }
});

test('the digest of a challenge is that of RFC 7616 §3.9.1', () => {
  const challenge =
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, ' +
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ' +
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const proof = {
    user: 'Mufasa',
    password: 'Circle of Life',
    method: 'GET',
    uri: '/dir/index.html',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  };

  const answer = credentialsFor(challenge, proof) ?? '';

  assert.match(answer, /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/);
});

test('messages arrive as they were sent; unknown methods and dialogs are refused', async () => {
  const { world, alice, bob } = await couple();

  assert.equal(await world.until(alice.message(BOB_URI, 'Grüße')), 200);
  assert.equal(await world.until(alice.request('OPTIONS', BOB_URI)), 200);
  assert.equal(await world.until(alice.request('SUBSCRIBE', BOB_URI)), 405);
  assert.equal(await world.until(alice.request('BYE', BOB_URI)), 405);

  assert.equal(Buffer.from(bob.received[0]?.body ?? '', 'latin1').toString('utf8'), 'Grüße');
});

test('a phone behind a NAT gets its answers, and calls while its mapping lives', async () => {
  const world = simWorld(1);
  world.nat({ public: '198.51.100.7', inside: ['10.0.0.2'] });
  const bob = await phoneOn(world, BOB);
  const at = { host: '10.0.0.2', port: 5060 };
  const inside = new Phone(world.host(at.host), { name: 'alice', at, aor: 'sip:alice@example.com' });
  await inside.open();

  const call = inside.dial(BOB_URI);
  await world.run(2_000);
  call.hangUp();
  await world.run(100);

  assert.deepEqual([call.status, call.byeStatus, bob.calls[0]?.endedBy], [200, 200, 'them']);
});

test('a closed phone is silent', async () => {
  const { world, alice, bob } = await couple();
  const call = alice.dial(BOB_URI);
  await world.run(2_000);

  bob.close();
  call.hangUp();
  await world.run(33_000);

  assert.equal(call.byeStatus, 408);
});
