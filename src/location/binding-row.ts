/** A binding as a row of the `location` table, there and back. Columns are OpenSIPS's: see `store/schema.ts`. */
import type { Value } from '../store/writer.ts';
import { Contact } from './contact.ts';

/** The columns that `restore` reads. */
export interface BindingRow {
  readonly username: string;
  readonly domain: string;
  readonly contact: string;
  readonly received: string | null;
  readonly path: string | null;
  readonly expires: number;
  readonly q: number;
  readonly callid: string;
  readonly cseq: number;
  readonly user_agent: string;
  readonly sip_instance: string | null;
  readonly reg_id: number | null;
}

/** The values of `saveBinding`, in its order. */
export function savedValues(contact: Contact, nowWall: number): readonly Value[] {
  const { aor, uriText, received = null, path = null, expiresAt, q, callId, cseq, userAgent } = contact;
  const [username, domain] = partsOf(aor);
  const instance = contact.instance ?? null;
  return [
    username,
    domain,
    uriText,
    received,
    path,
    expiresAt,
    q,
    callId,
    cseq,
    nowWall,
    null,
    userAgent,
    null,
    instance,
    contact.regId ?? null,
  ];
}

/** The values of `removeBinding`, in its order. */
export function removedValues(contact: Contact): readonly Value[] {
  const [username, domain] = partsOf(contact.aor);
  return [username, domain, contact.uriText];
}

/**
 * The binding of a row. Of its Contact parameters the table keeps the instance and `reg-id`; others come back with
 * the next refresh. Undefined when the row was not written by us and cannot be a binding.
 */
export function contactOfRow(row: BindingRow): Contact | undefined {
  const { username, domain, callid, user_agent: userAgent, cseq, q, expires: expiresAt } = row;
  const instance = row.sip_instance === null ? '' : `;+sip.instance="${row.sip_instance}"`;
  const params = row.reg_id === null ? instance : `${instance};reg-id=${row.reg_id}`;
  const texts = [
    username,
    domain,
    row.contact,
    callid,
    userAgent,
    params,
    row.received ?? '',
    row.path ?? '',
  ];
  if (texts.some((text) => text.includes('\n'))) return undefined;
  return new Contact({
    aor: username === '' ? domain : `${username}@${domain}`,
    uriText: row.contact,
    q: Math.min(Math.max(q, 0), 1),
    expiresAt,
    callId: callid,
    cseq,
    userAgent,
    params,
    received: row.received ?? undefined,
    path: row.path ?? undefined,
  });
}

/** An AOR without a user part is a domain alone. */
function partsOf(aor: string): [username: string, domain: string] {
  const at = aor.lastIndexOf('@');
  return at < 0 ? ['', aor] : [aor.substring(0, at), aor.substring(at + 1)];
}
