/** A request of more than 1300 bytes goes by TCP, and by UDP to a phone that has no TCP. RFC 3261 §18.1.1 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import { freePorts, missing } from './peer.ts';
import { type Callee, dial, type SippTransport, startCallee } from './sipp.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('sipp');
const CALLS = 5;

/** Makes what phones send too long for a datagram. */
const scriptTo = (port: number): string => `import { Router, script } from ${DOOR};

export default script(({ auth }) => {
  const app = new Router();
  app.invite(auth.digest(), (c) => {
    c.req.headers.set('Subject', 'long '.repeat(c.uri.user === 'short' ? 1 : 300));
    return c.relay({ uri: { scheme: 'sip', user: 'x', host: '127.0.0.1', port: ${port}, params: {} } });
  });
  return app;
});
`;

let folder = '';
let exchange: Exchange;
let calleePort = 0;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-large-'));
  [calleePort = 0] = await freePorts(1);
  const script = join(folder, 'script.ts');
  writeFileSync(script, scriptTo(calleePort));
  exchange = await startExchange(['alice'], { script });
});

after(async () => {
  await exchange?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

// oxfmt-ignore
const rows: readonly (readonly [name: string, user: string, speaks: readonly SippTransport[], by: SippTransport])[] = [
  ['a long request goes by TCP to who speaks both',        'long',  ['udp', 'tcp'], 'tcp'],
  ['a long request goes by UDP to who speaks nothing else', 'long',  ['udp'],        'udp'],
  ['a short request goes by UDP to who speaks both',       'short', ['udp', 'tcp'], 'udp'],
];

for (const [name, user, speaks, by] of rows) {
  test(name, { skip, timeout: 90_000 }, async (t) => {
    const callees = new Map<SippTransport, Callee>();
    for (const transport of speaks) {
      const callee = await startCallee(exchange, 'callee-answers', CALLS, calleePort, transport);
      t.after(() => callee.stop());
      callees.set(transport, callee);
    }

    const run = await dial(exchange, 'caller-hangs-up', 'alice', user, CALLS);

    assert.equal(run.code, 0, run.errors.slice(0, 2_000));
    const heard = await callees.get(by)?.done();
    assert.deepEqual([heard?.code, heard?.logged.get('ended')?.length], [0, CALLS]);
  });
}
