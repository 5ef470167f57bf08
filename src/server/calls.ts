/** The proxy's view of a call → its record. */
import type { CallRecords, NewCall } from '../billing/call-records.ts';
import type { CallObserver } from '../route/call-observer.ts';
import { FROM, TO } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { partyIn } from '../sip/party.ts';
import { aorOf } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';

/** Keeps a record of each call attempt: opened by the INVITE, closed by its failure or by the BYE. */
export function callObserver(records: CallRecords): CallObserver {
  return {
    opened: (request, source) => records.open(attemptOf(request, source)),
    finished(call, status, by) {
      if (status < 300) records.answered(call, status);
      else records.ended(call, { status, by });
    },
    ended: (call, by, _callId, at) => records.ended(call, { status: 200, by, at }),
  };
}

function attemptOf(request: SipRequest, source: Flow): NewCall {
  const from = partyIn(request, FROM);
  return {
    callId: request.callId,
    fromTag: request.fromTag,
    caller: from.aor,
    callee: aorOf(request.uri),
    fromUri: from.uri,
    toUri: partyIn(request, TO).uri,
    source: source.remote.key,
  };
}
