/** Our exchange in front of real servers, one of which is killed and brought back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../../src/server/control-client.ts';
import { controlSocketPath } from '../../src/server/control-lines.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { freePorts, missing, type Peer, startPeer, waitForPort } from './peer.ts';
import { dial } from './sipp.ts';

const skip = missing('sipp');
const root = join(import.meta.dirname, '..', '..');
const CALLS = 20;
const STATE_MS = 10_000;
const LOOK_EVERY_MS = 100;

const SCRIPT = `import { Router, script, serial } from ${JSON.stringify(join(root, 'src', 'index.ts'))};

export default script(({ auth, pools }) => {
  const app = new Router();
  const media = pools.get('media');
  app.invite(auth.digest(), (c) => c.relay(serial(...media.pick(c)), { replyMs: 400 }));
  return app;
});
`;

interface Server {
  readonly server: string;
  readonly state: string;
  readonly calls: number;
  readonly sent: number;
  readonly failed: number;
}

let folder: string;
let exchange: Exchange;
let ports: readonly number[] = [];
const servers = new Map<number, Peer>();

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-pools-'));
  ports = await freePorts(2);
  const script = join(folder, 'balancer.ts');
  writeFileSync(script, SCRIPT);
  const uris = JSON.stringify(ports.map((port) => `sip:127.0.0.1:${port}`));
  const settings = `
[[trunk.pools]]
name = "media"
servers = ${uris}
pick = "least-calls"
probe_ms = 200
probe_reply_ms = 150
down_after = 2
up_after = 2
`;
  for (const port of ports) await startServer(port);
  exchange = await startExchange(['alice'], { script, settings });
});

after(async () => {
  await exchange?.stop();
  for (const server of servers.values()) await server.stop();
  if (skip === false) rmSync(folder, { recursive: true });
});

/** A SIPp that answers calls and OPTIONS until it is stopped. */
async function startServer(port: number): Promise<void> {
  const [controlPort = 0] = await freePorts(1);
  const scenario = ['-sf', join(root, 'sipp', 'pool-server.xml'), '-s', 'media'];
  const at = ['-i', '127.0.0.1', '-p', String(port), '-ci', '127.0.0.1', '-cp', String(controlPort)];
  const server = startPeer('sipp', [...scenario, ...at, '-t', 'u1', '-nostdin'], folder);
  servers.set(port, server);
  await waitForPort(server, 'udp', port);
}

/** Asked by the control socket: starting the command line each time would take longer than the calls. */
async function show(): Promise<readonly Server[]> {
  const client = await ControlClient.open(controlSocketPath(join(exchange.folder, 'data')));
  assert.ok(client !== undefined);
  const rows = (await client.ask('pools.show', { pool: 'media' }, 5_000)) as readonly Server[];
  client.close();
  return rows;
}

/** Waits until every server is in its state. */
async function reach(...states: readonly string[]): Promise<readonly Server[]> {
  const giveUpAt = performance.now() + STATE_MS;
  for (;;) {
    const rows = await show();
    if (rows.every(({ state }, i) => state === states[i])) return rows;
    if (performance.now() > giveUpAt)
      assert.deepEqual(
        rows.map(({ state }) => state),
        states,
      );
    await sleep(LOOK_EVERY_MS);
  }
}

/** So many calls, every one answered and hung up; how many INVITEs each server was sent meanwhile. */
async function call(): Promise<readonly number[]> {
  const earlier = await show();
  const run = await dial(exchange, 'caller-hangs-up', 'alice', '600', CALLS);
  assert.equal(run.code, 0, run.errors.slice(0, 2000));
  assert.equal(run.logged.get('ended')?.length, CALLS);
  const rows = await show();
  assert.deepEqual(
    rows.map(({ calls }) => calls),
    [0, 0],
  );
  return rows.map(({ sent }, i) => sent - (earlier[i]?.sent ?? 0));
}

test(
  'calls are spread; a server that is killed loses none, and carries some when it is back',
  { skip, timeout: 60_000 },
  async () => {
    await reach('up', 'up');
    const [first = 0, second = 0] = await call();
    assert.equal(first + second, CALLS);
    assert.ok(Math.abs(first - second) <= CALLS / 3, `${first} and ${second}`);

    const [port = 0] = ports;
    await servers.get(port)?.stop();
    const during = await call(); // The first of them find it dead and go on to the other.
    assert.equal(during[1], CALLS);
    const down = await reach('down', 'up');
    assert.ok((down[0]?.failed ?? 0) <= (during[0] ?? 0));
    assert.deepEqual(await call(), [0, CALLS]);

    await startServer(port);
    await reach('up', 'up');
    const [back = 0] = await call();
    assert.ok(back > CALLS / 4, `${back} of ${CALLS}`);
  },
);

test(
  'a server that the operator disables gets no calls until it is enabled',
  { skip, timeout: 60_000 },
  async () => {
    const server = `sip:127.0.0.1:${ports[0]}`;
    await exchange.command(['pools', 'disable', 'media', server]);
    await reach('disabled', 'up');
    assert.deepEqual(await call(), [0, CALLS]);

    await exchange.command(['pools', 'enable', 'media', server]);
    await reach('up', 'up');
    const [back = 0] = await call();
    assert.ok(back > CALLS / 4, `${back} of ${CALLS}`);
  },
);
