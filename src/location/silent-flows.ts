/**
 * Flows that said nothing when something was sent by them: a device's other flows are taken before, until it registers
 * that one again. A connection may be open and lead nowhere for minutes. RFC 5626 §7
 */
import type { Contact } from './contact.ts';

/** Silent flows that are remembered; of more the oldest are forgotten. */
export const SILENT_FLOWS_MAX = 10_000;

/** See above. */
export class SilentFlows {
  private readonly names = new Set<string>();

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  has(contact: Contact): boolean {
    return this.names.has(nameOf(contact));
  }

  note(contact: Contact): void {
    if (contact.regId === undefined) return; // It is the device's only way.
    if (this.names.size === SILENT_FLOWS_MAX) this.names.delete(this.names.keys().next().value ?? '');
    this.names.add(nameOf(contact));
  }

  heard(contact: Contact): void {
    if (!this.isEmpty) this.names.delete(nameOf(contact));
  }
}

function nameOf({ instance, regId }: Contact): string {
  return `${instance} ${regId}`;
}
