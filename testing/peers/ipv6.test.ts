/** Calls of SIPp phones over IPv6, on real sockets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import { missing, missingIPv6 } from './peer.ts';
import { dial, register, type SippTransport, startCallee } from './sipp.ts';

const skip = missing('sipp') || missingIPv6();
const CALLS = 20;

let exchange: Exchange;

before(async () => {
  if (skip === false) exchange = await startExchange(['alice', 'bob', 'carol'], { host: '::1' });
});

after(async () => {
  await exchange?.stop();
});

const rows: readonly (readonly [transport: SippTransport, user: string])[] = [
  ['udp', 'bob'],
  ['tcp', 'carol'],
];

for (const [transport, user] of rows) {
  test(
    `over IPv6 a phone registers, and ${CALLS} calls by ${transport} reach it`,
    { skip, timeout: 60_000 },
    async () => {
      const callee = await startCallee(exchange, 'callee-answers', CALLS, undefined, transport);
      try {
        const through = transport === 'tcp' ? { through: exchange.port } : {};
        const registered = await register(exchange, { user, port: callee.port, transport, ...through });
        assert.equal(registered.code, 0, registered.errors);

        const caller = await dial(exchange, 'caller-hangs-up', 'alice', user, CALLS, transport);

        assert.equal(caller.code, 0, `${caller.errors}\n${exchange.output()}`);
        const heard = await callee.done();
        assert.equal(heard.code, 0, heard.errors);
        const calls = new Set(caller.logged.get('ended'));
        assert.equal(calls.size, CALLS);
        const records = await exchange.records(calls);
        assert.deepEqual(
          new Set(records.map(({ status, endedBy }) => `${status} ${endedBy}`)),
          new Set(['200 caller']),
        );
      } finally {
        await callee.stop();
      }
    },
  );
}
