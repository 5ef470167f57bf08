/** The settings of what scripts are given: pools, numbers, addresses, HTTP, metrics. A part of settings-schema.ts. */
import { z } from 'zod';
import { parseUri } from '../sip/uri.ts';
import { parseNetwork } from '../subscriber/address-table.ts';
import { CALL_MS } from '../trunk/pool.ts';
import {
  CHANNELS_MAX,
  NAME_MAX,
  PICKS,
  PROBE_EVERY_MS_MIN,
  SERVERS_MAX,
  THRESHOLD_MAX,
  WEIGHT_MAX,
} from '../trunk/pool-options.ts';
import { DOWN_AFTER, REST_MS, UP_AFTER } from '../trunk/pool-server.ts';

const DAY_MS = 86_400_000;
const milliseconds = z.int().min(1).max(DAY_MS);
const digits = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[0-9]*$/, 'digits in quotes');
const dialled = z
  .string()
  .max(16)
  .regex(/^[0-9*#]+$/, 'a number as it is dialled');

const sipUri = z.string().refine(isSipUri, { error: 'a SIP URI such as "sip:192.0.2.21:5060"' });

function isSipUri(text: string): boolean {
  try {
    return parseUri(text).scheme === 'sip';
  } catch {
    return false; // The reason is told by the expectation.
  }
}

const poolServer = z
  .strictObject({
    uri: sipUri,
    weight: z.int().min(1).max(WEIGHT_MAX).default(1),
    priority: z.int().min(0).max(1_000).default(0),
    resources: z.record(z.string(), z.int().min(0).max(CHANNELS_MAX)).default({}),
  })
  .readonly();

const pool = z
  .strictObject({
    name: z.string().min(1).max(NAME_MAX),
    servers: z
      .array(z.union([sipUri, poolServer]))
      .max(SERVERS_MAX)
      .readonly(),
    pick: z.enum(PICKS).default('weight'),
    request_uri: z.enum(['host', 'keep']).default('host'),
    probe_ms: z.int().min(0).max(DAY_MS).default(0),
    probe_reply_ms: milliseconds.default(2_000),
    down_after: z.int().min(1).max(THRESHOLD_MAX).default(DOWN_AFTER),
    up_after: z.int().min(1).max(THRESHOLD_MAX).default(UP_AFTER),
    rest_ms: milliseconds.default(REST_MS),
    call_ms: milliseconds.default(CALL_MS),
  })
  .readonly()
  .refine(({ probe_ms }) => probe_ms === 0 || probe_ms >= PROBE_EVERY_MS_MIN, {
    error: `a pool with probe_ms 0, for no probes, or ${PROBE_EVERY_MS_MIN} and more`,
  });

/** `[trunk]` */
export const trunk = z
  .strictObject({
    pools: z
      .array(pool)
      .max(100)
      .readonly()
      .default([])
      .describe('Pools for `pools.get(name)`, as tables `[[trunk.pools]]`; their keys are in services.md.'),
  })
  .readonly();

const dialRules = {
  country_code: digits(3)
    .default('')
    .describe('Put before national numbers, such as `49`. Empty: there are none.'),
  area_code: digits(8).default('').describe('Put before local numbers, such as `30`. Empty: there are none.'),
  international_prefix: digits(6).default('00').describe('What is dialled in place of the plus.'),
  national_prefix: digits(4)
    .default('0')
    .describe('What is dialled before an area code. Empty: every number is written in full.'),
  local_digits_min: z
    .int()
    .min(1)
    .max(15)
    .default(5)
    .describe('Shorter numbers without a prefix are extensions, not local numbers.'),
  emergency: z
    .array(dialled)
    .max(100)
    .readonly()
    .default(['112', '911'])
    .describe('Numbers for which `numbers.isEmergency` says yes.'),
  short_codes: z
    .array(dialled)
    .max(1_000)
    .readonly()
    .default([])
    .describe('Numbers for which `numbers.isShortCode` says yes; they never become numbers of the world.'),
};

/** `[numbers]` */
export const numbers = z
  .strictObject({
    ...dialRules,
    domains: z
      .array(z.strictObject({ ...dialRules, domain: z.string().min(1).toLowerCase() }).readonly())
      .max(10_000)
      .readonly()
      .default([])
      .describe(
        'Domains whose people dial otherwise, as tables `[[numbers.domains]]`: `domain`, and the keys above.',
      ),
  })
  .readonly();

const network = z.string().refine((text) => parseNetwork(text) !== undefined, {
  error: 'a network such as "192.0.2.0/24", "[2001:db8::]/32" or "udp:192.0.2.7:5060"',
});

/** `[permissions]` */
export const permissions = z
  .strictObject({
    groups: z
      .array(
        z
          .strictObject({
            name: z.string().min(1).max(64),
            addresses: z.array(network).max(10_000).readonly(),
          })
          .readonly(),
      )
      .max(1_000)
      .readonly()
      .default([])
      .describe('Groups for `permissions.isIn`, as tables `[[permissions.groups]]`: `name` and `addresses`.'),
  })
  .readonly();

/** `[http]` */
export const http = z
  .strictObject({
    timeout_ms: milliseconds.default(3_000).describe('The longest wait for a whole answer, in milliseconds.'),
    max_bytes: z
      .int()
      .min(1)
      .max(64 << 20)
      .default(1 << 20)
      .describe('The longest body of an answer.'),
    max_requests: z.int().min(1).max(10_000).default(100).describe('Requests at once; one more is refused.'),
    private_redirects: z
      .boolean()
      .default(false)
      .describe('Whether an answer may lead us to an address of a private network.'),
  })
  .readonly();
