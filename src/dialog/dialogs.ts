/** All dialogs of which we are an end, found by the tags of a request. */
import type { Random } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { Dialog, type DialogParts } from './dialog.ts';

/** Bits of chance in a tag of ours: nobody who has not seen it guesses it. RFC 3261 §19.3 asks for 32. */
const TAG_BITS = 96;
const PREFIX_BITS = 30;

/** The table of dialogs, at most so many. */
export class Dialogs {
  /** Dialogs that could not be kept because the limit was reached. */
  refused = 0;
  private readonly found = new Map<string, Dialog>();
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

  private readonly forget = (dialog: Dialog): void => {
    this.found.delete(keyOf(dialog.localTag, dialog.remoteTag));
  };
}

function keyOf(localTag: string, remoteTag: string): string {
  return `${localTag} ${remoteTag}`;
}
