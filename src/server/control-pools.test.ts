import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pools } from '../trunk/pools.ts';
import { simWorld } from '../testing/sim-world.ts';
import { poolCommands } from './control-pools.ts';

const SERVER = 'sip:192.0.2.21:5060';

function make(): { pools: Pools; ask: (command: string, args?: object) => Promise<unknown> } {
  const pools = new Pools(simWorld(1).clock, { server: () => {}, trunk: () => {} });
  pools.define('media', {
    servers: [{ uri: SERVER, weight: 3, resources: { calls: 10, recording: 2 } }, 'sip:192.0.2.22'],
    pick: 'least-calls',
  });
  const commands = poolCommands(pools);
  return { pools, ask: async (command, args = {}) => commands[command]?.(args) };
}

test('ls is a line a pool, show a line a server', async () => {
  const { pools, ask } = make();
  pools.pool('media').take(pools.server('media', SERVER), ['recording']);

  assert.deepEqual(await ask('pools.ls'), [
    { name: 'media', pick: 'least-calls', servers: 2, up: 2, calls: 1, overdue: 0 },
  ]);
  const [first] = (await ask('pools.show', { pool: 'media' })) as object[];
  assert.deepEqual(first, {
    server: SERVER,
    state: 'up',
    since: '2026-01-01T00:00:00.000Z',
    why: '',
    weight: 3,
    priority: 0,
    calls: 1,
    channels: { calls: { taken: 1, all: 10 }, recording: { taken: 1, all: 2 } },
    sent: 1,
    failed: 0,
  });
});

test('disable and enable, by the whole name or without sip:', async () => {
  const { pools, ask } = make();

  const disabled = (await ask('pools.disable', { pool: 'media', server: '192.0.2.22' })) as { state: string };
  assert.deepEqual([disabled.state, pools.pool('media').up], ['disabled', 1]);
  await ask('pools.enable', { pool: 'media', server: 'sip:192.0.2.22' });

  assert.equal(pools.pool('media').up, 2);
});

const WRONG: readonly (readonly [string, object, string])[] = [
  ['pools.show', { pool: 'nobody' }, 'NOT_FOUND'],
  ['pools.enable', { pool: 'media', server: 'sip:192.0.2.99' }, 'NOT_FOUND'],
  ['pools.disable', { pool: 'media' }, 'INVALID'],
  ['pools.ls', { pool: 'media' }, 'INVALID'],
];

for (const [command, args, code] of WRONG) {
  test(`${command} with ${JSON.stringify(args)}: ${code}`, async () => {
    await assert.rejects(make().ask(command, args), { code });
  });
}
