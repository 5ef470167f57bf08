/** Being an end ourselves: calls that we answer, calls and requests that we make. */
import { SipError } from '../base/errors.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { ask, type ClientOutcome, type ClientRequest } from './client.ts';
import { AgentCore, type AgentParts } from './core.ts';
import { unknownOptions } from './extensions.ts';
import { Enrolment, type EnrolmentOptions } from './enrolment.ts';
import { type AnswerWatch, InviteAnswer } from './invite-answer.ts';
import { type LocalApp, LocalCall } from './local-call.ts';
import { Probe, type ProbeOptions } from './probe.ts';

/** One for the whole exchange. */
export class Agent {
  readonly core: AgentCore;

  constructor(parts: AgentParts) {
    this.core = new AgentCore(parts);
  }

  /** Dialogs of ours; as long as there are none, no request is looked up. */
  get dialogCount(): number {
    return this.core.dialogs.count;
  }

  /** Sends a request outside any dialog, and answers a challenge. */
  ask(request: ClientRequest): Promise<ClientOutcome> {
    return ask(this.core, request);
  }

  /** Registers us at somebody else's registrar until the enrolment is stopped. */
  enrol(options: EnrolmentOptions): Enrolment {
    const enrolment = new Enrolment(this.core, options);
    enrolment.start();
    return enrolment;
  }

  /** Asks somebody by OPTIONS whether they live until the probe is stopped. */
  probe(options: ProbeOptions): Probe {
    const probe = new Probe(this.core, options);
    probe.start();
    return probe;
  }

  /**
   * Gives an INVITE to an application. `isSips`: it came to a sips URI. `clean`: takes out of what comes within the
   * call, from either side, what may not go on.
   */
  answer(
    server: ServerTransaction,
    request: SipRequest,
    app: LocalApp,
    watch: AnswerWatch,
    { isSips, clean }: { isSips?: boolean; clean?: CleanMessage | undefined } = {},
  ): void {
    if (request.method !== 'INVITE') throw new SipError('BAD_MESSAGE', 405, 'only an INVITE begins a call');
    const invite = new InviteAnswer(this.core, server, request, undefined, isSips);
    invite.clean = clean;
    invite.watch = watch;
    const unknown = unknownOptions(request);
    if (unknown !== '') return invite.refuse(420, { headers: [['Unsupported', unknown]] });
    if (!invite.takesInterval()) return;
    server.trying();
    void this.run(new LocalCall(this.core, invite), app, watch);
  }

  /** A request within a dialog of ours; false when it is none. The transaction is opened only then. */
  takes(request: SipRequest): boolean {
    return this.core.dialogs.find(request) !== undefined;
  }

  receive(server: ServerTransaction, request: SipRequest): void {
    const dialog = this.core.dialogs.find(request);
    const refuse = (status: number): void => server.respond(status, replyTo(request, status));
    if (dialog?.user === undefined) refuse(481);
    else if (!dialog.takesCSeq(request.cseq)) refuse(500);
    else {
      dialog.clean?.(request.headers, server.flow);
      dialog.user.receive(server, request);
    }
  }

  /** The ACK for a 2xx of ours; false when it is for somebody else. */
  receiveAck(ack: SipRequest): boolean {
    const dialog = this.core.dialogs.find(ack);
    dialog?.user?.acknowledged(ack);
    return dialog !== undefined;
  }

  private async run(call: LocalCall, app: LocalApp, watch: AnswerWatch): Promise<void> {
    try {
      await app.run(call);
      call.close(480);
    } catch (error) {
      watch.threw(error);
      call.close(error instanceof SipError ? error.status : 500);
    }
  }
}
