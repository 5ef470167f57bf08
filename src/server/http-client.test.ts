import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { nodeWorld } from '../world/node-world.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { HttpOptions } from '../route/services.ts';
import { FarAnswers } from './dry-run-answers.ts';
import { capturedHttp } from './dry-run-http.ts';
import {
  HttpClient,
  isPrivate,
  reasonOf,
  REDIRECTS_MAX,
  URL_CHARACTERS_MAX,
  type HttpLimits,
} from './http-client.ts';

const { clock } = nodeWorld({ log: silentLogger, udp: 'dgram' });
const LIMITS: HttpLimits = { timeMs: 1_000, bytesMax: 100, requestsMax: 2, privateRedirects: true };

let url = '';
let last: { method: string; headers: IncomingMessage['headers']; body: string } | undefined;
const server = createServer((request, response) => void serve(request, response));

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const part of request) body += String(part);
  last = { method: request.method ?? '', headers: request.headers, body };
  const [, what = '', value = ''] = (request.url ?? '').split('/');
  if (what === 'bytes') response.end('x'.repeat(Number(value)));
  else if (what === 'status') response.writeHead(Number(value), { 'x-seen': 'yes' }).end('text');
  else if (what === 'hops') {
    const left = Number(value);
    if (left === 0) response.end('there');
    else response.writeHead(302, { location: `/hops/${left - 1}` }).end();
  } else if (what === 'to') response.writeHead(307, { location: decodeURIComponent(value) }).end();
  // Anything else is never answered.
}

const client = (more: Partial<HttpLimits> = {}): HttpClient => new HttpClient(clock, { ...LIMITS, ...more });

test('an answer, whatever its status', async () => {
  const answer = await client().fetch(`${url}/status/404`);

  assert.deepEqual([answer.status, answer.headers['x-seen'], answer.text], [404, 'yes', 'text']);
});

test('method, headers and body are sent', async () => {
  await client().fetch(`${url}/status/200`, { method: 'POST', headers: { 'x-a': 'b' }, body: '{"a":1}' });

  assert.deepEqual([last?.method, last?.headers['x-a'], last?.body], ['POST', 'b', '{"a":1}']);
});

for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
  test(`the body of a ${method} comes whole, with its length`, async () => {
    await client().fetch(`${url}/status/200`, { method, body: 'ä' });

    assert.deepEqual([last?.method, last?.headers['content-length'], last?.body], [method, '2', 'ä']);
  });
}

//    what a script without types says, what it is told
const WRONG: readonly [unknown, string][] = [
  ['POST', "options of http.fetch: { method, headers, body, timeMs } expected, not 'POST'"],
  [{ timeoutMs: 5 }, "options of http.fetch: method, headers, body, timeMs expected, not 'timeoutMs'"],
  [{ timeMs: -1 }, 'timeMs of http.fetch: milliseconds from 1 to 2147483647 expected, not -1'],
  [{ timeMs: NaN }, 'timeMs of http.fetch: milliseconds from 1 to 2147483647 expected, not NaN'],
  [{ method: 'post' }, "method of http.fetch: one of GET, POST, PUT, PATCH, DELETE expected, not 'post'"],
  [{ body: 'a' }, "method of http.fetch with a body: POST, PUT, PATCH or DELETE expected, not 'GET'"],
  [
    { method: 'POST', body: { a: 1 } },
    'body of http.fetch: a text, such as JSON.stringify(…) expected, not { a: 1 }',
  ],
];

for (const [options, message] of WRONG) {
  test(`options that cannot be meant are refused, in a dry run too: ${message}`, async () => {
    const asked = options as HttpOptions;

    await assert.rejects(client().fetch(url, asked), { code: 'INVALID', message });
    await assert.rejects(capturedHttp(new FarAnswers(), []).fetch(url, asked), {
      code: 'INVALID',
      message,
    });
  });
}

test('what fails names scheme and host alone: the rest of a URL may be a secret', async () => {
  for (const path of ['/bytes/101', '/silent', '/hops/9', `/to/${encodeURIComponent('http://[')}`]) {
    const asked = client({ timeMs: 100 }).fetch(`${url}${path}/secret`);

    await assert.rejects(
      asked,
      (error: Error) => error.message.startsWith(`${url}: `) && !/secret/.test(error.message),
    );
  }
  await assert.rejects(
    client().fetch('api.example.com/?key=secret'),
    (error: Error) => !/secret/.test(error.message),
  );
});

test('a name of which no address answers fails with what each of them said, in one line', () => {
  const each = ['connect ECONNREFUSED ::1:80', 'write EPROTO 40B3:error:0A00010B:wrong version number\n'];

  assert.equal(
    reasonOf(new AggregateError(each.map((text) => new Error(text)))),
    'connect ECONNREFUSED ::1:80, write EPROTO 40B3:error:0A00010B:wrong version number',
  );
});

test('the longest body is read, one byte more is refused', async () => {
  assert.equal((await client().fetch(`${url}/bytes/100`)).text.length, 100);

  await assert.rejects(client().fetch(`${url}/bytes/101`), {
    code: 'HTTP_FAILED',
    message: /more than 100 bytes/,
  });
});

test('a server that does not answer costs the time limit and no more', async () => {
  const one = client();

  await assert.rejects(one.fetch(`${url}/silent`, { timeMs: 20 }), {
    code: 'HTTP_FAILED',
    message: /in time/,
  });

  assert.equal(one.waiting, 0);
});

test('so many requests at once, one more is refused, and has its turn later', async () => {
  const one = client();
  const waiting = [1, 2].map(() => one.fetch(`${url}/silent`, { timeMs: 20 }).catch(() => 'late'));

  await assert.rejects(one.fetch(`${url}/status/200`), {
    code: 'HTTP_FAILED',
    message: /more than 2 requests/,
  });

  assert.deepEqual(await Promise.all(waiting), ['late', 'late']);
  assert.equal((await one.fetch(`${url}/status/200`)).status, 200);
});

test('redirections are followed so far and no further', async () => {
  assert.equal((await client().fetch(`${url}/hops/${REDIRECTS_MAX}`)).text, 'there');

  await assert.rejects(client().fetch(`${url}/hops/${REDIRECTS_MAX + 1}`), { message: /redirections/ });
});

test('a redirection to a private address is not followed, by number or by name', async () => {
  const port = new URL(url).port;
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
    const to = encodeURIComponent(`http://${host}:${port}/status/200`);

    await assert.rejects(client({ privateRedirects: false }).fetch(`${url}/to/${to}`), {
      message: /private address/,
    });
  }
});

test('what proves who we are goes to no other server', async () => {
  const other = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const to = encodeURIComponent(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);

  const { text } = await client({ bytesMax: 10_000 }).fetch(`${url}/to/${to}`, {
    headers: { Authorization: 'secret', 'X-Kept': 'yes' },
  });

  const seen = JSON.parse(text) as Record<string, string>;
  assert.deepEqual([seen['authorization'], seen['x-kept']], [undefined, 'yes']);
  other.close();
  other.closeAllConnections();
});

for (const bad of [
  'ftp://example.com/',
  'not a url',
  `http://example.com/${'x'.repeat(URL_CHARACTERS_MAX)}`,
]) {
  test(`${bad.slice(0, 40)} is refused`, async () => {
    await assert.rejects(client().fetch(bad), { code: 'HTTP_FAILED' });
  });
}

test('a server that is not there', async () => {
  await assert.rejects(client().fetch('http://127.0.0.1:1/'), {
    code: 'HTTP_FAILED',
    message: /ECONNREFUSED|127/,
  });
});

const ADDRESSES: readonly (readonly [string, boolean])[] = [
  ['127.0.0.1', true],
  ['10.1.2.3', true],
  ['172.31.255.255', true],
  ['172.32.0.0', false],
  ['192.168.0.1', true],
  ['169.254.169.254', true],
  ['100.64.0.1', true],
  ['0.0.0.0', true],
  ['8.8.8.8', false],
  ['::1', true],
  ['::', true],
  ['fd00::1', true],
  ['fe80::1', true],
  ['::ffff:10.0.0.1', true],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::7f00:1', true],
  ['2001:4860:4860::8888', false],
];

for (const [address, expected] of ADDRESSES) {
  test(`${address} is ${expected ? 'private' : 'public'}`, () => {
    assert.equal(isPrivate(address), expected);
  });
}
