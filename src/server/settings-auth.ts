/** The settings of accounts that others keep: RADIUS servers and issuers of tokens. A part of settings-schema.ts. */
import { z } from 'zod';
import { isIpAddress } from '../base/endpoint.ts';
import { parseHostPort, parsed } from './settings-listen.ts';

const SERVERS_MAX = 8;
const milliseconds = z.int().min(1).max(86_400_000);
const server = z
  .strictObject({
    address: parsed(parseHostPort, 'an address such as "192.0.2.41:1812"'),
    secret_file: z.string().min(1),
  })
  .readonly();
const servers = z.array(server).max(SERVERS_MAX).readonly().prefault([]);

/** `[radius]` */
export const radius = z
  .strictObject({
    servers: servers.describe(
      'Servers for `auth.radius()`, asked in this order: ' +
        '`{ address = "192.0.2.41:1812", secret_file = "radius.secret" }`.',
    ),
    accounting: servers.describe(
      'Servers that are told of calls, written alike (port 1813). Needs `[calls] records`.',
    ),
    dialect: z
      .enum(['sterman', 'rfc5090'])
      .default('sterman')
      .describe('How credentials are told: `sterman` as FreeRADIUS knows them, or `rfc5090`.'),
    algorithms: z
      .array(z.enum(['SHA-256', 'MD5']))
      .min(1)
      .readonly()
      .default(['MD5'])
      .describe('Digest algorithms that `auth.radius()` offers; FreeRADIUS knows `MD5` alone.'),
    nas_identifier: z.string().min(1).max(253).default('tandem').describe('How we call ourselves to them.'),
    from: z
      .string()
      .refine((text) => text === '' || isIpAddress(text), { error: 'an IP address' })
      .default('')
      .describe('The address we send from, by which servers know us. Empty: the one that leads there.'),
    reply_ms: milliseconds
      .default(600)
      .describe('The first wait for an answer; each further one is twice as long. A route has 5 s in all.'),
    attempts: z.int().min(1).max(10).default(2).describe('How often a server is asked before the next one.'),
    dead_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(30)
      .describe('How long a server that did not answer is left alone, in seconds.'),
    max_requests: z
      .int()
      .min(1)
      .max(100_000)
      .default(2_000)
      .describe('Questions that wait at once; one more is answered 503.'),
    interim_seconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(0)
      .describe('How often servers are told that a call goes on, in seconds. 0: never.'),
    queue: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(100_000)
      .describe('News of calls that wait for a server; for one more the oldest is given up.'),
    retry_ms: milliseconds.default(5_000).describe('How long news wait when no server takes them.'),
  })
  .readonly();

/** `[jwt]` */
export const jwt = z
  .strictObject({
    keys_file: z
      .string()
      .default('')
      .describe('A JWK set with the keys of the issuers, from where this file lies. Read again on SIGHUP.'),
    issuers: z
      .array(z.string().min(1))
      .max(100)
      .readonly()
      .default([])
      .describe('Whose tokens count: `iss`.'),
    audiences: z
      .array(z.string().min(1))
      .max(100)
      .readonly()
      .default([])
      .describe('For whom tokens must be: one of these is in `aud`.'),
    user_claim: z
      .string()
      .min(1)
      .default('sub')
      .describe('The claim that names the user: `alice@example.com`, with `sip:` or without.'),
    domain: z.string().toLowerCase().default('').describe('The domain of users whose claim names none.'),
    leeway_seconds: z.int().min(0).max(600).default(30).describe('How far clocks may differ, in seconds.'),
    accounts: z
      .boolean()
      .default(true)
      .describe('Whether the user must have an account here, so that deleting it is the end of its tokens.'),
    plain: z
      .boolean()
      .default(false)
      .describe('Whether tokens are taken that came without TLS, as behind a proxy that ends it.'),
    authorization_server: z
      .string()
      .max(2_000)
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]*$/, 'a URL')
      .default('')
      .describe('The URL where phones get tokens, told in challenges. Empty: none is told.'),
  })
  .readonly()
  .refine(
    ({ keys_file, issuers, audiences }) => keys_file === '' || (issuers.length > 0 && audiences.length > 0),
    {
      error: 'a section with issuers and audiences beside keys_file',
    },
  );

/** The same two sections with the files' names made absolute. */
export function placeAuth<T extends AuthFiles>(settings: T, absolute: (name: string) => string): T {
  const { radius: servers, jwt: tokens } = settings;
  const placed = (some: readonly { secret_file: string }[] | undefined): object | undefined =>
    some?.map((one) => ({ ...one, secret_file: absolute(one.secret_file) }));
  const keys = tokens?.keys_file ?? '';
  return {
    ...settings,
    ...(servers && {
      radius: {
        ...servers,
        ...(servers.servers && { servers: placed(servers.servers) }),
        ...(servers.accounting && { accounting: placed(servers.accounting) }),
      },
    }),
    ...(keys !== '' && { jwt: { ...tokens, keys_file: absolute(keys) } }),
  };
}

interface AuthFiles {
  readonly radius?:
    | {
        readonly servers?: readonly { readonly secret_file: string }[] | undefined;
        readonly accounting?: readonly { readonly secret_file: string }[] | undefined;
      }
    | undefined;
  readonly jwt?: { readonly keys_file?: string | undefined } | undefined;
}
