/** Tokens that WebSockets are opened with, by real sockets. RFC 6750 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLogger } from '../base/silent-logger.ts';
import type { ByteStream, ListenOptions } from '../base/world.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { nodeWorld } from './node-world.ts';

const owner = { user: 'alice', domain: 'example.com', until: 4_000_000_000 };
const ANY = { host: '127.0.0.1', port: 0 };

describe('tokens of WebSockets', { timeout: 10_000 }, () => {
  const { net } = nodeWorld({ log: silentLogger });

  interface Far {
    readonly url: string;
    readonly asked: string[];
    readonly streams: ByteStream[];
    readonly talk: StreamTalk;
    close(): void;
  }

  async function listen(admits = true): Promise<Far> {
    const asked: string[] = [];
    const streams: ByteStream[] = [];
    const talk = new StreamTalk();
    const admit: ListenOptions['admit'] = (token, remote) => {
      asked.push(`${token} from ${remote.host}`);
      return token === 'good' ? owner : undefined;
    };
    const options: ListenOptions = admits ? { kind: 'ws', admit } : { kind: 'ws' };
    const listener = await net.listen(ANY, (stream) => (streams.push(stream), talk), options);
    return { url: `ws://${listener.local.key}`, asked, streams, talk, close: () => listener.close() };
  }

  /** How an attempt ends: `open` and the sub-protocol, or the HTTP status and its challenge. */
  function outcome(socket: WebSocket): Promise<string> {
    return new Promise((resolve) => {
      socket.on('open', () => resolve(`open ${socket.protocol}`));
      socket.on('unexpected-response', (_, { statusCode, headers }) =>
        resolve(`${statusCode} ${headers['www-authenticate']}`),
      );
      socket.on('error', (error) => resolve(error.message));
    });
  }

  const refused = '401 Bearer error="invalid_token"';
  // [what the page says: path, sub-protocols; the token that was asked for; how it ends]
  const rows: readonly (readonly [string, readonly string[], string | undefined, string])[] = [
    ['/', ['sip'], undefined, 'open sip'],
    ['/?token=good', ['sip'], 'good', 'open sip'],
    ['/any/path?x=1&access_token=good', ['sip'], 'good', 'open sip'],
    ['/', ['sip', 'bearer.good'], 'good', 'open sip'],
    ['/', ['bearer.good', 'sip'], 'good', 'open sip'],
    ['/?token=wrong', ['sip'], 'wrong', refused],
    ['/?token=', ['sip'], '', refused],
    ['/', ['sip', 'bearer.wrong'], 'wrong', refused],
    ['/?token=good', ['sip', 'bearer.good'], '', refused],
    ['/?token=good&token=good', ['sip'], '', refused],
    ['/?other=good', ['sip'], undefined, 'open sip'],
  ];
  for (const [path, protocols, token, ends] of rows) {
    test(`${path} with ${protocols.join(', ')}: ${ends}`, async () => {
      const far = await listen();
      const socket = new WebSocket(`${far.url}${path}`, [...protocols]);

      assert.equal(await outcome(socket), ends);

      assert.deepEqual(far.asked, token === undefined ? [] : [`${token} from 127.0.0.1`]);
      assert.deepEqual(far.streams[0]?.tokenOwner, token === 'good' ? owner : undefined);
      socket.terminate();
      await far.talk.ended.promise;
      far.close();
    });
  }

  test('where nobody asks for tokens a wrong one does no harm', async () => {
    const far = await listen(false);
    const socket = new WebSocket(`${far.url}/?token=wrong`, 'sip');

    assert.equal(await outcome(socket), 'open sip');

    assert.equal(far.streams[0]?.tokenOwner, undefined);
    socket.terminate();
    await far.talk.ended.promise;
    far.close();
  });

  test('our own WebSocket brings its token as a sub-protocol', async () => {
    const far = await listen();
    const near = new StreamTalk();
    const [, port = ''] = far.url.replace('ws://', '').split(':');
    const stream = net.connect({ host: '127.0.0.1', port: Number(port) }, near, {
      kind: 'ws',
      token: 'good',
    });
    await near.ready.promise;

    assert.deepEqual(far.asked, ['good from 127.0.0.1']);
    stream.destroy();
    await far.talk.ended.promise;
    far.close();
  });
});
