/** Who is registered, as an `application/reginfo+xml` document. RFC 3680 §5, RFC 5628 §4 for device and flow */
import { hash } from 'node:crypto';
import { diskUri } from './binding-row.ts';
import type { Contact } from './contact.ts';

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
  readonly nowWall: number;
}

/** The text of a document. */
export function regInfoText({ aor, version, state, active, contacts, nowWall }: RegInfo): string {
  const gone = contacts.length > 0 ? 'terminated' : 'init';
  const lines = [
    '<?xml version="1.0"?>',
    `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="${version}" state="${state}">`,
    `  <registration aor="${escaped(`sip:${aor}`)}" id="${idOf(aor)}" state="${active ? 'active' : gone}">`,
    ...contacts.flatMap((one) => contactLines(one, nowWall)),
    '  </registration>',
    '</reginfo>',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function contactLines({ contact, news }: ContactState, nowWall: number): readonly string[] {
  const { uriText, q, callId, cseq, userAgent, instance, regId, expiresAt } = contact;
  const isThere = news !== 'expired' && news !== 'unregistered';
  const seconds = isThere ? Math.max(0, Math.ceil((expiresAt - nowWall) / 1000)) : 0;
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
    '    </contact>',
  ];
}

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
