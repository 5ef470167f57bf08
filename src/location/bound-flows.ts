/** Which bindings end with a connection. RFC 5626 §6: when a flow fails, the binding to it is of no use any more. */
import { whenBroken } from '../transport/flow.ts';
import type { Contact } from './contact.ts';
import type { RegisterSource } from './nat.ts';
import { SilentFlows } from './silent-flows.ts';

/** Told that the bindings of an address-of-record that were reached by this connection lead nowhere now. */
export type FlowGone = (aor: string, received: string) => void;

/** Watches connections. */
export class BoundFlows {
  readonly silent = new SilentFlows();
  private readonly flows = new Map<string, Set<string>>();
  private readonly gone: FlowGone;

  constructor(gone: FlowGone) {
    this.gone = gone;
  }

  /** Connections that are watched. */
  get count(): number {
    return this.flows.size;
  }

  /** What a phone registers by is not silent. */
  registered(contact: Contact, source: RegisterSource): void {
    this.silent.heard(contact);
    if (contact.isTied) this.bind(contact, source);
  }

  /** The binding holds as long as its connection does; one that is gone already takes it along at once. */
  private bind({ aor, received }: Contact, source: RegisterSource): void {
    if (received === undefined || source.watch === undefined) return;
    if (source.open === false) return this.gone(aor, received);
    const known = this.flows.get(received);
    if (known !== undefined) {
      known.add(aor);
      return;
    }
    const aors = new Set([aor]);
    this.flows.set(received, aors);
    whenBroken(source, () => {
      this.flows.delete(received);
      for (const bound of aors) this.gone(bound, received);
    });
  }
}
