/** A call in place of another: Replaces, RFC 3891. */
import { unescapeUser } from '../sip/uri.ts';
import type { B2bCall } from './b2b.ts';
import { Bridge } from './bridge.ts';
import type { InviteAttempt } from './invite-attempt.ts';
import type { LocalCall } from './local-call.ts';
import { shownStatus } from './passage.ts';
import { Session } from './session.ts';

/** What the field says: a dialog as its other end names it. */
export interface Replaces {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  readonly earlyOnly: boolean;
}

/** Undefined when the value is malformed. RFC 3891 §6.1 */
export function parseReplaces(value: string): Replaces | undefined {
  const [callId = '', ...params] = value.split(';').map((part) => part.trim());
  const given = new Map(
    params.map((param): [string, string] => {
      const equals = param.indexOf('=');
      return equals < 0
        ? [param.toLowerCase(), '']
        : [param.substring(0, equals).trim().toLowerCase(), param.substring(equals + 1).trim()];
    }),
  );
  const toTag = given.get('to-tag');
  const fromTag = given.get('from-tag');
  if (callId === '' || toTag === undefined || fromTag === undefined) return undefined;
  return { callId, toTag, fromTag, earlyOnly: given.has('early-only') };
}

/** The value of Replaces among the header fields of a URI, as in Refer-To. RFC 3261 §19.1.1 */
export function replacesIn(uriHeaders: string | undefined): string | undefined {
  for (const field of (uriHeaders ?? '').split('&')) {
    const equals = field.indexOf('=');
    if (field.substring(0, equals).toLowerCase() === 'replaces')
      return unescapeUser(field.substring(equals + 1));
  }
  return undefined;
}

/** The session of ours that is named: the To tag is the one that we gave. RFC 3891 §3 */
export function replacedSession(core: B2bCall['core'], named: Replaces): Session | undefined {
  const user = core.dialogs.named(named.callId, named.toTag, named.fromTag)?.user;
  return user instanceof Session ? user : undefined;
}

/**
 * The new caller takes the place of the one it names: the far end is asked to talk with the new caller, and the old
 * leg is hung up. Answers the new leg where it became part of the call that rang, and undefined when it was refused.
 * RFC 3891 §3
 */
export function takeReplacement(b2b: B2bCall, call: LocalCall): Session | 'talking' | undefined {
  const values = call.request.headers.all('Replaces');
  const named = values.length === 1 ? parseReplaces(values[0] ?? '') : undefined;
  if (named === undefined) return refuse(call, 400);
  const old = replacedSession(b2b.core, named);
  if (old?.peer === undefined) return refuse(call, statusOfNone(b2b.core, named));
  if (old.dialog.state === 'confirmed') {
    return named.earlyOnly ? refuse(call, 486) : takeTalking(b2b, call, old, old.peer);
  }
  // RFC 3891 §3: of early dialogs only one that we began can be taken over.
  const { user } = old;
  if (!old.caller || !(user instanceof Bridge)) return refuse(call, 481);
  return user.pickUp(call);
}

/** RFC 3891 §3: what is over is declined, so that nobody tries again; what never was, or is alone, is not found. */
function statusOfNone({ dialogs }: B2bCall['core'], { callId, toTag, fromTag }: Replaces): number {
  return dialogs.hasEnded(callId, toTag, fromTag) ? 603 : 481;
}

/** Who offers nothing gets the far end's offer, and answers it by the ACK. RFC 3725 §4.1 draws this flow. */
function takeTalking(b2b: B2bCall, call: LocalCall, old: Session, far: Session): 'talking' | undefined {
  const { invite, request } = call;
  const here = invite.open();
  if (here === undefined) return refuse(call, 503);
  const { passage } = b2b;
  const offers = request.body !== '';
  const attempt = far.reinvite(passage.content(request), {
    provisional() {},
    answered(answered, _session, response) {
      if (!invite.pending) return endOffer(answered, far, offers);
      if (offers) answered.acknowledge(far);
      else {
        invite.user = {
          cancelled() {},
          acknowledged: (_accepted, ack) => {
            if (ack === undefined) endOffer(answered, far, false);
            else answered.acknowledge(far, passage.content(ack));
          },
        };
      }
      old.peer = undefined;
      b2b.join(here, far);
      invite.accept(here, passage.parts(response));
      old.hangUp();
    },
    failed: (status) => invite.refuse(shownStatus(status)),
  });
  if (attempt === undefined) return refuse(call, 491);
  invite.user = { cancelled: (reason) => attempt.cancel(reason), acknowledged() {} };
  return 'talking';
}

/** The new caller is gone: what the far end offered is answered with what it hears already. RFC 3261 §13.2.2.4 */
function endOffer(answered: InviteAttempt, far: Session, isAnswer: boolean): void {
  const { localBody: body, localType: contentType } = far;
  answered.acknowledge(far, isAnswer || body === '' ? {} : { body, contentType });
}

function refuse(call: LocalCall, status: number): undefined {
  call.reject(status);
  return undefined;
}
