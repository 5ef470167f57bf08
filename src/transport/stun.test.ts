import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, town } from '../testing/town.ts';
import { openRegistrar } from '../testing/town-scripts.ts';
import { mayBeStun, stunAnswer } from './stun.ts';

const ID = 'b7e7a701bc34d686fa87dfae';
/** The binding request of RFC 5769 §2.1 without its attributes. */
const REQUEST = `00010000` + `2112a442${ID}`;

function bytes(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1');
}

function hex(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'latin1').toString('hex');
}

function withAttributes(attributes: string): string {
  return `0001${(attributes.length / 2).toString(16).padStart(4, '0')}2112a442${ID}${attributes}`;
}

// oxfmt-ignore
const answered: readonly [name: string, request: string, from: Endpoint, answer: string][] = [
  // The addresses of RFC 5769 §2.2 and §2.3.
  ['IPv4', REQUEST, new Endpoint('192.0.2.1', 32853), `0101000c2112a442${ID}002000080001a147e112a643`],
  ['IPv6', REQUEST, new Endpoint('2001:db8:1234:5678:11:2233:4455:6677', 32853),
    `010100182112a442${ID}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`],
  ['a request that names its software', withAttributes('802200104449544e20746573742020202020202020'.slice(0, 40)),
    new Endpoint('192.0.2.1', 32853), `0101000c2112a442${ID}002000080001a147e112a643`],
  ['a user name, which we did not ask for', withAttributes('0006000361620000'.slice(0, 14) + '00'),
    new Endpoint('192.0.2.1', 32853), `0101000c2112a442${ID}002000080001a147e112a643`],
  ['an attribute that must be understood: 420', withAttributes('7ff00000'),
    new Endpoint('192.0.2.1', 32853), `011100102112a442${ID}0009000400000414000a00027ff00000`],
];

for (const [name, request, from, answer] of answered) {
  test(`a binding request is answered with where it came from: ${name}`, () => {
    assert.equal(hex(stunAnswer(bytes(request), from)), answer);
  });
}

test('five attributes that must be understood: four are named', () => {
  const answer = hex(stunAnswer(bytes(withAttributes('7ff00000'.repeat(5))), new Endpoint('192.0.2.1', 1)));

  assert.equal(answer?.match(/7ff0/g)?.length, 4);
});

// oxfmt-ignore
const ignored: readonly [name: string, datagram: string][] = [
  ['shorter than a header',         REQUEST.slice(0, -2)],
  ['without the cookie',            REQUEST.replace('2112a442', '2112a443')],
  ['an answer',                     REQUEST.replace('0001', '0101')],
  ['an indication',                 REQUEST.replace('0001', '0011')],
  ['a length that lies',            REQUEST.replace('00010000', '00010004')],
  ['an attribute that is too long', withAttributes('7ff00008')],
];

for (const [name, datagram] of ignored) {
  test(`no answer to ${name}`, () => {
    assert.equal(stunAnswer(bytes(datagram), new Endpoint('192.0.2.1', 1)), undefined);
  });
}

test('every beginning of a request, and every byte changed, is handled', () => {
  const request = bytes(withAttributes('802200044449544e'));
  const from = new Endpoint('192.0.2.1', 1);

  for (let at = 0; at < request.length; at++) {
    stunAnswer(request.substring(0, at), from);
    stunAnswer(`${request.substring(0, at)}\xff${request.substring(at + 1)}`, from);
  }
});

test('SIP is not taken for STUN', () => {
  assert.deepEqual(['SIP/2.0 200 OK', 'OPTIONS sip:x SIP/2.0', '\r\n', ''].map(mayBeStun), [
    false,
    false,
    false,
    false,
  ]);
});

test('the SIP port answers a binding request, and nothing of it is taken for a message', async () => {
  const t = await town(openRegistrar, { people: {} });
  const phone = await new Stranger(t.world, '198.51.100.7', { host: EXCHANGE, port: 5060 }).open();

  phone.send(bytes(REQUEST));
  phone.send(bytes(REQUEST.replace('2112a442', '00000000')));
  await t.run(100);

  assert.deepEqual(phone.heard.map(hex), [
    hex(stunAnswer(bytes(REQUEST), new Endpoint('198.51.100.7', 5060))),
  ]);
  assert.equal(t.exchange.dispatcher.counters.badMessages, 0);
  t.stop();
});
