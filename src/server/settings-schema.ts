/**
 * Every key of tandem.toml with its default, its limits and its meaning: the source of docs/configuration.md.
 * A key has the same name in the file, in the documents and in the code, so that a search finds all three.
 */
import { z } from 'zod';
import { isIpAddress } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';

/** Where SIP is listened for. Port 0 lets the system choose. */
export interface ListenAddress extends HostPort {
  readonly transport: 'udp' | 'tcp';
}

const LISTEN = /^(udp|tcp):(\[[0-9a-f:.]+\]|[^[\]:]+):(\d{1,5})$/i;
const HOST_PORT = /^(\[[0-9a-f:.]+\]|[^[\]:]+):(\d{1,5})$/i;
const PORT_MAX = 65_535;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/** `udp:0.0.0.0:5060`, `tcp:[::]:5060` → its parts; undefined when it is none. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = LISTEN.exec(text);
  if (match === null) return undefined;
  const address = parseHostPort(`${match[2]}:${match[3]}`);
  if (address === undefined) return undefined;
  return { transport: match[1]!.toLowerCase() === 'udp' ? 'udp' : 'tcp', ...address };
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

const listenAddress = parsed(parseListen, 'an address such as "udp:0.0.0.0:5060"');
const hostPort = parsed(parseHostPort, 'an address such as "127.0.0.1:8080"');
const domain = z.string().regex(DOMAIN, 'a domain name such as "example.com"').toLowerCase();
const sentBy = z.string().refine((text) => text === '' || DOMAIN.test(text) || isIpAddress(text), {
  error: 'an IP address or a domain name',
});
const seconds = z
  .int()
  .min(1)
  .max(86_400 * 7);
const milliseconds = z.int().min(1).max(86_400_000);

/** A text that is parsed at the edge; what cannot be parsed is reported as the expectation. */
function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

const sip = z
  .strictObject({
    listen: z
      .array(listenAddress)
      .min(1)
      .max(64)
      .readonly()
      .prefault(['udp:0.0.0.0:5060', 'tcp:0.0.0.0:5060'])
      .describe('Where SIP is listened for: `transport:address:port`, transport `udp` or `tcp`.'),
    domains: z
      .array(domain)
      .max(10_000)
      .readonly()
      .default([])
      .describe('The domains we serve. Empty: every address we listen on counts as ours.'),
    open_inbound: z
      .boolean()
      .default(false)
      .describe('Whether anybody may call our users without credentials, as between providers.'),
    advertise: sentBy
      .default('')
      .describe('The address or name written into Via and Record-Route. Empty: the one the peer sees.'),
    max_transactions: z
      .int()
      .min(100)
      .max(4_000_000)
      .default(400_000)
      .describe('Transactions at once; beyond it new requests are answered 503.'),
    udp: z
      .enum(['batch', 'dgram'])
      .default('batch')
      .describe('How datagrams are read: `batch` many by one system call, `dgram` one by one.'),
    gso: z
      .boolean()
      .default(true)
      .describe('Whether equal-sized datagrams to one peer leave as one (UDP segmentation offload).'),
    pacing: z
      .boolean()
      .default(true)
      .describe('Whether a busy socket is read at most once a millisecond, which saves CPU under load.'),
    connections_per_source: z
      .int()
      .min(1)
      .max(65_535)
      .default(100)
      .describe('TCP connections from one address at once.'),
    header_timeout_ms: milliseconds
      .default(10_000)
      .describe('How long a connection may take to send one whole message, in milliseconds.'),
    idle_timeout_ms: milliseconds
      .default(3_600_000)
      .describe('After how long without a message a connection is closed, in milliseconds.'),
  })
  .readonly();

const registrar = z
  .strictObject({
    min_expires: seconds.default(60).describe('The shortest registration, in seconds; shorter: 423.'),
    max_expires: seconds.default(7200).describe('The longest registration, in seconds; longer is cut.'),
    default_expires: seconds.default(3600).describe('When a phone asks for none, in seconds.'),
    max_contacts: z.int().min(1).max(100).default(10).describe('Bindings of one address-of-record.'),
  })
  .readonly()
  .refine((r) => r.min_expires <= r.default_expires && r.default_expires <= r.max_expires, {
    error: 'a section with min_expires ≤ default_expires ≤ max_expires',
  });

const location = z
  .strictObject({
    durable: z
      .boolean()
      .default(true)
      .describe('Whether a registration is on disk before it is answered 200, and outlives a restart.'),
  })
  .readonly();

const auth = z
  .strictObject({
    algorithms: z
      .array(z.enum(['SHA-256', 'MD5']))
      .min(1)
      .readonly()
      .default(['MD5'])
      .describe(
        'Digest algorithms offered, in this order: `SHA-256`, `MD5`. Many phones fail when `SHA-256` is among them.',
      ),
    nonce_seconds: seconds.default(300).describe('How long a nonce may be used, in seconds.'),
  })
  .readonly();

const calls = z
  .strictObject({
    records: z.boolean().default(true).describe('Whether a record of every call is kept.'),
  })
  .readonly();

const data = z
  .strictObject({
    folder: z.string().min(1).default('./data').describe('The data folder, from where this file lies.'),
    synchronous: z
      .enum(['normal', 'full'])
      .default('normal')
      .describe('`normal` survives a crash of the program, `full` a loss of power too.'),
    commit_ms: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('How long changes are gathered before they are written together, in milliseconds.'),
  })
  .readonly();

const script = z
  .strictObject({
    file: z
      .string()
      .default('')
      .describe('The routing script, from where this file lies. Empty: `examples/registrar-proxy.ts`.'),
  })
  .readonly();

const webConsole = z
  .strictObject({
    listen: hostPort
      .prefault('127.0.0.1:8080')
      .describe('Where the console will listen; it comes with a later version.'),
  })
  .readonly();

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The least level that is written, to stderr.'),
    format: z
      .enum(['auto', 'lines', 'json'])
      .default('auto')
      .describe('`lines` for people, `json` for machines; `auto`: lines in a terminal, else JSON.'),
  })
  .readonly();

/** The whole of tandem.toml. */
export const settingsSchema = z
  .strictObject({
    sip: sip.prefault({}),
    registrar: registrar.prefault({}),
    location: location.prefault({}),
    auth: auth.prefault({}),
    calls: calls.prefault({}),
    data: data.prefault({}),
    script: script.prefault({}),
    console: webConsole.prefault({}),
    log: log.prefault({}),
  })
  .readonly();

/** The settings of one exchange, checked; paths are absolute. */
export type Settings = z.output<typeof settingsSchema>;

/** The same as it is written in tandem.toml; everything may be left out. */
export type SettingsInput = z.input<typeof settingsSchema>;
