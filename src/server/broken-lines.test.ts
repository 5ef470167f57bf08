/** A request with a line that cannot be read is answered, if it says whom to answer. RFC 3261 §8.2, §16.3, §21.4.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MALLORY, mallorysTown, request, statusOf, TARGET } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { PORTS, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

// [what stands in a line of its own, what the answer says of it]
const lines: readonly [line: string, reason: string][] = [
  ['X Foo: a', 'a header field has no name'],
  ['Foo', 'a header field has no colon'],
  ['Foo: a\rb', 'a CR stands alone'],
  ['Foo: a\0b', 'a NUL stands alone'],
];

for (const [line, reason] of lines) {
  const text = request({ more: `${line}\r\n` });
  const shown = JSON.stringify(line);

  test(`${shown} over UDP is answered 400`, async () => {
    const { t, mallory } = await mallorysTown(registrarProxy);

    mallory.send(text);
    await t.run(1_000);

    assert.equal(mallory.heard.length, 1);
    assert.equal(
      mallory.heard[0]?.startsWith(`SIP/2.0 400 ${reason}\r\nVia: SIP/2.0/UDP ${MALLORY}:5060;`),
      true,
    );
    t.stop();
  });

  for (const kind of ['tcp', 'tls', 'ws'] as const) {
    test(`${shown} over ${kind} is answered 400`, async () => {
      const t = await town(registrarProxy, { people: {}, transports: [kind] });
      const connection = new Stranger(t.world, MALLORY, TARGET).connect({ kind }, PORTS[kind]);

      connection.write(text);
      await t.run(1_000);

      assert.equal(connection.heard.length, 1);
      assert.equal(connection.heard[0]?.startsWith(`SIP/2.0 400 ${reason}\r\n`), true);
      t.stop();
    });
  }

  test(`${shown} in an ACK or in a response is answered by nobody`, async () => {
    const { t, mallory } = await mallorysTown(registrarProxy);
    const connection = mallory.connect();

    for (const broken of [
      request({ method: 'ACK', more: `${line}\r\n` }),
      text.replace(/^.*/, 'SIP/2.0 200 OK'),
      text.replace(/^.*/, 'sip/2.0 200 OK'),
    ]) {
      mallory.send(broken);
      connection.write(broken);
    }
    await t.run(1_000);

    assert.deepEqual([mallory.heard, connection.heard], [[], []]);
    t.stop();
  });
}

test('what is hardly a request is not answered with more than twice its bytes, but on a connection', async () => {
  const { t, mallory } = await mallorysTown(registrarProxy);
  const connection = mallory.connect();
  const head = 'A a SIP/2.0\r\nv:SIP/2.0/UDP a\r\nf:\r\nt:\r\ni:\r\nCSeq:\r\n';

  for (const broken of [`${head}X\r\n\r\n`, head, `${head}X${'x'.repeat(200)}\r\n\r\n`]) {
    mallory.send(broken);
    connection.write(broken);
    await t.run(100);
  }

  assert.deepEqual(mallory.heard.map(statusOf), [400]);
  assert.deepEqual(connection.heard.map(statusOf), [400]);
  t.stop();
});
