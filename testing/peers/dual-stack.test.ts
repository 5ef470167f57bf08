/** SIPp phones of IPv4 and IPv6 call each other through us, who listen on both. RFC 6157 §3.1 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import { missing, missingIPv6 } from './peer.ts';
import { dial, register, type SippTransport, startCallee } from './sipp.ts';

const skip = missing('sipp') || missingIPv6();
const CALLS = 5;
const [FOUR, SIX] = ['127.0.0.1', '::1'];

let exchange: Exchange;

before(async () => {
  if (skip !== false) return;
  exchange = await startExchange(['alice', 'bob', 'carol'], { listen: ['udp:[::1]', 'tcp:[::1]'] });
});

after(async () => {
  await exchange?.stop();
});

interface Side {
  readonly host: string;
  readonly transport: SippTransport;
}

// Requests from the callee's side go by UDP: the Contact of these scenarios does not say TCP.
// oxfmt-ignore
const rows: readonly (readonly [caller: Side, scenario: string, callee: Side, calleeScenario: string])[] = [
  [{ host: FOUR, transport: 'udp' }, 'caller-hangs-up',      { host: SIX,  transport: 'udp' }, 'callee-answers'],
  [{ host: SIX,  transport: 'udp' }, 'caller-is-hung-up-on', { host: FOUR, transport: 'udp' }, 'callee-hangs-up'],
  [{ host: FOUR, transport: 'tcp' }, 'caller-hangs-up',      { host: SIX,  transport: 'tcp' }, 'callee-answers'],
  [{ host: SIX,  transport: 'tcp' }, 'caller-hangs-up',      { host: FOUR, transport: 'udp' }, 'callee-answers'],
  [{ host: FOUR, transport: 'udp' }, 'caller-re-invites',    { host: SIX,  transport: 'udp' }, 'callee-is-held'],
];

for (const [caller, scenario, callee, calleeScenario] of rows) {
  const from = `${caller.host} by ${caller.transport}`;
  const to = `${callee.host} by ${callee.transport}`;
  test(`${from} calls ${to}: ${scenario}`, { skip, timeout: 90_000 }, async (t) => {
    const [here, there] = [caller, callee].map(({ host }) => ({ ...exchange, host })) as [Exchange, Exchange];
    const phone = await startCallee(there, calleeScenario, CALLS, undefined, callee.transport);
    t.after(() => phone.stop());
    const through = callee.transport === 'tcp' ? { through: exchange.port } : {};
    const user = callee.transport === 'tcp' ? 'carol' : 'bob';
    const contact = { user, port: phone.port, transport: callee.transport, ...through };
    const registered = await register(there, contact);
    assert.equal(registered.code, 0, registered.errors);

    const run = await dial(here, scenario, 'alice', user, CALLS, caller.transport);

    assert.equal(run.code, 0, `${run.errors.slice(0, 3_000)}\n${exchange.output()}`);
    const heard = await phone.done();
    assert.equal(heard.code, 0, heard.errors.slice(0, 3_000));
    const ended = new Set(run.logged.get('ended') ?? run.logged.get('held'));
    const records = await exchange.records(ended);
    assert.deepEqual([ended.size, new Set(records.map(({ status }) => status))], [CALLS, new Set([200])]);
    await exchange.command(['regs', 'rm', `${user}@${exchange.domain}`, '--yes']);
  });
}
