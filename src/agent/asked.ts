/** A request of the peer within a call, to be answered once. */
import type { HeaderLine } from '../dialog/dialog.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { contactFor } from './ways.ts';
import type { AnswerParts } from './invite-answer.ts';

/** What a 2xx does beside being sent. */
interface OnSuccess {
  /** Fields that it must carry. */
  readonly headers: readonly HeaderLine[];
  /** Called before it is sent. */
  taken(): void;
}

/** INFO, UPDATE, REFER, PRACK, MESSAGE, NOTIFY: everything but INVITE and BYE. */
export class Asked {
  readonly request: SipRequest;
  private readonly server: ServerTransaction;
  private readonly generation: number;
  private readonly onSuccess: OnSuccess | undefined;

  constructor(server: ServerTransaction, request: SipRequest, onSuccess?: OnSuccess) {
    this.server = server;
    this.generation = server.generation;
    this.request = request;
    this.onSuccess = onSuccess;
  }

  /** Whether somebody still waits for the answer. */
  get pending(): boolean {
    return this.server.generation === this.generation && this.server.status < 200;
  }

  reply(status: number, parts: AnswerParts = {}): void {
    if (!this.pending) return;
    const headers: HeaderLine[] = [...(parts.headers ?? [])];
    if (status < 300) {
      if (this.request.method !== 'INFO')
        headers.push(['Contact', contactFor(this.server.flow, undefined, this.request.isSips)]);
      headers.push(...(this.onSuccess?.headers ?? []));
      this.onSuccess?.taken();
    }
    if (parts.contentType !== undefined) headers.push(['Content-Type', parts.contentType]);
    const text = replyTo(this.request, status, {
      reason: parts.reason,
      headers: headers.map(([name, value]) => [name, String(value)] as const),
      body: parts.body,
    });
    this.server.respond(status, text);
  }
}
