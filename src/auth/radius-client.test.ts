import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UdpReceiver, UdpSocket } from '../base/world.ts';
import { RadiusServer } from '../testing/radius-server.ts';
import { simWorld, type SimWorld } from '../testing/sim-world.ts';
import { RadiusClient, type RadiusClientOptions, type RadiusOutcome, SOCKETS_MAX } from './radius-client.ts';
import { encodeAnswer, parseRadius, RADIUS_CODES, textAttribute } from './radius-packet.ts';
import { IDENTIFIERS } from './radius-socket.ts';

const SECRET = 'between us';
const REPLY_MS = 600;
const ATTEMPTS = 2;
/** Two waits, the second twice the first, each with its jitter. */
const PATIENCE_MS = REPLY_MS * 3 * 1.1 + 10;
const DEAD_MS = 30_000;
const QUESTION = {
  code: RADIUS_CODES.accessRequest,
  attributes: () => [textAttribute(1, 'alice@example.com')],
};

interface Lab {
  readonly world: SimWorld;
  readonly servers: readonly RadiusServer[];
  readonly client: RadiusClient;
  ask(): Promise<RadiusOutcome>;
}

async function lab(count: number, more: Partial<RadiusClientOptions> = {}): Promise<Lab> {
  const world = simWorld(3);
  const servers = Array.from({ length: count }, () => new RadiusServer(SECRET));
  const places = servers.map((_, i) => ({ host: `192.0.2.${51 + i}`, port: 1812, secret: SECRET }));
  for (const [i, server] of servers.entries()) {
    await world.until(server.listen(world.host(places[i]!.host), places[i]!));
  }
  const client = new RadiusClient({
    world: world.host('192.0.2.1'),
    servers: places,
    from: '',
    replyMs: REPLY_MS,
    attempts: ATTEMPTS,
    deadMs: DEAD_MS,
    requestsMax: 10_000,
    ...more,
  });
  return { world, servers, client, ask: () => world.until(client.ask(QUESTION), 60_000) };
}

function codeOf(outcome: RadiusOutcome): number | string {
  return typeof outcome === 'string' ? outcome : outcome.code;
}

test('the first server is asked, and answers', async () => {
  const { servers, ask, client } = await lab(2);

  assert.equal(codeOf(await ask()), RADIUS_CODES.accessReject);
  assert.deepEqual(
    servers.map(({ heard }) => heard.length),
    [1, 0],
  );
  client.stop();
});

test('what is lost on the way is sent again, the same to the bit', async () => {
  const { world, servers, ask, client } = await lab(1);
  servers[0]!.manner.silent = true;
  world.clock.after(REPLY_MS / 2, () => {
    servers[0]!.manner.silent = false;
  });

  assert.equal(codeOf(await ask()), RADIUS_CODES.accessReject);
  const [first, second, ...more] = servers[0]!.heard.map(({ octets }) => Buffer.from(octets).toString('hex'));
  assert.equal(more.length, 0);
  assert.equal(first, second);
  client.stop();
});

test('when the first server is silent the second is asked, and the first left alone until it has rested', async () => {
  const { world, servers, ask, client } = await lab(2);
  const [first, second] = servers as [RadiusServer, RadiusServer];
  first.manner.silent = true;

  assert.equal(codeOf(await ask()), RADIUS_CODES.accessReject);
  assert.deepEqual([first.heard.length, second.heard.length], [ATTEMPTS, 1]);
  await ask();
  assert.deepEqual([first.heard.length, second.heard.length], [ATTEMPTS, 2]);

  first.manner.silent = false;
  await world.run(DEAD_MS);
  await ask();
  assert.deepEqual([first.heard.length, second.heard.length], [ATTEMPTS + 1, 2]);
  client.stop();
});

test('a server on trial gets one question, the others go to the next server', async () => {
  const { world, servers, ask, client } = await lab(2);
  const [first, second] = servers as [RadiusServer, RadiusServer];
  first.manner.silent = true;
  await ask();
  await world.run(DEAD_MS);

  await world.until(Promise.all([client.ask(QUESTION), client.ask(QUESTION), client.ask(QUESTION)]), 60_000);

  assert.deepEqual([first.heard.length, second.heard.length], [2 * ATTEMPTS, 4]);
  client.stop();
});

test('when all are dead they are asked all the same', async () => {
  const { servers, ask, client } = await lab(2);
  for (const server of servers) server.manner.silent = true;

  assert.equal(await ask(), 'silent');
  for (const server of servers) server.manner.silent = false;

  assert.equal(codeOf(await ask()), RADIUS_CODES.accessReject);
  client.stop();
});

test('a server that drops one question and answers others is not dead', async () => {
  const { world, servers, client } = await lab(1);
  servers[0]!.manner.silent = true;
  const dropped = client.ask(QUESTION);
  await world.run(REPLY_MS * 2.5);
  servers[0]!.manner.silent = false;
  await world.until(client.ask(QUESTION), 60_000);

  assert.equal(await world.until(dropped, 60_000), 'silent');
  assert.equal(
    world.logged.some(({ level }) => level === 'warn'),
    false,
  );
  client.stop();
});

const FORGED: Readonly<Record<string, RadiusServer['manner']['spoil']>> = {
  'made with another secret': (_, request) => encodeAnswer(2, request, [], 'a guess'),
  'without a Message-Authenticator': (octets) => {
    const bare = octets.subarray(0, 20);
    bare.writeUInt16BE(20, 2);
    return bare;
  },
  'to another request': (_, request) => encodeAnswer(2, { ...request, id: request.id ^ 1 }, [], SECRET),
  'of another kind': (_, request) => encodeAnswer(RADIUS_CODES.accountingResponse, request, [], SECRET),
};

for (const [what, spoil] of Object.entries(FORGED)) {
  test(`an answer ${what} is as good as none`, async () => {
    const { servers, ask, client } = await lab(1);
    Object.assign(servers[0]!.manner, { spoil });

    assert.equal(await ask(), 'silent');
    client.stop();
  });
}

test('an answer from another address is as good as none', async () => {
  const { world, servers, ask, client } = await lab(1);
  const open = (host: string, receive: UdpReceiver): Promise<UdpSocket> =>
    world.until(world.host(host).net.udp({ host, port: 1812 }, receive));
  const mallory = await open('192.0.2.66', () => {});
  servers[0]!.close();
  await open('192.0.2.51', (text, from) => {
    const request = parseRadius(Buffer.from(text, 'latin1'));
    assert.ok(request);
    mallory.send(encodeAnswer(RADIUS_CODES.accessAccept, request, [], SECRET).toString('latin1'), from, 0);
  });

  assert.equal(await ask(), 'silent');
  mallory.close();
  client.stop();
});

test('one question more than allowed is refused at once, and there is room again afterwards', async () => {
  const { world, servers, ask, client } = await lab(1, { requestsMax: 3 });
  servers[0]!.manner.silent = true;

  const three = [client.ask(QUESTION), client.ask(QUESTION), client.ask(QUESTION)];
  assert.equal(await client.ask(QUESTION), 'busy');
  assert.deepEqual(await world.until(Promise.all(three), PATIENCE_MS), ['silent', 'silent', 'silent']);

  servers[0]!.manner.silent = false;
  assert.equal(codeOf(await ask()), RADIUS_CODES.accessReject);
  assert.equal(client.waiting, 0);
  client.stop();
});

test('so many questions wait as its sockets have identifiers, and not one more', async () => {
  const { world, servers, client } = await lab(1);
  servers[0]!.manner.silent = true;
  const most = SOCKETS_MAX * IDENTIFIERS;

  const asked = Array.from({ length: most + 1 }, () => client.ask(QUESTION));
  const outcomes = await world.until(Promise.all(asked), PATIENCE_MS);

  assert.deepEqual(
    [outcomes.filter((one) => one === 'silent').length, outcomes.filter((one) => one === 'busy').length],
    [most, 1],
  );
  client.stop();
});

test('whoever waits when it stops is told', async () => {
  const { world, servers, client } = await lab(2);
  servers[0]!.manner.silent = true;
  const asked = client.ask(QUESTION);
  await world.run(100);

  client.stop();

  assert.equal(await asked, 'silent');
  assert.equal(await client.ask(QUESTION), 'busy');
  assert.equal(servers[1]!.heard.length, 0);
});
