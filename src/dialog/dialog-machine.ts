/**
 * The life of a dialog. RFC 3261 §12.
 *
 *     1xx with a To tag             2xx
 *            │                       │
 *      ┌─────▼────┐ accepted   ┌─────▼─────┐
 *      │  early   ├───────────►│ confirmed ├─┐ accepted: –
 *      └─────┬────┘            └─────┬─────┘◄┘
 *            │ ended                 │ ended
 *      ┌─────▼───────────────────────▼─────┐
 *      │            terminated             │
 *      └───────────────────────────────────┘
 *
 * `ended`: a final response other than 2xx, a BYE, a 481 or 408 within it, an ACK that never came.
 */
import { go, ignore, type Machine } from '../base/machine.ts';

/** The boxes of the figure. */
export type DialogState = 'early' | 'confirmed' | 'terminated';
/** Its arrows. */
export type DialogEvent = 'accepted' | 'ended';

/** What the figure asks of its surroundings. */
export interface DialogPart {
  /** Nobody finds the dialog any more. */
  leave(): void;
}

const end = go<'terminated', DialogPart>('terminated', (dialog) => dialog.leave());

/** The figure. */
export const dialogMachine: Machine<DialogState, DialogEvent, DialogPart> = {
  early: { accepted: go('confirmed'), ended: end },
  confirmed: { accepted: ignore, ended: end },
  terminated: { accepted: ignore, ended: ignore },
};
