/** The INVITE of the leg to a callee: what it says of the caller's, and how it goes out. */
import type { Millis } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import { askForTimer } from '../dialog/session-timer.ts';
import { FROM, MAX_FORWARDS, TO } from '../sip/header-table.ts';
import { MAX_FORWARDS_MOST } from '../sip/max-forwards.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr, printNameAddr, splitList } from '../sip/name-addr.ts';
import { printUri, type Uri } from '../sip/uri.ts';
import { allowValue } from '../sip/words.ts';
import type { AgentCore } from './core.ts';
import type { DigestClient } from './digest-client.ts';
import type { Callee } from './hunt.ts';
import type { InviteAnswer } from './invite-answer.ts';
import { type AttemptUser, InviteAttempt } from './invite-attempt.ts';

/** How callees are rung. */
export interface CalleeLegOptions {
  /** The value of From on the callee's side, without a tag. Unless given: the caller's own. */
  readonly from?: string;
  /** More header fields for the callee. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long each callee may ring. Unless given: three minutes for the last one, else 30 s. */
  readonly ringMs?: Millis;
  /** How long each callee may say nothing. Default 5 s. */
  readonly replyMs?: Millis;
}

/** The call that somebody is rung for. */
export interface CallersSide {
  readonly core: AgentCore;
  /** The caller's INVITE. */
  readonly invite: InviteAnswer;
  readonly digest: DigestClient | undefined;
  readonly options: CalleeLegOptions;
}

/** What the INVITE says beyond what makes it a leg. */
export interface CalleeParts {
  readonly headers: readonly HeaderLine[];
  readonly body?: string;
  readonly contentType?: string;
}

const REPLY_MS = 5_000;
const RING_MS = 180_000;
const CALL_ID_BITS = 128;

/** Rings somebody for a call. Without a body in `more`, who answers makes the offer. */
export function inviteCallee(
  { core, invite, digest, options }: CallersSide,
  callee: Callee,
  user: AttemptUser,
  more: CalleeParts,
): InviteAttempt {
  const { next, routes } = nextFor(callee);
  const { headers, ...content } = more;
  const draft = {
    method: 'INVITE',
    uri: callee.uriText ?? printUri(callee.uri),
    headers: [...routes, ...legHeaders(core, invite, options), ...headers],
    contact: true,
    maxForwards: hopsLeft(invite.request),
    ...content,
  };
  let cseq = 0;
  const outgoing = {
    next,
    get flow() {
      return callee.hop && core.flowTo(callee.hop);
    },
    onlyByFlow: callee.hop !== undefined,
    asker: invite.flow.remote.host,
    isChosen: callee.isChosen,
    isSips: invite.isSips,
    clean: invite.clean,
    digest,
    order: core.newOrder(),
    // A transfer begins something new: its caller was answered.
    stem: invite.pending ? invite.stem : undefined,
    nextCSeq: () => ++cseq,
    replyMs: callee.replyMs ?? options.replyMs ?? REPLY_MS,
  };
  const attempt = new InviteAttempt(core, { draft, digest, options: outgoing }, user);
  attempt.ringFor(callee.ringMs ?? options.ringMs ?? RING_MS);
  attempt.send();
  return attempt;
}

/** A call that goes round and round through us ends as one through a proxy does. RFC 3261 §16.3 */
export function hopsLeft(request: SipRequest): number {
  const hops = Number(request.headers.raw(MAX_FORWARDS) ?? MAX_FORWARDS_MOST);
  return Math.min((Number.isInteger(hops) ? hops : MAX_FORWARDS_MOST) - 1, MAX_FORWARDS_MOST);
}

function legHeaders(core: AgentCore, invite: InviteAnswer, options: CalleeLegOptions): HeaderLine[] {
  const { headers } = invite.request;
  const supported = ['timer', 'replaces'];
  if (invite.takesReliable) supported.push('100rel');
  return [
    ['From', `${options.from ?? withoutParams(headers.raw(FROM))};tag=${core.dialogs.newTag()}`],
    ['To', withoutParams(headers.raw(TO))],
    ['Call-ID', core.world.random.token(CALL_ID_BITS)],
    ['Allow', allowValue],
    ['Supported', supported.join(', ')],
    ...askForTimer(core.limits.sessionTimer),
    ...Object.entries(options.headers ?? {}),
  ];
}

/** Name and URI, without the tag of another dialog. */
function withoutParams(value = ''): string {
  const { name, uri } = parseNameAddr(value);
  return printNameAddr({ name, uri, params: {} });
}

function nextFor(callee: Callee): { next: Uri; routes: HeaderLine[] } {
  if (callee.path === undefined) return { next: callee.uri, routes: [] };
  const [first = callee.path] = splitList(callee.path);
  return { next: parseNameAddr(first).uri, routes: [['Route', callee.path]] };
}
