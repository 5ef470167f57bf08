/** Mallory: has no account, and writes his requests by hand. */
import { hash } from 'node:crypto';
import type { Script } from '../route/router.ts';
import type { SettingsInput } from '../server/settings-schema.ts';
import { Stranger } from './stranger.ts';
import { EXCHANGE, type Town, town } from './town.ts';

/** Where he is. */
export const MALLORY = '198.51.100.7';
/** Somebody who never asked for anything. */
export const VICTIM = '203.0.113.9';
/** Bob's phone in `mallorysTown`. */
export const BOB = '192.0.2.12';
/** The exchange, for {@link Stranger}. */
export const TARGET = { host: EXCHANGE, port: 5060 };

/** What is unusual about a request. */
export interface RequestParts {
  readonly method?: string;
  readonly uri?: string;
  /** A Via without its branch. */
  readonly via?: string;
  /** From without its tag. */
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  /** Whole lines, with their ends; Max-Forwards by default. */
  readonly more?: string;
  readonly body?: string;
}

/** A request of Mallory's to Bob; other parts make another transaction. */
export function request(parts: RequestParts = {}): string {
  const { method = 'INVITE', uri = 'sip:bob@example.com', more = 'Max-Forwards: 70\r\n', body = '' } = parts;
  const branch = hash('sha1', JSON.stringify(parts));
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: ${parts.via ?? `SIP/2.0/UDP ${MALLORY}:5060`};branch=z9hG4bK${branch}`,
    `From: ${parts.from ?? '<sip:mallory@example.org>'};tag=m`,
    `To: ${parts.to ?? '<sip:bob@example.com>'}`,
    `Call-ID: ${parts.callId ?? branch}`,
    `CSeq: 1 ${method}`,
    `${more}Content-Length: ${body.length}`,
    `\r\n${body}`,
  ].join('\r\n');
}

/** The registered phones of Alice and Bob, and Mallory. */
export async function mallorysTown(
  script: Script,
  sip: NonNullable<SettingsInput['sip']> = {},
): Promise<{ t: Town; mallory: Stranger }> {
  const t = await town(script, { people: { alice: {}, bob: {} }, settings: { sip } });
  await t.phone('alice').register();
  await t.phone('bob').register();
  return { t, mallory: await new Stranger(t.world, MALLORY, TARGET).open() };
}

/** What the exchange sent to anybody but its users and Mallory. */
export function sentElsewhere(t: Town): readonly string[] {
  const known = new Set(['192.0.2.11', BOB, MALLORY]);
  return t.net.trace.entries
    .filter(({ fromHost, toHost }) => fromHost === EXCHANGE && !known.has(toHost))
    .map(({ to, text }) => `${to} ${text.split('\r\n', 1)[0]}`);
}

/** The status of a response as text; NaN when there is none. */
export function statusOf(text: string | undefined): number {
  return Number(text?.substring(8, 11));
}
