import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import type { ByteStream } from '../base/world.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { limits } from './limits.ts';
import { nodeWorld } from './node-world.ts';
import { parseProxyHeader } from './proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const FOUR = 'c0000207cb00710115be01bb'; // 192.0.2.7:5566 → 203.0.113.1:443
const LONGEST = FOUR.padEnd(2 * limits.proxyHeaderBytes, '0');
const MAPPED = `00000000000000000000ffffc0000207${'00'.repeat(16)}15be01bb`;
const SIX = `20010db8000000000000000000000007${'00'.repeat(16)}15be01bb`;

function binary(command: string, family: string, rest: string): string {
  const length = (rest.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(SIGNATURE + command + family + length + rest, 'hex').toString('latin1');
}

// oxfmt-ignore
const whole: readonly [name: string, header: string, client: string | undefined][] = [
  ['version 1, IPv4',                  'PROXY TCP4 192.0.2.7 203.0.113.1 5566 443\r\n',       '192.0.2.7:5566'],
  ['version 1, IPv6',                  'PROXY TCP6 2001:DB8::7 2001:db8::1 5566 443\r\n',     '[2001:db8::7]:5566'],
  ['version 1, unknown',               'PROXY UNKNOWN\r\n',                                   undefined],
  ['version 1, unknown with words',    'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n',               undefined],
  ['version 2, IPv4',                  binary('21', '11', FOUR),                              '192.0.2.7:5566'],
  ['version 2, IPv4 and more',         binary('21', '11', `${FOUR}0300041a2b3c4d`),           '192.0.2.7:5566'],
  ['version 2, IPv6',                  binary('21', '21', SIX),                               '[2001:db8::7]:5566'],
  ['version 1, IPv4 mapped into IPv6', 'PROXY TCP6 ::FFFF:192.0.2.7 ::ffff:cb00:7101 5566 443\r\n', '192.0.2.7:5566'],
  ['version 2, IPv4 mapped into IPv6', binary('21', '21', MAPPED),                            '192.0.2.7:5566'],
  ['version 2, for itself',            binary('20', '00', ''),                                undefined],
  ['version 2, a UNIX socket',         binary('21', '31', '00'.repeat(216)),                  undefined],
  ['version 2, the longest',           binary('21', '11', LONGEST),                           '192.0.2.7:5566'],
];

for (const [name, header, client] of whole) {
  test(`${name}: ${client ?? 'the balancer itself'}, and every beginning of it is no more than that`, () => {
    const bytes = Buffer.from(header, 'latin1');

    const found = parseProxyHeader(Buffer.concat([bytes, Buffer.from('rest')]));

    assert.ok(typeof found === 'object');
    assert.deepEqual([found.bytes, found.client?.key], [bytes.length, client]);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(parseProxyHeader(bytes.subarray(0, length)), 'more');
    }
  });
}

// oxfmt-ignore
const bad: readonly [name: string, header: string][] = [
  ['a SIP message',                       'OPTIONS sip:x SIP/2.0\r\n'],
  ['version 1 without addresses',         'PROXY TCP4\r\n'],
  ['version 1 with a name',               'PROXY TCP4 example.com 203.0.113.1 5566 443\r\n'],
  ['version 1 with a zero in front',      'PROXY TCP4 010.1.2.3 203.0.113.1 5566 443\r\n'],
  ['version 1, mapped, a zero in front',  'PROXY TCP6 ::ffff:010.1.2.3 ::1 5566 443\r\n'],
  ['version 1 with a port beyond',        'PROXY TCP4 192.0.2.7 203.0.113.1 65536 443\r\n'],
  ['version 1 longer than 107 bytes',     `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
  ['version 1 without end',               'PROXY '.padEnd(107, 'x')],
  ['version 3',                           binary('31', '11', FOUR)],
  ['a command that is none',              binary('22', '11', FOUR)],
  ['one byte longer than the longest',    binary('21', '11', FOUR.padEnd(2 * limits.proxyHeaderBytes + 2, '0'))],
];

for (const [name, header] of bad) {
  test(`${name} is no PROXY header`, () => {
    assert.equal(parseProxyHeader(Buffer.from(header, 'latin1')), 'bad');
  });
}

describe('a listener behind a balancer', { timeout: 10_000 }, () => {
  const { net } = nodeWorld({ log: silentLogger });

  for (const [from, seen] of [
    [['127.0.0.1'], '192.0.2.7:5566'],
    [['192.0.2.99'], undefined],
  ] as const) {
    test(`that is ${from.join()}: ${seen ?? 'anybody else who sends a header sends bytes'}`, async () => {
      const far = new StreamTalk();
      const streams: ByteStream[] = [];
      const accept = (stream: ByteStream): StreamTalk => {
        streams.push(stream);
        return far;
      };
      const at = { host: '127.0.0.1', port: 0 };
      const listener = await net.listen(at, accept, { kind: 'tcp', proxyProtocolFrom: from });
      const socket = connect(listener.local.port, '127.0.0.1');

      socket.write('PROXY TCP4 192.0.2.7 203.0.113.1 5566 443\r\nhello');
      await far.heard(1);

      const own = `127.0.0.1:${socket.localPort}`;
      assert.equal(streams[0]?.remote.key, seen ?? own);
      assert.equal(far.texts.join('').endsWith('hello'), true);
      assert.equal(far.texts.join('').startsWith('PROXY'), seen === undefined);
      socket.destroy();
      await far.ended.promise;
      listener.close();
    });
  }

  for (const [name, sent] of [
    ['says nothing in time', ''],
    ['begins a header and stops', 'PROXY TCP4 192'],
    ['begins with something else', 'OPTIONS sip:x SIP/2.0\r\n'],
  ] as const) {
    test(`closes a balancer that ${name}, and nobody hears of it`, async () => {
      const accepted: ByteStream[] = [];
      const accept = (stream: ByteStream): StreamTalk => {
        accepted.push(stream);
        return new StreamTalk();
      };
      const at = { host: '127.0.0.1', port: 0 };
      const options = { kind: 'tcp', proxyProtocolFrom: ['127.0.0.1'], setupMs: 20 } as const;
      const listener = await net.listen(at, accept, options);
      const socket = connect(listener.local.port, '127.0.0.1').on('error', () => {});

      socket.write(sent);
      await new Promise((resolve) => socket.once('close', resolve).resume());

      assert.deepEqual(accepted, []);
      listener.close();
    });
  }
});
