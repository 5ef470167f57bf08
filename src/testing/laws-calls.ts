/** INVITEs as an exchange heard and sent them: every transaction and every branch, with what became of it. */
import type { Millis } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { topVia } from '../sip/via.ts';
import type { Overheard } from './swarm-log.ts';

/** A final response, and when it passed. */
export interface Final {
  readonly atMs: Millis;
  readonly status: number;
  readonly toTag: string;
}

/** An INVITE that the exchange heard, once for all its retransmissions. */
export interface HeardInvite {
  readonly run: number;
  readonly callId: string;
  readonly fromTag: string;
  readonly cseq: number;
  readonly uriText: string;
  readonly inDialog: boolean;
  /** It came by a connection; when that is gone, nobody can be answered. */
  readonly streamed: boolean;
  readonly atMs: Millis;
  readonly wallMs: Millis;
  readonly branches: Branch[];
  provisionals: number;
  readonly finals: Final[];
  cancelledMs: Millis | undefined;
}

/** An INVITE that the exchange sent, once for all its retransmissions. */
export interface Branch {
  readonly atMs: Millis;
  readonly streamed: boolean;
  readonly uriText: string;
  /** When the first response of it was heard, 100 included. */
  firstHeardMs: Millis | undefined;
  readonly finals: Final[];
  cancelledMs: Millis | undefined;
}

/** What was heard and said of INVITEs; those whose peer `isStranger` are left out. */
export class CallIndex {
  readonly invites: HeardInvite[] = [];
  /** Call-IDs that strangers have repeated: who overhears a call can speak in it, and nothing in it is sure. */
  private readonly touched = new Set<string>();
  private readonly byBranch = new Map<string, HeardInvite>();
  private readonly byCall = new Map<string, HeardInvite>();
  private readonly sent = new Map<string, Branch>();

  constructor(messages: readonly Overheard[], isStranger: (host: string) => boolean) {
    for (const { message, peer } of messages) if (isStranger(peer.host)) this.touched.add(message.callId);
    for (const overheard of messages) {
      const { message } = overheard;
      if (this.touched.has(message.callId)) continue;
      if (message.kind === 'request') this.noteRequest(overheard, message);
      else if (message.method === 'INVITE') this.noteResponse(overheard, message);
    }
  }

  private noteRequest(overheard: Overheard, request: SipRequest): void {
    const { heard, atMs } = overheard;
    const branch = branchOf(request);
    if (request.method === 'INVITE') {
      if (heard) this.noteHeard(overheard, request, branch);
      else this.noteSent(overheard, request, branch);
    } else if (request.method === 'CANCEL') {
      const key = keyOf(overheard, branch);
      const cancelled = heard ? this.byBranch.get(key) : this.sent.get(key);
      if (cancelled !== undefined) cancelled.cancelledMs ??= atMs;
    }
  }

  private noteHeard(overheard: Overheard, request: SipRequest, branch: string): void {
    const key = keyOf(overheard, branch);
    if (this.byBranch.has(key)) return;
    const { callId, fromTag, cseq, uriText, toTag } = request;
    const { run, atMs, wallMs, streamed } = overheard;
    const invite: HeardInvite = {
      run,
      callId,
      fromTag,
      cseq,
      uriText,
      inDialog: toTag !== '',
      streamed,
      atMs,
      wallMs,
      branches: [],
      provisionals: 0,
      finals: [],
      cancelledMs: undefined,
    };
    this.invites.push(invite);
    this.byBranch.set(key, invite);
    this.byCall.set(callKey(run, request), invite);
  }

  private noteSent(overheard: Overheard, request: SipRequest, branch: string): void {
    const { run, atMs, streamed } = overheard;
    const key = keyOf(overheard, branch);
    if (this.sent.has(key)) return;
    const { uriText } = request;
    const sent: Branch = {
      atMs,
      streamed,
      uriText,
      firstHeardMs: undefined,
      finals: [],
      cancelledMs: undefined,
    };
    this.sent.set(key, sent);
    this.byCall.get(callKey(run, request))?.branches.push(sent);
  }

  private noteResponse(overheard: Overheard, response: SipResponse): void {
    const { heard, atMs } = overheard;
    const { status, toTag } = response;
    const branch = branchOf(response);
    const final = { atMs, status, toTag };
    if (heard) {
      const sent = this.sent.get(keyOf(overheard, branch));
      if (sent === undefined) return;
      sent.firstHeardMs ??= atMs;
      if (status >= 200) addFinal(sent.finals, final);
      return;
    }
    const invite = this.byBranch.get(keyOf(overheard, branch));
    if (invite === undefined) return;
    if (status < 200) invite.provisionals++;
    else addFinal(invite.finals, final);
  }
}

/** Each final response once. */
function addFinal(finals: Final[], final: Final): void {
  if (!finals.some(({ status, toTag }) => status === final.status && toTag === final.toTag))
    finals.push(final);
}

/** What one run sent is not answered to another. */
function keyOf({ run, message }: Overheard, branch: string): string {
  return `${run} ${branch} ${message.callId}`;
}

function callKey(run: number, request: SipRequest): string {
  return `${run} ${request.callId} ${request.fromTag} ${request.cseq}`;
}

/** The branch of the topmost Via. */
export function branchOf(message: SipRequest | SipResponse): string {
  const via = topVia(message.headers);
  return via === undefined ? '' : message.headers.text.substring(via.branchStart, via.branchEnd);
}
