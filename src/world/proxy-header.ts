/**
 * The PROXY protocol: a load balancer says, before anything else, for whom it connects.
 *
 *   version 1   PROXY TCP4 192.0.2.7 203.0.113.1 5060 443 ␍␊
 *
 *   version 2   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a │ 2 cmd │ family │ length │ from │ to │ ports │ …
 *               └──────────── signature ───────────┘   4 4      8       16
 */
import type { Socket } from 'node:net';
import { Endpoint, intToIp4, isIpAddress } from '../base/endpoint.ts';
import { addressWords, mappedIp4 } from '../base/network.ts';
import type { Millis } from '../base/world.ts';
import { limits } from './limits.ts';
import { printIp6 } from './socket-address.ts';

/** What the first bytes of a connection are: a header and whom it names, its beginning, or something else. */
export type ProxyHeader = { readonly bytes: number; readonly client: Endpoint | undefined } | 'more' | 'bad';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** The longest header of version 1, its line end included. */
const LINE_BYTES_MAX = 107;
const FIXED_BYTES = 16;
const LINE = /^PROXY (?:UNKNOWN(?: .*)?|TCP[46] (\S+) \S+ (\d{1,5}) \d{1,5})$/;

/** Reads the header at the front of these bytes; `client` is undefined when the balancer speaks for itself. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) {
    return compared < SIGNATURE.length ? 'more' : parseBinary(bytes);
  }
  return parseLine(bytes);
}

/**
 * Takes the header off a connection and leaves the rest in it, then tells whom it names. A connection that begins
 * otherwise, or takes its time, is closed: nobody else than the balancer may name a client.
 */
export function readProxyHeader(
  socket: Socket,
  withinMs: Millis | undefined,
  done: (client: Endpoint | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), withinMs ?? limits.proxyHeaderMs);
  const failed = (): void => void socket.destroy();
  const stop = (): void => {
    clearTimeout(late);
    socket.off('readable', read).off('error', failed).off('close', stop);
  };
  const read = (): void => {
    for (let chunk = readChunk(socket); chunk !== undefined; chunk = readChunk(socket)) {
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header === 'more') continue;
      stop();
      if (header === 'bad') {
        socket.destroy();
        return;
      }
      if (bytes.length > header.bytes) socket.unshift(bytes.subarray(header.bytes));
      done(header.client);
      return;
    }
  };
  socket.on('readable', read).on('error', failed).on('close', stop);
}

function readChunk(socket: Socket): Buffer | undefined {
  const chunk: unknown = socket.read();
  return Buffer.isBuffer(chunk) ? chunk : undefined;
}

function parseLine(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, LINE_BYTES_MAX);
  const end = text.indexOf('\r\n');
  if (end < 0) {
    const begins = text.startsWith('PROXY ') || 'PROXY '.startsWith(text);
    return begins && bytes.length < LINE_BYTES_MAX ? 'more' : 'bad';
  }
  const match = LINE.exec(text.substring(0, end));
  if (match === null) return 'bad';
  const [, host, port] = match;
  if (host === undefined) return { bytes: end + 2, client: undefined };
  return isIpAddress(host) && Number(port) <= 65_535
    ? { bytes: end + 2, client: endpointOf(host.toLowerCase(), Number(port)) }
    : 'bad';
}

function parseBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < FIXED_BYTES) return 'more';
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = bytes.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 15) > 1 || length > limits.proxyHeaderBytes) return 'bad';
  const total = FIXED_BYTES + length;
  if (bytes.length < total) return 'more';
  if ((command & 15) === 0) return { bytes: total, client: undefined };
  return { bytes: total, client: clientOf(bytes.subarray(FIXED_BYTES, total), family) };
}

/** A family we do not know, such as a UNIX socket, names nobody. */
function clientOf(addresses: Buffer, family: number): Endpoint | undefined {
  if (family === 0x11 && addresses.length >= 12) {
    return endpointOf(addresses.subarray(0, 4).join('.'), addresses.readUInt16BE(8));
  }
  if (family === 0x21 && addresses.length >= 36) {
    return endpointOf(printIp6(addresses.subarray(0, 16)), addresses.readUInt16BE(32));
  }
  return undefined;
}

/** A balancer that listens for both families names IPv4 clients by mapped addresses: all else knows their own. */
function endpointOf(host: string, port: number): Endpoint {
  const words = host.includes(':') ? addressWords(host) : undefined;
  const ip4 = words && mappedIp4(words);
  return new Endpoint(ip4 === undefined ? host : intToIp4(ip4), port);
}
