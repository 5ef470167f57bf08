import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectRaw } from 'node:net';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { silentLogger } from '../base/silent-logger.ts';
import type { ByteStream, Certificate, Listener, TlsIdentity } from '../base/world.ts';
import { makeAuthority } from '../testing/certificates.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { nodeWorld } from './node-world.ts';

const authority = makeAuthority();
const others = makeAuthority('others');
const example = authority.issue({ dns: ['a.example'], ips: ['127.0.0.1'] });
const second = authority.issue({ dns: ['b.example', '*.c.example'] });
const loopback = { host: '127.0.0.1', port: 0 };

function identity(certificates: readonly Certificate[], more: Partial<TlsIdentity> = {}): TlsIdentity {
  return { certificates, clients: 'none', authorities: authority.pem, ...more };
}

interface Opened {
  readonly listener: Listener;
  readonly far: StreamTalk;
  stream: ByteStream | undefined;
}

describe('TLS', { timeout: 10_000 }, () => {
  const { net } = nodeWorld({ log: silentLogger });

  async function open(tls: TlsIdentity, at = loopback): Promise<Opened> {
    const far = new StreamTalk();
    const opened: { listener?: Listener; far: StreamTalk; stream: ByteStream | undefined } = {
      far,
      stream: undefined,
    };
    const accept = (stream: ByteStream): StreamTalk => {
      opened.stream = stream;
      return far;
    };
    const listener = await net.listen(at, accept, { kind: 'tls', tls });
    return Object.assign(opened, { listener });
  }

  // oxfmt-ignore
  const names: readonly [serverName: string, certificates: readonly Certificate[], reason: RegExp | undefined][] = [
    ['a.example',   [example],         undefined],
    ['A.Example',   [example],         undefined],
    ['127.0.0.1',   [example],         undefined],
    ['b.example',   [example, second], undefined],
    ['b.example',   [example],         /certificate is for a\.example, not b\.example/],
    ['127.0.0.2',   [example],         /not 127\.0\.0\.2/],
    ['x.c.example', [example, second], /not x\.c\.example/], // RFC 5922 §7.2: a wildcard names no SIP domain.
    ['a.example',   [others.issue({ dns: ['a.example'] })], /unable to verify|self-signed|local issuer/],
  ];
  for (const [serverName, certificates, reason] of names) {
    const outcome = reason === undefined ? 'is believed' : `is refused: ${reason.source}`;
    test(`a server that shows ${certificates.length} certificates and should be ${serverName} ${outcome}`, async () => {
      const { listener, far } = await open(identity(certificates));
      const near = new StreamTalk();

      const client = net.connect(listener.local, near, { kind: 'tls', tls: identity([]), serverName });
      client.write('secret');

      if (reason === undefined) {
        await far.heard(1);
        assert.deepEqual(far.texts, ['secret']);
        client.end();
      } else {
        const { why, detail } = await near.ended.promise;
        assert.equal(why, 'error');
        assert.match(detail, reason);
        assert.deepEqual([near.isOpen, far.texts], [false, []]);
      }
      await far.ended.promise;
      listener.close();
    });
  }

  // oxfmt-ignore
  const clients: readonly [
    clients: TlsIdentity['clients'], own: readonly Certificate[], names: readonly string[] | undefined,
  ][] = [
    ['none',     [second],                                    []],
    ['optional', [],                                          []],
    ['optional', [others.issue({ dns: ['evil.example'] })],   []],
    ['optional', [second],                                    ['b.example', '*.c.example']],
    ['required', [second],                                    ['b.example', '*.c.example']],
    ['required', [],                                          undefined],
    ['required', [others.issue({ dns: ['evil.example'] })],   undefined],
  ];
  for (const [asked, own, proved] of clients) {
    test(`client certificates ${asked}, ${own.length} shown: ${proved?.join(', ') ?? 'refused'}`, async () => {
      const opened = await open(identity([example], { clients: asked }));
      const near = new StreamTalk();

      const client = net.connect(opened.listener.local, near, { kind: 'tls', tls: identity(own) });
      client.write('hello');

      if (proved === undefined) {
        assert.equal((await opened.far.ended.promise).why, 'error');
        assert.equal(opened.far.isOpen, false);
      } else {
        await opened.far.heard(1);
        assert.deepEqual(opened.stream?.peerNames, proved);
        client.end();
      }
      await near.ended.promise;
      opened.listener.close();
    });
  }

  test('who connects after a renewal sees the new certificate, and who was connected stays', async () => {
    const { listener, far } = await open(identity([example]));
    const before = new StreamTalk();
    const old = net.connect(listener.local, before, {
      kind: 'tls',
      tls: identity([]),
      serverName: 'a.example',
    });
    await before.ready.promise;

    listener.renew(identity([second]));
    const after = new StreamTalk();
    const fresh = net.connect(listener.local, after, {
      kind: 'tls',
      tls: identity([]),
      serverName: 'b.example',
    });
    await after.ready.promise;
    old.write('still here');
    await far.heard(1);

    assert.deepEqual([old.peerNames, fresh.peerNames], [['a.example'], ['b.example', '*.c.example']]);
    old.end();
    fresh.end();
    await Promise.all([before.ended.promise, after.ended.promise]);
    listener.close();
  });

  test('TLS 1.1 is refused', async () => {
    const { listener, far } = await open(identity([example]));
    const socket = connect({
      port: listener.local.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    });

    const [error] = await new Promise<[Error]>((resolve) => socket.once('error', (...told) => resolve(told)));

    assert.match(error.message, /protocol version|unsupported protocol/);
    assert.equal((await far.ended.promise).why, 'error');
    listener.close();
  });

  test('nobody negotiates a second time', async () => {
    const { listener, far } = await open(identity([example]));
    const { port } = listener.local;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await new Promise((resolve) => socket.once('secureConnect', resolve));

    const refused = new Promise<Error | null>((resolve) => {
      socket.once('error', resolve);
      socket.renegotiate({}, resolve);
    });

    assert.match((await refused)?.message ?? 'it was allowed', /renegotiation|closed|reset/i);
    socket.destroy();
    await far.ended.promise;
    listener.close();
  });

  test('whoever says no TLS is closed, and was never open', async () => {
    const { listener, far } = await open(identity([example]));

    const socket = connectRaw(listener.local.port, '127.0.0.1', () =>
      socket.write('OPTIONS sip:x SIP/2.0\r\n'),
    );
    socket.on('error', () => {});
    const { why } = await far.ended.promise;

    assert.deepEqual([why, far.isOpen], ['error', false]);
    socket.destroy();
    listener.close();
  });

  test('two hundred handshakes that are begun and left harm nobody', async () => {
    const { listener } = await open(identity([example]));
    const sockets = Array.from({ length: 200 }, () => connectRaw(listener.local.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {}).write('\x16\x03\x01');
    const near = new StreamTalk();

    const client = net.connect(listener.local, near, {
      kind: 'tls',
      tls: identity([]),
      serverName: 'a.example',
    });
    await near.ready.promise;

    for (const socket of sockets) socket.destroy();
    client.end();
    await near.ended.promise;
    listener.close();
  });

  test('one far address and port at two of our addresses are two handshakes', async () => {
    const talks: StreamTalk[] = [];
    const accept = (): StreamTalk => {
      const talk = new StreamTalk();
      talks.push(talk);
      return talk;
    };
    const how = { kind: 'tls', tls: identity([example]) } as const;
    const listener = await net.listen({ host: '0.0.0.0', port: 0 }, accept, how);
    const { port } = listener.local;
    const first = connectRaw({ host: '127.0.0.1', port, localAddress: '127.0.0.9' });
    await once(first, 'connect');
    const from = { localAddress: '127.0.0.9', localPort: first.localPort! };
    const other = connectRaw({ host: '127.0.0.2', port, ...from });
    await once(other, 'connect');
    while (talks.length < 2) await new Promise(setImmediate);

    for (const [socket, text] of [
      [first, 'one'],
      [other, 'two'],
    ] as const) {
      const secure = connect({ socket, ca: authority.pem, servername: 'a.example' });
      await once(secure, 'secureConnect');
      secure.write(text);
    }
    await Promise.all(talks.map((talk) => talk.heard(1)));

    assert.deepEqual(
      talks.map((talk) => talk.texts),
      [['one'], ['two']],
    );
    first.destroy();
    other.destroy();
    listener.close();
  });

  test('an IPv6 listener speaks TLS too', async () => {
    const { listener, far } = await open(identity([example]), { host: '::1', port: 0 });
    const near = new StreamTalk();

    const client = net.connect(listener.local, near, {
      kind: 'tls',
      tls: identity([]),
      serverName: 'a.example',
    });
    client.write('six');
    await far.heard(1);

    assert.equal(listener.local.isIPv6, true);
    client.end();
    await near.ended.promise;
    listener.close();
  });
});
