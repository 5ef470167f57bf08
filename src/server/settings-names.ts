/** Who is asked for names: `[dns]`. A part of settings-schema.ts. */
import { z } from 'zod';
import { isIpAddress } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';
import { parsed, parseHostPort } from './settings-listen.ts';

/** RFC 1035 §4.2 */
const DNS_PORT = 53;

/** `192.0.2.53`, `2001:db8::53`, `127.0.0.1:5353`, `[::1]:5353` → its parts; undefined when it is none. */
export function parseNameServer(text: string): HostPort | undefined {
  return isIpAddress(text) ? { host: text, port: DNS_PORT } : parseHostPort(text);
}

const nameServer = parsed(parseNameServer, 'an address such as "192.0.2.53" or "127.0.0.1:5353"');

/** The section. */
export const dns = z
  .strictObject({
    servers: z
      .array(nameServer)
      .max(8)
      .readonly()
      .prefault([])
      .describe('Name servers, `address` or `address:port`. Empty: those of `/etc/resolv.conf`.'),
    timeout_ms: z
      .int()
      .min(50)
      .max(10_000)
      .default(1_000)
      .describe(
        'How long one name server is waited for, in milliseconds; a call waits 5 s for names in all.',
      ),
    attempts: z.int().min(1).max(5).default(2).describe('How often each name server is asked.'),
    naptr: z
      .boolean()
      .default(true)
      .describe('Whether a domain is asked which transports it prefers (NAPTR), before its SRV records.'),
  })
  .readonly();

/** `[sip] dead_target_seconds`. */
export const deadTargetSeconds = z
  .int()
  .min(0)
  .max(86_400)
  .default(30)
  .describe(
    'How long a host that did not answer is passed over when its domain has others, in seconds; 0: never.',
  );
