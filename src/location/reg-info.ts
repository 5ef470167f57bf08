/** Who is registered, as an `application/reginfo+xml` document. RFC 3680 §5, RFC 5628 §5 for GRUUs */
import { hash } from 'node:crypto';
import type { Millis } from '../base/world.ts';
import { diskUri } from './binding-row.ts';
import type { Contact } from './contact.ts';
import type { DeviceGruus } from './gruu.ts';

/** What happened to a contact. RFC 3680 §3.1 */
export type ContactNews = 'registered' | 'created' | 'refreshed' | 'expired' | 'unregistered';

/** A contact, and what happened to it last. */
export interface ContactState {
  readonly contact: Contact;
  readonly news: ContactNews;
}

/** The media type of such a document. */
export const REG_INFO = 'application/reginfo+xml';

/** What one document says. */
export interface RegInfo {
  readonly aor: string;
  /** Counted up by one for each document of a subscription. */
  readonly version: number;
  /** Every contact, or those alone to which something happened. */
  readonly state: 'full' | 'partial';
  /** Whether any contact is left. */
  readonly active: boolean;
  readonly contacts: readonly ContactState[];
  readonly now: Millis;
  /** The GRUUs of a contact that is there; undefined when it has none, or when nobody may be told. */
  readonly gruusOf?: ((contact: Contact) => Partial<DeviceGruus> | undefined) | undefined;
}

/** The text of a document. */
export function regInfoText(info: RegInfo): string {
  const { aor, version, state, active, contacts } = info;
  const gone = contacts.length > 0 ? 'terminated' : 'init';
  const lines = [
    '<?xml version="1.0"?>',
    `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" ${GRUU_SPACE} version="${version}" state="${state}">`,
    `  <registration aor="${escaped(`sip:${aor}`)}" id="${idOf(aor)}" state="${active ? 'active' : gone}">`,
    ...contacts.flatMap((one) => contactLines(one, info)),
    '  </registration>',
    '</reginfo>',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function contactLines({ contact, news }: ContactState, { now, gruusOf }: RegInfo): readonly string[] {
  const { uriText, q, callId, cseq, userAgent, instance, regId, expiresAt } = contact;
  const isThere = news !== 'expired' && news !== 'unregistered';
  const seconds = isThere ? Math.max(0, Math.ceil((expiresAt - now) / 1000)) : 0;
  const attributes = [
    `id="${idOf(diskUri(contact))}"`,
    `state="${isThere ? 'active' : 'terminated'}"`,
    `event="${news}"`,
    `expires="${seconds}"`,
    `q="${q}"`,
    `callid="${escaped(callId)}"`,
    `cseq="${cseq}"`,
  ];
  const unknown = (name: string, value: string): string =>
    `      <unknown-param name="${name}">${escaped(value)}</unknown-param>`;
  return [
    `    <contact ${attributes.join(' ')}>`,
    `      <uri>${escaped(uriText)}</uri>`,
    ...(instance === undefined ? [] : [unknown('+sip.instance', `"${instance}"`)]),
    ...(regId === undefined ? [] : [unknown('reg-id', String(regId))]),
    ...(userAgent === '' ? [] : [unknown('+sip.user-agent', userAgent)]),
    ...(isThere ? gruuLines(gruusOf?.(contact)) : []),
    '    </contact>',
  ];
}

/**
 * RFC 5628 §5. `first-cseq` is the lowest CSeq whose temporary GRUU still holds: all of a Call-ID do, see gruu.ts, so
 * there is none that is too low.
 */
function gruuLines(gruus: Partial<DeviceGruus> | undefined): readonly string[] {
  const { publicUri, temporaryUri } = gruus ?? {};
  const lines: string[] = [];
  if (publicUri !== undefined) lines.push(`      <gr:pub-gruu uri="${escaped(publicUri)}"/>`);
  if (temporaryUri !== undefined)
    lines.push(`      <gr:temp-gruu uri="${escaped(temporaryUri)}" first-cseq="0"/>`);
  return lines;
}

/** RFC 5628 §8 */
const GRUU_SPACE = 'xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"';

const ID_LENGTH = 12;

/** The same for the same binding, in every document and to every subscriber. RFC 3680 §5.1 */
function idOf(text: string): string {
  return `r${hash('sha256', text, 'hex').substring(0, ID_LENGTH)}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** A character that XML has no place for is left out. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (c) => ESCAPES[c] ?? c).replaceAll(/[^\t\n\r\x20-\uFFFD]/g, '');
}
