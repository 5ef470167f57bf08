/** Whoever writes another's address on a small request must not make a large answer of it. RFC 3261 §26.3.2.4 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Script } from '../route/router.ts';
import { MALLORY, TARGET } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, town } from '../testing/town.ts';
import { openRegistrar, redirectServer, registrarProxy } from '../testing/town-scripts.ts';

/** An answer has no more than so many bytes for each of the request's; what is sent again counts each time. */
const RATIO_MAX = 2;
/** Of IPv6 and UDP; with them counted, as the victim's line counts them. */
const HEADER_BYTES = 48;

// oxfmt-ignore
const METHODS = [
  'INVITE', 'REGISTER', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'PUBLISH', 'NOTIFY', 'REFER', 'BYE', 'CANCEL', 'ACK',
  'PRACK', 'UPDATE', 'INFO', 'X-NEW',
];
const URIS = [
  'sip:example.com',
  'sip:bob@example.com',
  'sip:x@example.com',
  'sip:a@b',
  'sips:a@example.com',
  'tel:112',
  'http://a',
  'sip:',
];
const FROMS = ['sip:a@b', 'sip:bob@example.com'];
const FIELDS = ['', 'm:*\r\n', 'Require:x\r\n', 'Route:<sip:b;lr>\r\n', 'Max-Forwards:0\r\n'];

/** Nobody is registered: who is rung answers for himself. */
const scripts: readonly [name: string, script: Script, open_inbound: boolean][] = [
  ['the registrar and proxy', registrarProxy, false],
  ['the registrar and proxy, open to strangers,', registrarProxy, true],
  ['the redirect server', redirectServer, true],
  ['a proxy that believes everybody', openRegistrar, true],
];

/** As short as a request can be that is answered at all. */
function short(method: string, uri: string, from: string, more: string, number: number): string {
  return [
    `${method} ${uri} SIP/2.0`,
    `v:SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK${number}`,
    `f:<${from}>;tag=1`,
    `t:<${uri}>`,
    `i:${number}`,
    `CSeq:1 ${method}`,
    `${more}\r\n`,
  ].join('\r\n');
}

for (const [name, script, open_inbound] of scripts) {
  for (const method of METHODS) {
    test(`${name} answers no ${method} of a stranger with more than twice its size`, async () => {
      const settings = { sip: { open_inbound }, guard: { enabled: false } };
      const t = await town(script, { people: { bob: {} }, settings });
      const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
      const sent = new Map<string, string>();
      let number = 0;

      for (const uri of URIS) {
        for (const from of FROMS) {
          for (const more of FIELDS) {
            const text = short(method, uri, from, more, ++number);
            sent.set(String(number), text);
            mallory.send(text);
          }
        }
      }
      await t.run(60_000);

      const answered = new Map<string, number>();
      for (const { text } of mallory.sentToHim) {
        const [, id = ''] = /\r\n(?:i|Call-ID): ?(\d+)\r\n/i.exec(text) ?? [];
        answered.set(id, (answered.get(id) ?? 0) + text.length);
      }
      const large = Array.from(sent)
        .filter(([id, text]) => (answered.get(id) ?? 0) > RATIO_MAX * text.length)
        .map(([id, text]) => `${answered.get(id)} bytes for ${text.length}: ${JSON.stringify(text)}`);
      assert.deepEqual(large, []);
      t.stop();
    });
  }
}

/** A binding request with attributes of these types, each empty. RFC 8489 §5 */
function stunRequest(...types: readonly number[]): string {
  const attributes = types.map((type) => String.fromCharCode(type >> 8, type & 255, 0, 0)).join('');
  return `\0\x01\0${String.fromCharCode(attributes.length)}\x21\x12\xa4\x42twelve bytes${attributes}`;
}

for (const [host, address] of [
  ['198.51.100.7', EXCHANGE],
  ['2001:db8::7', '2001:db8::1'],
] as const) {
  for (const types of [[], [0x7fff], [0x7ffe, 0x7fff, 1, 2, 3, 4]]) {
    test(`a STUN request of ${types.length} unknown attributes from ${host} is answered with few bytes`, async () => {
      const t = await town(registrarProxy, { people: {}, address });
      const mallory = await new Stranger(t.world, host, { host: address, port: 5060 }).open();
      const request = stunRequest(...types);

      mallory.send(request);
      await t.run(1_000);

      const bytes = mallory.heard.reduce((sum, text) => sum + HEADER_BYTES + text.length, 0);
      assert.ok(bytes > 0 && bytes <= RATIO_MAX * (HEADER_BYTES + request.length), `${bytes} bytes`);
      t.stop();
    });
  }
}
