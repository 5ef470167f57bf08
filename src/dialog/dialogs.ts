/** All dialogs of which we are an end, found by the tags of a request. */
import type { Random } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { Dialog, type DialogParts } from './dialog.ts';

/** Bits of chance in a tag of ours: nobody who has not seen it guesses it. RFC 3261 §19.3 asks for 32. */
const TAG_BITS = 96;
const PREFIX_BITS = 30;
/** Dialogs that are over and can still be told from those that never were. RFC 3891 §3 */
export const ENDED_REMEMBERED = 1_024;

/** The table of dialogs, at most so many. */
export class Dialogs {
  /** Dialogs that could not be kept because the limit was reached. */
  refused = 0;
  private readonly found = new Map<string, Dialog>();
  /** Call-IDs of those that ended last, the oldest first. */
  private readonly over = new Map<string, string>();
  private readonly random: Random;
  private readonly max: number;
  /** Begins each tag of ours: a request of another's dialog is told apart without a search. */
  private readonly prefix: string;

  constructor(random: Random, options: { readonly dialogsMax: number }) {
    this.random = random;
    this.max = options.dialogsMax;
    this.prefix = `${random.token(PREFIX_BITS)}-`;
  }

  get count(): number {
    return this.found.size;
  }

  /** Whether there is room for another. */
  get full(): boolean {
    return this.found.size >= this.max;
  }

  newTag(): string {
    return this.prefix + this.random.token(TAG_BITS);
  }

  /** Undefined when the limit is reached. */
  open(parts: DialogParts): Dialog | undefined {
    if (this.full) {
      this.refused++;
      return undefined;
    }
    const dialog = new Dialog(parts, this.forget);
    this.found.set(keyOf(parts.localTag, parts.remoteTag), dialog);
    return dialog;
  }

  /** The dialog a request belongs to. RFC 3261 §12.2.2 */
  find(request: SipRequest): Dialog | undefined {
    const { toTag } = request;
    if (!toTag.startsWith(this.prefix)) return undefined;
    return this.named(request.callId, toTag, request.fromTag);
  }

  /** The dialog with this name: the local tag is the one that we gave. */
  named(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    const dialog = this.found.get(keyOf(localTag, remoteTag));
    return dialog?.callId === callId ? dialog : undefined;
  }

  /** Whether a dialog with this name was ours and is over. Only the last ones are remembered. */
  hasEnded(callId: string, localTag: string, remoteTag: string): boolean {
    return this.over.get(keyOf(localTag, remoteTag)) === callId;
  }

  private readonly forget = (dialog: Dialog): void => {
    const key = keyOf(dialog.localTag, dialog.remoteTag);
    this.found.delete(key);
    const [oldest] = this.over.size < ENDED_REMEMBERED ? [] : this.over.keys();
    if (oldest !== undefined) this.over.delete(oldest);
    this.over.set(key, dialog.callId);
  };
}

function keyOf(localTag: string, remoteTag: string): string {
  return `${localTag} ${remoteTag}`;
}
