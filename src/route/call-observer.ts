import type { Millis } from '../base/world.ts';
import type { Finisher } from '../proxy/response-context.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Flow } from '../transport/flow.ts';

/** Who keeps the calls' records: told of each attempt from INVITE to its end. */
export interface CallObserver {
  /** An INVITE that begins something new is relayed or refused. Answers the record's number, 0 for none. */
  opened(request: SipRequest, source: Flow): number;
  /** The final response to that INVITE. */
  finished(call: number, status: number, by: Finisher): void;
  /**
   * The call was hung up at this moment of the clock: its BYE was accepted, or nobody is there to refuse it. When forks
   * have answered in more than one dialog: the last of them was.
   */
  ended(call: number, by: Finisher, callId: string, at: Millis): void;
}

/** Keeps no records. */
export const noRecords: CallObserver = { opened: () => 0, finished() {}, ended() {} };
