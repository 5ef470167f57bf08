/** A call in place of another: Replaces, RFC 3891. */
import { unescapeUser } from '../sip/uri.ts';
import type { B2bCall } from './b2b.ts';
import { contentOf, partsOf, shownStatus } from './bridge.ts';
import type { LocalCall } from './local-call.ts';
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
 * leg is hung up. False when that was refused. RFC 3891 §3
 */
export function takeReplacement(b2b: B2bCall, call: LocalCall): boolean {
  const { invite, request } = call;
  const values = request.headers.all('Replaces');
  const named = values.length === 1 ? parseReplaces(values[0] ?? '') : undefined;
  if (named === undefined) return refuse(call, 400);
  const old = replacedSession(b2b.core, named);
  const far = old?.peer;
  if (old === undefined || far === undefined) return refuse(call, 481);
  if (named.earlyOnly && old.dialog.state === 'confirmed') return refuse(call, 486);
  // RFC 3891 §3: of early dialogs only one that we began can be taken over.
  if (old.dialog.state !== 'confirmed' && !old.caller) return refuse(call, 481);
  if (old.dialog.state !== 'confirmed' || request.body === '') return refuse(call, 488);
  const here = invite.open();
  if (here === undefined) return refuse(call, 503);
  const attempt = far.reinvite(contentOf(request), {
    provisional() {},
    answered(answered, _session, response) {
      answered.acknowledge(far);
      if (!invite.pending) return;
      old.peer = undefined;
      b2b.join(here, far);
      invite.accept(here, partsOf(response));
      old.hangUp();
    },
    failed: (status) => invite.refuse(shownStatus(status)),
  });
  if (attempt === undefined) return refuse(call, 491);
  invite.user = { cancelled: () => attempt.cancel(), acknowledged() {} };
  return true;
}

function refuse(call: LocalCall, status: number): false {
  call.reject(status);
  return false;
}
