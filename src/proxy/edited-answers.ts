/**
 * A 2xx that a reply route has edited. Its callee repeats it until the ACK is there (RFC 3261 §13.3.1.4), and each
 * fork behind a branch has one of its own; all of them must leave edited. A repetition leaves as the first one did;
 * the route is asked about the first one of each fork.
 */
import { NO_TEXT, type Slab } from '../base/slab.ts';
import type { SipResponse } from '../sip/message.ts';

/** Forks of one branch whose texts are kept; what those beyond repeat is edited anew. */
export const EDITED_FORKS_MAX = 8;

/** The first one, as it left. */
export interface EditedAnswer {
  readonly toTag: string;
  readonly text: string;
  /** Asks the reply route about one of another fork. */
  readonly edits: (response: SipResponse) => void;
}

/** Those of one client transaction, for as long as it lives. RFC 6026 §7.2 */
export class EditedAnswers {
  private readonly slab: Slab;
  private readonly edit: (response: SipResponse) => void;
  /** By To tag. */
  private readonly texts = new Map<string, number>();

  constructor(slab: Slab, { toTag, text, edits }: EditedAnswer) {
    this.slab = slab;
    this.edit = edits;
    this.keep(toTag, text);
  }

  /** What the caller is sent in place of this one. `textUp` makes it of the response as it stands. */
  textOf(response: SipResponse, textUp: () => string): string {
    const { toTag } = response; // Before the script may change it.
    const kept = this.texts.get(toTag);
    if (kept !== undefined) return this.slab.get(kept);
    this.edit(response);
    const text = textUp();
    this.keep(toTag, text);
    return text;
  }

  release(): void {
    for (const kept of this.texts.values()) this.slab.free(kept);
    this.texts.clear();
  }

  private keep(toTag: string, text: string): void {
    const kept = this.texts.size < EDITED_FORKS_MAX ? this.slab.put(text) : NO_TEXT;
    if (kept !== NO_TEXT) this.texts.set(toTag, kept);
  }
}
