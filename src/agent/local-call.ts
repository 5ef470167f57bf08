/** A call that a script gave to an application of ours: what the application may do with it. */
import type { HeaderLine } from '../dialog/dialog.ts';
import { checkAnswerLength } from '../sip/answer-limits.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Asked } from './asked.ts';
import type { AgentCore } from './core.ts';
import type { InviteAnswer } from './invite-answer.ts';
import type { Session } from './session.ts';
import type { SessionUser } from './session-user.ts';

/** What answers a call instead of a phone: voicemail, a conference, a back-to-back user agent. */
export interface LocalApp {
  readonly name: string;
  /**
   * Runs as long as the call lasts: when it settles, a call that still stands is hung up. One that throws before it
   * answered refuses the call with 500.
   */
  run(call: LocalCall): Promise<void>;
}

/** What an application does with requests within its call; each may be left out. */
export interface CallHandlers {
  /** INFO, REFER, MESSAGE, UPDATE with an offer. Unless given: 200 to INFO and PRACK, 488 to offers, else 405. */
  asked?(asked: Asked): void;
  /** A re-INVITE. Unless given: the same answer as last time to the same offer, else 488. */
  reinvited?(answer: InviteAnswer): void;
}

/** One call to us, until its end. */
export class LocalCall {
  /** The INVITE as it came, edits of the script included. */
  readonly request: SipRequest;
  readonly invite: InviteAnswer;
  readonly core: AgentCore;
  handlers: CallHandlers = {};
  /** Settles when the caller gave up before it was answered. */
  readonly cancelled: Promise<void>;
  private readonly onCancel: () => void;
  private opened: Session | undefined = undefined;

  constructor(core: AgentCore, invite: InviteAnswer) {
    this.core = core;
    this.invite = invite;
    this.request = invite.request;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.cancelled = promise;
    this.onCancel = resolve;
    invite.user = { cancelled: () => this.onCancel(), acknowledged() {} };
  }

  /** 180. */
  ring(): void {
    const session = this.session();
    if (session !== undefined) this.invite.progress(session, 180);
  }

  /** 183 with early media, reliable where the caller can do that (RFC 3262), or another 1xx. */
  progress(sdp?: string, status = 183): void {
    const session = this.session();
    if (session !== undefined) this.invite.progress(session, status, contentOf(sdp), true);
  }

  /**
   * 200. Settles when the caller has acknowledged it; its session description, or its answer to ours, is
   * `session.remoteBody`. Undefined when the caller was gone before.
   */
  accept(sdp?: string): Promise<Session | undefined> {
    const session = this.session();
    if (session === undefined || !this.invite.pending) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Session | undefined>();
    this.invite.user = {
      cancelled: () => {
        this.onCancel();
        resolve(undefined);
      },
      acknowledged: (accepted, ack) => resolve(ack === undefined ? undefined : accepted),
    };
    if (!this.invite.accept(session, contentOf(sdp))) resolve(undefined);
    return promise;
  }

  /** Any final response but a 2xx. */
  reject(status: number, reason?: string, headers: readonly HeaderLine[] = []): void {
    checkAnswerLength(this.request, { reason, headers });
    this.invite.refuse(status, { reason, headers });
  }

  /** The application is done. */
  close(status: number): void {
    this.invite.refuse(status);
    this.opened?.hangUp();
  }

  private session(): Session | undefined {
    if (this.opened !== undefined) return this.opened;
    this.opened = this.invite.open();
    if (this.opened === undefined) this.reject(503, undefined, [['Retry-After', 5]]);
    else this.opened.user = this.sessionUser();
    return this.opened;
  }

  private sessionUser(): SessionUser {
    let lastOffer = this.request.body;
    return {
      asked: (session, asked) => {
        if (this.handlers.asked !== undefined) this.handlers.asked(asked);
        else answerPlainly(session, asked);
      },
      reinvited: (session, answer) => {
        const { body } = answer.request;
        if (this.handlers.reinvited !== undefined) this.handlers.reinvited(answer);
        else if (body === '' || body === lastOffer) answer.accept(session, contentOf(session.localBody));
        else answer.refuse(488);
        if (body !== '' && answer.status < 300) lastOffer = body;
      },
      ended() {},
    };
  }
}

function answerPlainly(_session: Session, asked: Asked): void {
  const { method } = asked.request;
  if (method === 'INFO' || method === 'PRACK' || method === 'OPTIONS') asked.reply(200);
  else if (method === 'UPDATE') asked.reply(488);
  else asked.reply(405, { headers: [['Allow', 'INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO']] });
}

function contentOf(sdp: string | undefined): { body?: string; contentType?: string } {
  return sdp === undefined || sdp === '' ? {} : { body: sdp, contentType: 'application/sdp' };
}
