import type { Finisher } from '../proxy/response-context.ts';
import type { RouteMark } from '../proxy/route-signer.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Flow } from '../transport/flow.ts';

/** Who keeps the calls' records: told of each attempt from INVITE to its end. */
export interface CallObserver {
  /** An INVITE that begins something new is relayed or refused. Answers the record's number, 0 for none. */
  opened(request: SipRequest, source: Flow): number;
  /** The final response to that INVITE. */
  finished(call: number, status: number, by: Finisher): void;
  /** A request within the call: its BYE ends it. */
  within(mark: RouteMark, request: SipRequest): void;
}

/** Keeps no records. */
export const noRecords: CallObserver = { opened: () => 0, finished() {}, within() {} };
