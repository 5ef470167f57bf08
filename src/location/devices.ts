/** A phone with several flows is one phone. RFC 5626 §7 */
import type { Uri } from '../sip/uri.ts';
import type { Contact } from './contact.ts';
import type { SilentFlows } from './silent-flows.ts';

/**
 * One contact a device, in their order; it knows the other flows, and each of those the ones after it. Those that were
 * silent lately come last.
 */
export function devices(contacts: readonly Contact[], silent: SilentFlows): readonly Contact[] {
  if (contacts.length < 2 || !contacts.some(({ regId }) => regId !== undefined)) return contacts;
  const flows = new Map<string, Contact[]>();
  for (const contact of contacts) {
    if (contact.regId === undefined) continue;
    const known = flows.get(contact.instance ?? '');
    if (known === undefined) flows.set(contact.instance ?? '', [contact]);
    else known.push(contact);
  }
  if (!silent.isEmpty)
    for (const all of flows.values()) all.sort((a, b) => Number(silent.has(a)) - Number(silent.has(b)));
  for (const all of flows.values()) for (const [at, one] of all.entries()) one.others = all.slice(at + 1);
  return contacts.filter((one) => one.regId === undefined || flows.get(one.instance ?? '')?.[0] === one);
}

/** Nobody is called by a sips URI who cannot be (RFC 5630 §5.3), and by no means one whose URI has another scheme. */
export function rungBy(scheme: Uri['scheme'], contacts: readonly Contact[]): readonly Contact[] {
  if (scheme === 'sips') return contacts.filter(({ bySips }) => bySips);
  return contacts.some(isOther) ? contacts.filter((contact) => !contact.isOther) : contacts;
}

function isOther(contact: Contact): boolean {
  return contact.isOther;
}
