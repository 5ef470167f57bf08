/**
 * Every key of tandem.toml with its default, its limits and its meaning: the source of docs/configuration.md.
 * A key has the same name in the file, in the documents and in the code, so that a search finds all three.
 */
import { z } from 'zod';
import { isIpAddress } from '../base/endpoint.ts';
import { isSecure } from '../transport/flow.ts';
import {
  areDistinct,
  DOMAIN,
  type ListenAddress,
  listenAddress,
  parsed,
  parseHostPort,
  tls,
} from './settings-listen.ts';
import { jwt, radius } from './settings-auth.ts';
import { deadTargetSeconds, dns } from './settings-names.ts';
import { largeRequests, nat } from './settings-nat.ts';
import { bans, guard, trusted } from './settings-protection.ts';
import { location, registrar } from './settings-registrar.ts';
import { http, numbers, permissions, trunk } from './settings-services.ts';
import { rights } from './settings-users.ts';

export { parseHostPort, parseListen, printEntry, printListen } from './settings-listen.ts';
export type { ListenAddress, ListenEntry } from './settings-listen.ts';

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

const sip = z
  .strictObject({
    listen: z
      .array(listenAddress)
      .min(1)
      .max(64)
      .refine(areDistinct, { error: 'a list in which no address and port stands twice' })
      .readonly()
      .prefault(['udp:0.0.0.0:5060', 'tcp:0.0.0.0:5060'])
      .describe(
        'Where SIP is listened for: `transport:address:port`, transport `udp`, `tcp`, `tls`, `ws` or `wss`. ' +
          'Or `{ listen = "udp:10.0.0.1:5060", advertise = "192.0.2.1:5060", name = "inside" }`: ' +
          'how peers see the socket, and what scripts call it.',
      ),
    domains: z
      .array(domain)
      .max(10_000)
      .readonly()
      .default([])
      .describe(
        'The domains we serve. The addresses we listen on count as ours besides, whatever the port beside them.',
      ),
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
      .describe('Transactions at once; beyond nine in ten new requests are answered 503, beyond all any.'),
    udp: z
      .enum(['batch', 'dgram'])
      .default('batch')
      .describe(
        'How sockets are read: `batch` many datagrams, and TCP, by few system calls; `dgram` by Node alone.',
      ),
    gso: z
      .boolean()
      .default(true)
      .describe('Whether equal-sized datagrams to one peer leave as one (UDP segmentation offload).'),
    pacing: z
      .boolean()
      .default(true)
      .describe(
        'Whether busy sockets are looked at every two milliseconds or a little more often, which saves CPU under load.',
      ),
    connections_per_source: z
      .int()
      .min(1)
      .max(65_535)
      .default(100)
      .describe('Connections of all kinds from one address at once; for IPv6 from one network of 64 bits.'),
    handshake_timeout_ms: milliseconds
      .default(10_000)
      .describe('How long TCP, TLS and WebSocket together may take to stand, in milliseconds.'),
    websocket_origins: z
      .array(
        z
          .string()
          .regex(/^https?:\/\/[^/\s]+$/i, 'an origin such as "https://phone.example.com"')
          .toLowerCase(),
      )
      .max(1_000)
      .readonly()
      .default([])
      .describe('The pages whose browsers may connect, as they stand in `Origin`. Empty: all.'),
    proxy_protocol_from: z
      .array(z.string().refine(isIpAddress, { error: 'an IP address' }))
      .max(1_000)
      .readonly()
      .default([])
      .describe(
        'Load balancers whose connections begin with a PROXY header (version 1 or 2) that names the client.',
      ),
    header_timeout_ms: milliseconds
      .default(10_000)
      .describe('How long a connection may take to send one whole message, in milliseconds.'),
    idle_timeout_ms: milliseconds
      .default(3_600_000)
      .describe('After how long without a message a connection is closed, in milliseconds.'),
    dead_target_seconds: deadTargetSeconds,
    nat,
    large_requests: largeRequests,
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
    integrity: z
      .boolean()
      .default(false)
      .describe('Whether `auth-int` is offered beside `auth`, so that phones may prove the body too.'),
    host_only_uri: z
      .boolean()
      .default(false)
      .describe(
        'Whether the `uri` of an answer may name our host alone, as SIPp writes it; else in REGISTER only.',
      ),
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
    url: z
      .string()
      .default('')
      .describe(
        'A database server: `postgres://user@host/name` or `mysql://user@host/name`. Empty: a file in the folder.',
      ),
    password_file: z.string().default('').describe('The file with the password for `url`, and nothing else.'),
  })
  .readonly();

const script = z
  .strictObject({
    file: z
      .string()
      .default('')
      .describe('The routing script, from where this file lies. Empty: `examples/registrar-proxy.ts`.'),
    type_check: z
      .boolean()
      .default(true)
      .describe('Whether a reload refuses a script with wrong types, where `typescript` is installed.'),
    steps: z
      .boolean()
      .default(true)
      .describe(
        'Whether the steps that the script takes for each call are kept, for `calls show ID --steps`.',
      ),
    stall_ms: z
      .int()
      .min(0)
      .max(3_600_000)
      .default(1_000)
      .describe('A script that holds up every call so long is named in the log, in milliseconds. 0: never.'),
  })
  .readonly();

const webConsole = z
  .strictObject({
    listen: hostPort
      .prefault('127.0.0.1:8080')
      .describe('Where the console will listen; it comes with a later version.'),
  })
  .readonly();

const metrics = z
  .strictObject({
    listen: hostPort
      .or(z.literal(''))
      .prefault('')
      .describe('Where Prometheus finds `GET /metrics`, such as `127.0.0.1:9090`. Empty: nowhere.'),
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

const agent = z
  .strictObject({
    max_dialogs: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(20_000)
      .describe('Dialogs of which we are an end: two a call that we make of two legs, one a call we answer.'),
    session_seconds: z
      .int()
      .min(90)
      .max(86_400)
      .default(1800)
      .describe(
        'How long such a call lasts without a sign of life, in seconds; asked for as Session-Expires.',
      ),
    min_session_seconds: z
      .int()
      .min(90)
      .max(86_400)
      .default(90)
      .describe(
        'Shortest such time, in seconds, that another side may ask for: else 422, or more for who has no timers.',
      ),
  })
  .readonly();

/** The whole of tandem.toml. */
export const settingsSchema = z
  .strictObject({
    sip: sip.prefault({}),
    tls: tls.prefault({}),
    dns: dns.prefault({}),
    registrar: registrar.prefault({}),
    location: location.prefault({}),
    auth: auth.prefault({}),
    radius: radius.prefault({}),
    jwt: jwt.prefault({}),
    guard: guard.prefault({}),
    bans: bans.prefault({}),
    trusted: trusted.prefault({}),
    calls: calls.prefault({}),
    agent: agent.prefault({}),
    data: data.prefault({}),
    script: script.prefault({}),
    trunk: trunk.prefault({}),
    numbers: numbers.prefault({}),
    permissions: permissions.prefault({}),
    rights: rights.prefault({}),
    http: http.prefault({}),
    metrics: metrics.prefault({}),
    console: webConsole.prefault({}),
    log: log.prefault({}),
  })
  .refine(
    ({ sip: { listen }, tls: { certificates } }) => certificates.length > 0 || !needsCertificate(listen),
    {
      path: ['tls', 'certificates'],
      error: 'a list with one certificate at least, since [sip] listen has tls or wss',
    },
  )
  .refine(
    ({ sip: { idle_timeout_ms }, registrar: { flow_timer_seconds } }) =>
      flow_timer_seconds * 1000 < idle_timeout_ms,
    {
      path: ['registrar', 'flow_timer_seconds'],
      error: 'less than [sip] idle_timeout_ms, after which a silent connection is closed',
    },
  )
  .readonly();

function needsCertificate(listen: readonly ListenAddress[]): boolean {
  return listen.some(({ transport }) => isSecure(transport));
}

/** The settings of one exchange, checked; paths are absolute. */
export type Settings = z.output<typeof settingsSchema>;

/** The same as it is written in tandem.toml; everything may be left out. */
export type SettingsInput = z.input<typeof settingsSchema>;
