/**
 * Calls with more than one dialog. Forks that answer at nearly the same moment are dialogs each (RFC 3261 §13.2.2.4):
 * the caller keeps one and sends the others a BYE, and that BYE is not the end of the call. A call with one 2xx, as
 * nearly all have, is not known here.
 */
import type { SipResponse } from '../sip/message.ts';

/** Calls that are remembered; the oldest is forgotten for one more, and ends with its next BYE. */
export const FORKED_CALLS_MAX = 16_384;
/** Dialogs of one call that are remembered; one more is not waited for. */
export const FORKED_DIALOGS_MAX = 32;

/** Calls that ended last, of which it is known that they did: a 2xx that comes later begins none of them anew. */
export const ENDED_CALLS = 16_384;

/** By the hash of the callee's tag: whether the dialog goes on. */
interface ForkedCall {
  readonly callId: string;
  readonly dialogs: Map<number, boolean>;
}

/** What is told of a dialog that ended while another one of its call goes on; `tag` is the callee's. */
export type DialogLeft = (call: number, callId: string, tag: string) => void;

/** What is looked at of a 2xx. */
type Answer = Pick<SipResponse, 'callId' | 'toTag'>;

/** Names a dialog by its tag; see `route-signer.ts`. */
export interface DialogNames {
  hashOf(tag: string): number;
}

/** Knows which call a 2xx is of; see `dialog-guard.ts`. */
export interface CallsByAnswer {
  callOf(response: SipResponse): number;
}

/** Which dialogs such calls have. One for the whole exchange; nothing of it outlives a restart. */
export class CallDialogs {
  /** Is told of dialogs that end before their call does. */
  onLeft: DialogLeft | undefined = undefined;
  private readonly names: DialogNames;
  private readonly answered: CallsByAnswer;
  private readonly calls = new Map<number, ForkedCall>();
  /** The numbers of those that ended last, the oldest overwritten. */
  private readonly over = new Float64Array(ENDED_CALLS);
  private overCount = 0;

  constructor(names: DialogNames, calls: CallsByAnswer) {
    this.names = names;
    this.answered = calls;
  }

  /** Calls that are known here. */
  get count(): number {
    return this.calls.size;
  }

  /** A 2xx goes to the caller of this call, 0 for none. Answers the dialog of the first one, which is noted there. */
  confirm(call: number, { callId, toTag }: Answer, invite: { dialog: number }): number {
    if (call === 0) return 0;
    const dialog = this.nameOf(toTag);
    if (invite.dialog === 0) invite.dialog = dialog;
    else this.note(call, callId, invite.dialog, dialog, true);
    return invite.dialog;
  }

  /** The same when all that is known of the call is its first dialog. */
  confirmLate(response: SipResponse, first: number): void {
    this.noteAnswer(response, first, true);
  }

  /** The same, but nobody waits for it: we hang up on it ourselves. */
  unwanted(response: SipResponse, first: number): void {
    this.noteAnswer(response, first, false);
  }

  /** One of its dialogs is over: whether the call is. */
  ended(call: number, callId: string, tag: string): boolean {
    if (this.calls.size > 0 && this.goesOn(call, callId, tag)) return false;
    this.over[this.overCount++ % ENDED_CALLS] = call;
    return true;
  }

  /** Whether the call has ended, as far back as that is known. */
  isOver(call: number): boolean {
    return this.over.includes(call);
  }

  private goesOn(call: number, callId: string, tag: string): boolean {
    const known = this.calls.get(call);
    // Without records a number of an earlier run may come back.
    if (known?.callId !== callId) return false;
    const { dialogs } = known;
    const name = this.nameOf(tag);
    const wasOpen = dialogs.get(name) === true;
    if (wasOpen) dialogs.set(name, false);
    for (const goesOn of dialogs.values()) {
      if (!goesOn) continue;
      if (wasOpen) this.onLeft?.(call, callId, tag);
      return true;
    }
    this.calls.delete(call);
    return false;
  }

  private noteAnswer(response: SipResponse, first: number, goesOn: boolean): void {
    const dialog = first === 0 ? 0 : this.nameOf(response.toTag);
    if (dialog !== first) this.note(this.answered.callOf(response), response.callId, first, dialog, goesOn);
  }

  /** Never 0, which names none. */
  private nameOf(tag: string): number {
    return this.names.hashOf(tag) || 1;
  }

  /** A dialog that has ended stays so: its 2xx may come again. So does a call. */
  private note(call: number, callId: string, first: number, other: number, goesOn: boolean): void {
    if (call === 0 || first === other) return;
    const known = this.calls.get(call);
    if (known === undefined && this.isOver(call)) return;
    const { dialogs } = known ?? this.begin(call, callId, first);
    if (!dialogs.has(other) && dialogs.size < FORKED_DIALOGS_MAX) dialogs.set(other, goesOn);
  }

  private begin(call: number, callId: string, first: number): ForkedCall {
    if (this.calls.size >= FORKED_CALLS_MAX) this.calls.delete(this.calls.keys().next().value ?? 0);
    const begun = { callId, dialogs: new Map([[first, true]]) };
    this.calls.set(call, begun);
    return begun;
  }
}
