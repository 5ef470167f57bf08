/**
 * HTTP for scripts, with a limit on everything: time, bytes, requests at once, redirections. A redirection leads to no
 * private address unless the settings allow it, whatever its name resolves to: else a server that a script asks could
 * aim us at our own network.
 */
import { lookup as lookUp } from 'node:dns';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { TandemError } from '../base/errors.ts';
import { checkNames, checkWait, checkWord, refused } from '../base/options.ts';
import type { Clock, Millis } from '../base/world.ts';
import type { HttpAnswer, HttpOptions, HttpService } from '../route/services.ts';

/** Redirections that one request follows. */
export const REDIRECTS_MAX = 3;
/** Characters of a URL. */
export const URL_CHARACTERS_MAX = 8_192;

const OPTIONS = ['method', 'headers', 'body', 'timeMs'];
const METHODS: readonly NonNullable<HttpOptions['method']>[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** What bounds the requests of scripts. */
export interface HttpLimits {
  readonly timeMs: Millis;
  readonly bytesMax: number;
  readonly requestsMax: number;
  readonly privateRedirects: boolean;
}

/** See {@link HttpService}. */
export class HttpClient implements HttpService {
  private readonly clock: Clock;
  private readonly limits: HttpLimits;
  /** Requests that wait for their answer. */
  waiting = 0;

  constructor(clock: Clock, limits: HttpLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  async fetch(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
    const { requestsMax, timeMs } = this.limits;
    checkRequest(options);
    const first = parseUrl(url);
    if (this.waiting >= requestsMax) throw failed(first.origin, `more than ${requestsMax} requests wait`);
    const over = new AbortController();
    const timer = this.clock.after(options.timeMs ?? timeMs, () => over.abort());
    this.waiting++;
    try {
      return await this.follow(first, options, over.signal);
    } catch (error) {
      if (over.signal.aborted) throw failed(first.origin, 'no whole answer in time');
      throw error instanceof TandemError ? error : failed(first.origin, reasonOf(error));
    } finally {
      this.waiting--;
      timer.cancel();
    }
  }

  private async follow(first: URL, asked: HttpOptions, signal: AbortSignal): Promise<HttpAnswer> {
    let url = first;
    let options = asked;
    for (let hops = 0; ; hops++) {
      const guarded = hops > 0 && !this.limits.privateRedirects;
      const answer = await this.once(url, options, signal, guarded);
      const next = REDIRECTS.has(answer.status) ? answer.headers['location'] : undefined;
      if (next === undefined) return answer;
      if (hops === REDIRECTS_MAX) throw failed(first.origin, `more than ${REDIRECTS_MAX} redirections`);
      const to = parseUrl(new URL(next, url).href);
      options = redirected(options, answer.status, to.origin === url.origin);
      url = to;
    }
  }

  private async once(
    url: URL,
    options: HttpOptions,
    signal: AbortSignal,
    guarded: boolean,
  ): Promise<HttpAnswer> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (guarded && isIP(host) !== 0 && isPrivate(host))
      throw failed(url.origin, 'it leads to a private address');
    const { method = 'GET', headers = {}, body } = options;
    const asked: RequestOptions = {
      method,
      headers: { 'user-agent': 'tandem', ...headers },
      signal,
      agent: false, // A connection that stands may lead where this request may not.
      ...(guarded ? { lookup: publicLookup } : {}),
    };
    const message = await ask(url, asked, body);
    return {
      status: message.statusCode ?? 0,
      headers: flat(message.headers),
      text: await wholeText(message, this.limits.bytesMax, url.origin),
    };
  }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What proves who we are to one server is nothing for another. */
const SECRETS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** RFC 9110 §15.4: 307 and 308 keep method and body, the others ask again with GET. */
function redirected(options: HttpOptions, status: number, sameOrigin: boolean): HttpOptions {
  const given = Object.entries(options.headers ?? {});
  const headers = Object.fromEntries(
    given.filter(([name]) => sameOrigin || !SECRETS.has(name.toLowerCase())),
  );
  return status === 307 || status === 308 ? { ...options, headers } : { headers };
}

function ask(url: URL, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, resolve);
    // Node tells no length for a DELETE, whose body would be read as the next request.
    if (body !== undefined) request.setHeader('content-length', Buffer.byteLength(body));
    request.on('error', reject);
    request.end(body);
  });
}

async function wholeText(message: IncomingMessage, bytesMax: number, server: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      message.destroy();
      throw failed(server, `an answer of more than ${bytesMax} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  const one = (value: string | string[] | undefined): string =>
    Array.isArray(value) ? value.join(', ') : (value ?? '');
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, one(value)]));
}

/** Throws INVALID for options that cannot be meant. */
export function checkRequest(options: HttpOptions): void {
  checkNames('options of http.fetch', options, OPTIONS);
  const { method = 'GET', body, timeMs } = options;
  checkWord('method of http.fetch', method, METHODS);
  checkWait('timeMs of http.fetch', timeMs);
  if (body === undefined) return;
  if (typeof body !== 'string')
    throw refused('body of http.fetch', 'a text, such as JSON.stringify(…)', body);
  if (method === 'GET')
    throw refused('method of http.fetch with a body', 'POST, PUT, PATCH or DELETE', method);
}

/** Throws HTTP_FAILED for what is no URL of a web server. */
export function parseUrl(text: string): URL {
  if (typeof text !== 'string') throw refused('the URL of http.fetch', 'a text', text);
  const url = text.length <= URL_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw failed(
    text.split(/[?#]/, 1).join('').slice(0, 100),
    `expected an http or https URL of at most ${URL_CHARACTERS_MAX} characters`,
  );
}

/** Of a name with several addresses each has failed in its own way. What OpenSSL says is several lines. */
export function reasonOf(error: unknown): string {
  const all: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const said = all.map((one) => (one instanceof Error ? one.message : String(one)).trim().split('\n')[0]);
  return said.join(', ');
}

/** The path and what follows it may be a secret: scheme and host say enough beside the line of the script. */
function failed(server: string, why: string): TandemError {
  return new TandemError('HTTP_FAILED', `${server}: ${why}`);
}

// ─── what is private ──────────────────────────────────────────────────────────────────────────────

/** Loopback, link-local, private use, shared, benchmarks, multicast and reserved: RFC 6890. */
const PRIVATE: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

const blocked = new BlockList();
for (const [net, bits, family] of PRIVATE) blocked.addSubnet(net, bits, family);

/** Whether an address belongs to a network that is nobody's else. An IPv4 address in IPv6 counts as what it is. */
export function isPrivate(address: string): boolean {
  return blocked.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Resolves a name, and refuses it if any of its addresses is private. */
const publicLookup: LookupFunction = (name, options, done) => {
  lookUp(name, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '', 0);
    const found = addresses[0];
    if (found === undefined || addresses.some(({ address }) => isPrivate(address)))
      return done(new TandemError('HTTP_FAILED', `${name} leads to a private address`), '', 0);
    if (options.all === true) done(null, addresses);
    else done(null, found.address, found.family);
  });
};
