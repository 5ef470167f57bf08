/** Who may register, for how long, and how phones stay reachable. A part of settings-schema.ts. */
import { z } from 'zod';
import type { LocationSettings } from '../location/location.ts';

const seconds = z
  .int()
  .min(1)
  .max(86_400 * 7);

/** `[registrar]` */
export const registrar = z
  .strictObject({
    min_expires: seconds.default(60).describe('The shortest registration, in seconds; shorter: 423.'),
    max_expires: seconds.default(7200).describe('The longest registration, in seconds; longer is cut.'),
    default_expires: seconds.default(3600).describe('When a phone asks for none, in seconds.'),
    expires_jitter_percent: z
      .int()
      .min(0)
      .max(50)
      .default(0)
      .describe(
        'Registrations are granted for up to so many percent less than asked for, so that refreshes ' +
          'do not come in waves.',
      ),
    max_contacts: z.int().min(1).max(100).default(10).describe('Bindings of one address-of-record.'),
    when_full: z
      .enum(['refuse', 'replace'])
      .default('refuse')
      .describe('What becomes of one more: `refuse` it with 403, or let it `replace` the oldest.'),
    matching: z
      .enum(['uri', 'call-id', 'instance'])
      .default('uri')
      .describe(
        'When a contact takes the place of one before: when the `uri` is the same, or besides when ' +
          'the `call-id` or the `instance` (`+sip.instance`) is. Flows (RFC 5626) go by instance and ' +
          '`reg-id` anyway.',
      ),
    path: z
      .enum(['lazy', 'strict', 'off'])
      .default('lazy')
      .describe(
        'A Path (RFC 3327) of a phone that does not say `Supported: path`: taken (`lazy`) or refused ' +
          'with 420 (`strict`). `off`: no Path is kept.',
      ),
    flow_timer_seconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(0)
      .describe(
        'Told to phones with a flow (RFC 5626) as `Flow-Timer`: how often they must send something; ' +
          'less than `[sip] idle_timeout_ms`. 0: they decide.',
      ),
    push_providers: z
      .array(
        z
          .string()
          .regex(/^[\w.-]{1,64}$/, 'a name such as "fcm"')
          .toLowerCase(),
      )
      .max(20)
      .readonly()
      .default([])
      .describe(
        'The push services that the script wakes phones by (RFC 8599), such as `apns`; others: 555. ' +
          'Empty: any may be named, none is offered.',
      ),
  })
  .readonly()
  .refine((r) => r.min_expires <= r.default_expires && r.default_expires <= r.max_expires, {
    error: 'a section with min_expires ≤ default_expires ≤ max_expires',
  });

/** `[location]` */
export const location = z
  .strictObject({
    durable: z
      .boolean()
      .default(true)
      .describe('Whether a registration is on disk before it is answered 200, and outlives a restart.'),
    waiting_rows_max: z
      .int()
      .min(1)
      .max(200_000)
      .default(20_000)
      .describe(
        'While so many rows wait for the database, registrations are answered 503 with a Retry-After.',
      ),
    keep_alive: z
      .enum(['off', 'crlf', 'options'])
      .default('crlf')
      .describe(
        'What phones behind a NAT are sent so that they stay reachable: line ends over UDP (`crlf`), ' +
          'or `options`, which finds out who is gone too.',
      ),
    keep_alive_seconds: z
      .int()
      .min(5)
      .max(3_600)
      .default(25)
      .describe('How often each of them is sent one, in seconds; spread evenly over all phones.'),
    keep_alive_misses: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe('With `options`: so many answers in a row that do not come end a registration.'),
  })
  .readonly();

/** What the location is given of both sections. */
export function locationSettings(
  parts: { readonly registrar: z.output<typeof registrar>; readonly location: z.output<typeof location> },
  bindingsMax: number,
): LocationSettings {
  const { registrar: asked, location: kept } = parts;
  return {
    minExpires: asked.min_expires,
    maxExpires: asked.max_expires,
    defaultExpires: asked.default_expires,
    jitterPercent: asked.expires_jitter_percent,
    maxContacts: asked.max_contacts,
    whenFull: asked.when_full,
    matching: asked.matching,
    path: asked.path,
    flowTimer: asked.flow_timer_seconds,
    pushProviders: asked.push_providers,
    durable: kept.durable,
    waitingRowsMax: kept.waiting_rows_max,
    bindingsMax,
  };
}
