import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { simWorld } from '../testing/sim-world.ts';
import { OwnAddresses } from './own-addresses.ts';

const { net } = simWorld(1).host('192.0.2.1');

// oxfmt-ignore
const table: readonly [all: string, bound: string, own: string | undefined, sentBy: string][] = [
  ['',               '192.0.2.1',   undefined,              '192.0.2.1:5060'],
  ['',               '0.0.0.0',     undefined,              '192.0.2.1:5060'], // What the peer sees.
  ['198.51.100.1',   '10.0.0.1',    undefined,              '198.51.100.1:5060'],
  ['198.51.100.1',   '10.0.0.1',    '203.0.113.1:5070',     '203.0.113.1:5070'],
  ['',               '10.0.0.1',    '203.0.113.1',          '203.0.113.1:5060'],
  ['',               '10.0.0.1',    'sip.example.com',      'sip.example.com:5060'],
  ['',               '10.0.0.1',    'sip.example.com:5062', 'sip.example.com:5062'],
  ['',               '2001:db8::1', undefined,              '[2001:db8::1]:5060'],
  ['',               '2001:db8::1', '2001:db8::2',          '[2001:db8::2]:5060'],
  ['',               '2001:db8::1', '[2001:db8::2]:5070',   '[2001:db8::2]:5070'],
];

for (const [all, bound, advertise, sentBy] of table) {
  test(`bound to ${bound}, advertised as ${advertise ?? (all || 'nothing else')}: ${sentBy} in Via, and ours`, () => {
    const own = new OwnAddresses(net, all, []);
    const socket = { transport: 'udp', local: new Endpoint(bound, 5060), advertise } as const;
    own.add(socket);

    assert.equal(own.sentBy(socket, '198.51.100.99'), sentBy);
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(sentBy) ?? [];
    assert.equal(own.has(host, Number(port)), true);
    assert.equal(own.has(host, 5999), false);
    assert.equal(own.has('198.51.100.99'), false);
  });
}

// oxfmt-ignore
const homes: readonly [bound: readonly string[], isOurs: boolean][] = [
  [['127.0.0.1'],                 false], // A neighbour on one machine, as in a trial.
  [['192.0.2.1'],                 true],
  [['127.0.0.1', '192.0.2.1'],    true],
  [['0.0.0.0'],                   true],
];
for (const [bound, isOurs] of homes) {
  test(`bound to ${bound.join(' and ')}: 127.0.0.2 is ${isOurs ? 'ours, whoever says it' : 'another'}`, () => {
    const own = new OwnAddresses(net, '', []);

    for (const host of bound) own.add({ transport: 'udp', local: new Endpoint(host, 5060) });

    assert.equal(own.has('127.0.0.2'), isOurs);
    assert.equal(own.isAmbiguous('127.0.0.2'), isOurs);
    assert.equal(own.has('127.0.0.2', 5070), false);
    assert.equal(own.isAmbiguous('198.51.100.1'), false);
  });
}
