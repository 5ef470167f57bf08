import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { ip4ToInt } from '../base/endpoint.ts';
import { loadKernel } from './kernel.ts';
import { limits } from './limits.ts';
import { Region } from './region.ts';
import { SendArena } from './send-arena.ts';

const SOL_SOCKET = 1;
const SO_NO_CHECK = 11;

test(
  'a kernel that refuses groups gets each datagram alone, and after eight refusals no group at all',
  { timeout: 5_000 },
  async (t) => {
    const kernel = loadKernel();
    const receiver = createSocket('udp4').bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const got: string[] = [];
    receiver.on('message', (bytes) => got.push(bytes.toString()));
    const fd = kernel.call.socket(2, 2, 0);
    t.after(() => {
      kernel.call.close(fd);
      receiver.close();
    });
    const on = new Region(kernel, 4);
    on.words[0] = 1;
    // Without checksums the kernel has no GSO: EINVAL for each group.
    kernel.call.setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, on.pointer, 4);
    const counts = { received: 0, sent: 0, dropped: 0, sends: 0 };
    const arena = new SendArena(kernel, fd, true, counts);
    const expected: string[] = [];

    for (let batch = 0; batch <= limits.gsoRefusals; batch++) {
      for (let i = 0; i < 5; i++) {
        expected.push(`${batch}.${i}`);
        arena.add(`${batch}.${i}`, ip4ToInt('127.0.0.1'), receiver.address().port, i);
      }
      arena.flush();
    }
    while (got.length < expected.length) await once(receiver, 'message');

    assert.deepEqual(got, expected);
    assert.deepEqual(counts, { received: 0, sent: 45, dropped: 0, sends: 45 });
  },
);

test('an address that is refused costs its own datagrams only', { timeout: 5_000 }, async (t) => {
  const kernel = loadKernel();
  const receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const fd = kernel.call.socket(2, 2, 0);
  t.after(() => {
    kernel.call.close(fd);
    receiver.close();
  });
  const counts = { received: 0, sent: 0, dropped: 0, sends: 0 };
  const arena = new SendArena(kernel, fd, true, counts);
  const port = receiver.address().port;
  const broadcast = -1;

  arena.add('broadcast, which nobody allowed', broadcast, port, 1);
  arena.add('broadcast, which nobody allowed', broadcast, port, 2);
  arena.add('after', ip4ToInt('127.0.0.1'), port, 3);
  arena.flush();
  const [bytes] = (await once(receiver, 'message')) as [Buffer];

  assert.equal(bytes.toString(), 'after');
  assert.deepEqual(counts, { received: 0, sent: 1, dropped: 2, sends: 1 });
});

test('equal datagrams to one peer leave in one send', { timeout: 5_000 }, async (t) => {
  const kernel = loadKernel();
  const receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  let got = 0;
  receiver.on('message', () => got++);
  const fd = kernel.call.socket(2, 2, 0);
  t.after(() => {
    kernel.call.close(fd);
    receiver.close();
  });
  const counts = { received: 0, sent: 0, dropped: 0, sends: 0 };
  const arena = new SendArena(kernel, fd, true, counts);

  for (let i = 0; i < 20; i++) arena.add(`call ${10 + i}`, ip4ToInt('127.0.0.1'), receiver.address().port, i);
  arena.flush();
  while (got < 20) await once(receiver, 'message');

  assert.deepEqual(counts, { received: 0, sent: 20, dropped: 0, sends: 1 });
});
