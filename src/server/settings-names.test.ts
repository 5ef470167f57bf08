import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNameServer } from './settings-names.ts';
import { settingsSchema } from './settings-schema.ts';

// oxfmt-ignore
const servers: [text: string, host: string | undefined, port?: number][] = [
  ['192.0.2.53',       '192.0.2.53',    53],
  ['192.0.2.53:5353',  '192.0.2.53',    5353],
  ['2001:db8::53',     '2001:db8::53',  53],
  ['[2001:db8::53]:5', '2001:db8::53',  5],
  ['ns.example.com',   undefined],
  ['192.0.2.53:',      undefined],
  ['',                 undefined],
];
for (const [text, host, port] of servers) {
  test(`${JSON.stringify(text)} is ${host === undefined ? 'no name server' : `port ${port} of ${host}`}`, () => {
    const found = parseNameServer(text);

    assert.deepEqual([found?.host, found?.port], [host, port]);
  });
}

test('without settings the machine is asked whom to ask, and dead hosts are passed over for 30 s', () => {
  const { dns, sip } = settingsSchema.parse({});

  assert.deepEqual(dns, { servers: [], timeout_ms: 1_000, attempts: 2, naptr: true });
  assert.equal(sip.dead_target_seconds, 30);
});
