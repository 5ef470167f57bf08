/** The settings that protect: whom we hear how much of, who is banned, whose word counts. */
import { z } from 'zod';
import { parseNetwork } from '../base/network.ts';

const WEEK_SECONDS = 86_400 * 7;
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

const network = z.string().refine((text) => parseNetwork(text) !== undefined, {
  error: 'an address or a network such as "192.0.2.0/24"',
});
const peer = z.string().refine((text) => parseNetwork(text) !== undefined || NAME.test(text), {
  error: 'an address, a network such as "192.0.2.0/24", or the name in a TLS certificate',
});
const perSecond = z.int().min(1).max(1_000_000);

/** What scanners of the usual kind call themselves. */
const SCANNERS = [
  'friendly-scanner',
  'friendly-request',
  'sipvicious',
  'sipcli',
  'sip-scan',
  'sipscan',
  'siparmyknife',
  'sundayddr',
  'pplsip',
  'iwar',
];

/** `[guard]` */
export const guard = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('Whether strangers are limited, and bans carried out. See docs/security.md.'),
    exempt: z
      .array(network)
      .max(10_000)
      .readonly()
      .default(['127.0.0.0/8', '::1'])
      .describe('Addresses and networks that are never limited or banned; their word counts no more for it.'),
    strangers_per_second: perSecond
      .default(2000)
      .describe('Messages a second, served to all those together who have not logged in lately.'),
    source_per_second: perSecond
      .default(100)
      .describe('Messages a second, served to one such address or IPv6 /64.'),
    source_burst: perSecond.default(1000).describe('Messages that one such source may send at once.'),
    source_transactions_share: z
      .int()
      .min(1)
      .max(100)
      .default(20)
      .describe(
        'What one address or IPv6 /64 may hold of `[sip] max_transactions`, in per cent, with what is sent on for ' +
          'it, logged in or not. Beyond, its new requests are answered 503; beyond twice as much, also those within ' +
          'dialogs. Neither exempt sources nor servers of pools are limited; 100: nobody is.',
      ),
    stranger_share: z
      .int()
      .min(1)
      .max(100)
      .default(10)
      .describe('Their part of what is read, in per cent, while more waits than is read.'),
    overload_ms: z
      .int()
      .min(1)
      .max(60_000)
      .default(1000)
      .describe('How long more may wait than is read before new requests of anybody are answered 503.'),
    known_seconds: z
      .int()
      .min(1)
      .max(WEEK_SECONDS)
      .default(7200)
      .describe('How long who has logged in is served first and without limits, in seconds.'),
    closed_networks: z
      .array(network)
      .max(1_000)
      .readonly()
      .default(['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::', 'fe80::/10', 'ff00::/8'])
      .describe(
        'Addresses and networks that no request is sent to, whoever names them: add those of your databases.',
      ),
    scanners: z
      .array(z.string().min(3).max(64).toLowerCase())
      .max(100)
      .readonly()
      .default(SCANNERS)
      .describe('A stranger whose User-Agent contains one of these is not answered.'),
  })
  .readonly();

/** `[bans]` */
export const bans = z
  .strictObject({
    failures: z
      .int()
      .min(0)
      .max(100_000)
      .default(20)
      .describe('After so many wrong passwords from one address or IPv6 /64 it is banned; 0: never.'),
    window_seconds: z
      .int()
      .min(1)
      .max(WEEK_SECONDS)
      .default(600)
      .describe('Within how long, in seconds. A right password from there is counted from 0 again.'),
    ban_seconds: z.int().min(1).max(WEEK_SECONDS).default(3600).describe('For how long, in seconds.'),
  })
  .readonly();

/** `[trusted]` */
export const trusted = z
  .strictObject({
    peers: z
      .array(peer)
      .max(10_000)
      .readonly()
      .default([])
      .describe(
        'Peers whose P-Asserted-Identity counts, and who are told that of our callers (RFC 3325): addresses, ' +
          'networks, names in TLS certificates. Addresses are exempt from limits and bans.',
      ),
  })
  .readonly();
