/** Where is listened, and for what: `[sip] listen` and its like. A part of settings-schema.ts. */
import { z } from 'zod';
import { isIpAddress } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';
import type { TransportName } from '../transport/flow.ts';

/** Where SIP is listened for. Port 0 lets the system choose. */
export interface ListenAddress extends HostPort {
  readonly transport: TransportName;
  /** How peers see this socket, when it is not where it is bound. */
  readonly advertise?: string;
  /** By which scripts may choose it. */
  readonly name?: string;
}

/** The same as it is written when it has more than an address. */
export interface ListenEntry {
  readonly listen: string;
  readonly advertise?: string | undefined;
  readonly name?: string | undefined;
}

const LISTEN = /^(udp|tcp|tls|ws|wss):(\[[0-9a-f:.]+\]|[^[\]:]+):(\d{1,5})$/i;
const HOST_PORT = /^(\[[0-9a-f:.]+\]|[^[\]:]+):(\d{1,5})$/i;
const PORT_MAX = 65_535;
/** A domain name. */
export const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

const EXPECTED = 'an address such as "udp:0.0.0.0:5060"';

/** `udp:0.0.0.0:5060`, `tls:[::]:5061` → its parts; undefined when it is none. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = LISTEN.exec(text);
  if (match === null) return undefined;
  const address = parseHostPort(`${match[2]}:${match[3]}`);
  if (address === undefined) return undefined;
  const transport = match[1]!.toLowerCase() as TransportName; // The expression lets no other through.
  return { transport, ...address };
}

/** `127.0.0.1:8080`, `[::1]:8080` → its parts; undefined when it is none. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = HOST_PORT.exec(text);
  const host = match?.[1]?.replace(/[[\]]/g, '') ?? '';
  const port = Number(match?.[2]);
  return match !== null && isIpAddress(host) && port <= PORT_MAX ? { host, port } : undefined;
}

/** The inverse of {@link parseListen}. */
export function printListen(address: ListenAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.transport}:${host}:${address.port}`;
}

/** A text that is parsed at the edge; what cannot be parsed is reported as the expectation. */
export function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

const entry = z.strictObject({
  listen: z.string(),
  advertise: z.string().optional(),
  name: z
    .string()
    .regex(/^[\w-]{1,32}$/)
    .optional(),
});

/** An address alone, or with how it is seen and what it is called. */
export const listenAddress = z
  .union([z.string(), entry], {
    error: `${EXPECTED}, or { listen = "udp:10.0.0.1:5060", advertise = "192.0.2.1:5060", name = "inside" }`,
  })
  .transform((written, context) => {
    const { listen, advertise, name } = typeof written === 'string' ? { listen: written } : written;
    const address = parseListen(listen);
    if (address !== undefined && (advertise === undefined || isAdvertisable(advertise))) {
      return {
        ...address,
        ...(advertise === undefined ? {} : { advertise }),
        ...(name === undefined ? {} : { name }),
      };
    }
    const message =
      address === undefined ? EXPECTED : 'seen at an address or name, with a port or without one';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** Whether each has a socket of its own: all but UDP listen on TCP. Port 0 is another one each time. */
export function areDistinct(all: readonly ListenAddress[]): boolean {
  const bound = all.filter(({ port }) => port !== 0);
  const sockets = bound.map(({ transport, host, port }) => `${transport === 'udp'} ${host} ${port}`);
  return new Set(sockets).size === sockets.length;
}

/** The inverse of {@link listenAddress}. */
export function printEntry(address: ListenAddress): string | ListenEntry {
  const { advertise, name } = address;
  if (advertise === undefined && name === undefined) return printListen(address);
  return { listen: printListen(address), advertise, name };
}

function isAdvertisable(text: string): boolean {
  if (isIpAddress(text) || parseHostPort(text) !== undefined) return true;
  const [name = '', port = '1', ...more] = text.split(':');
  return more.length === 0 && DOMAIN.test(name) && /^\d{1,5}$/.test(port) && Number(port) <= PORT_MAX;
}

const certificate = z
  .strictObject({
    certificate: z.string().min(1),
    key: z.string().min(1),
  })
  .readonly();

/** `[tls]` */
export const tls = z
  .strictObject({
    certificates: z
      .array(certificate)
      .max(1_000)
      .readonly()
      .default([])
      .describe(
        'Our certificates: `{ certificate = "chain.pem", key = "key.pem" }`, from where this file lies. ' +
          'A client that names a server gets the one of that name, any other the first. ' +
          'Read again on SIGHUP.',
      ),
    authorities: z
      .string()
      .default('')
      .describe('A file of those who sign for our peers. Empty: whom the system believes.'),
    clients: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe('Whether TLS clients are asked for a certificate, or refused without one.'),
  })
  .readonly();
