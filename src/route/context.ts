/** What a route may see and ask for. One object a request; the decisions it makes are plain data. */
import type { LocalApp } from '../agent/local-call.ts';
import type { Logger } from '../base/world.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import type { BranchEnd } from '../proxy/response-context.ts';
import type { Method, SipRequest, SipResponse } from '../sip/message.ts';
import type { NameAddr } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop } from '../transport/transports.ts';
import {
  checkedAnswer,
  checkedProgress,
  checkContacts,
  checkedStatus,
  checkPort,
  checkReason,
  checkRelay,
} from './checked.ts';
import {
  DROP,
  PASS,
  type Answer,
  type Drop,
  type Forward,
  type Pass,
  type Redirect,
  type Relay,
  type RelayOptions,
  type Reply,
} from './decision.ts';
import type { LineFinder } from './step.ts';
import type { CallMark } from './steps-ring.ts';
import { markOfRelay } from './steps-lines.ts';

/** What every route sees. `V`: what middlewares learned and handed on by `next({ … })`. */
export class Context<V> {
  readonly var: V;
  readonly log: Logger;
  readonly callId: string;
  readonly method: Method;
  /** For the core: finds the line of the script that decides; undefined unless steps are recorded. */
  lines: LineFinder | undefined = undefined;
  /** For the core: where the last decision was made, `route.ts:12`, or nearly always is, `~route.ts:12`. */
  line: string | undefined = undefined;
  /** For the core: see RouteSubject. */
  callMark: CallMark | undefined = undefined;

  constructor(variables: V, log: Logger, callId: string, method: Method) {
    this.var = variables;
    this.log = log;
    this.callId = callId;
    this.method = method;
  }

  /** A decision is being made. */
  protected decides(decision: string, status = 0, mark = 0): void {
    if (this.lines !== undefined) this.line = this.lines(decision, status, mark);
  }
}

/** `req` is the working copy: edits here reach every branch, edits in `onBranch` reach one. */
export class RequestContext<V = {}> extends Context<V> {
  readonly req: SipRequest;
  readonly source: Flow;
  /** For the core: the user part of our own Route value. */
  flowToken: string | undefined = undefined;
  private readonly provisional: (status: number, reason: string | undefined) => void;
  private fromField: NameAddr | undefined = undefined;
  private toField: NameAddr | undefined = undefined;

  constructor(
    variables: V,
    log: Logger,
    req: SipRequest,
    source: Flow,
    provisional: (status: number, reason: string | undefined) => void,
  ) {
    super(variables, log, req.callId, req.method);
    this.req = req;
    this.source = source;
    this.provisional = provisional;
  }

  /** The Request-URI. Set it to send the request elsewhere. */
  get uri(): Uri {
    return this.req.uri;
  }

  set uri(uri: Uri) {
    this.req.uri = uri;
  }

  get from(): NameAddr {
    return (this.fromField ??= this.req.from);
  }

  get to(): NameAddr {
    return (this.toField ??= this.req.to);
  }

  /**
   * The phone that registered elsewhere through us, for a request that came along our Path; undefined for any other
   * request. Where we do not know it (any more) the branch ends with 430. RFC 3327, RFC 5626 §5.3
   */
  get pathTarget(): Target | undefined {
    const { flowToken, req } = this;
    if (flowToken === undefined || req.toTag !== '') return undefined;
    return { uri: this.uri, uriText: req.uriText, flowToken };
  }

  /** Sends a 1xx at once. */
  progress(status: number, reason?: string): void {
    this.provisional(checkedProgress(status, reason), reason);
  }

  reply(status: number, reason?: string, headers?: Readonly<Record<string, string>>, body?: string): Reply {
    checkedStatus(status, 200);
    const lines = checkedAnswer(this.req, reason, headers, body);
    this.decides('reply', status);
    return { do: 'reply', status, reason, headers: lines, body };
  }

  /** Without a plan: to where `uri` resolves. */
  relay(plan: Plan = { uri: this.uri }, options: RelayOptions<V> = {}): Relay {
    const checked = options as unknown as RelayOptions<never>; // see Relay.options
    checkRelay(plan, checked);
    if (this.lines !== undefined) this.decides('relay', 0, markOfRelay(plan, checked));
    return { do: 'relay', plan, options: checked };
  }

  /** Along the route set of its dialog. RFC 3261 §16.12. */
  follow(options: RelayOptions<V> = {}): Relay {
    const target: Target = { uri: this.uri, uriText: this.req.uriText };
    return this.relay(target, { recordRoute: false, ...options });
  }

  /** 302 with these contacts; a target's `q` tells how much it is preferred. RFC 3261 §8.3, §20.10 */
  redirect(...to: (Uri | Target)[]): Redirect {
    checkContacts(this.req, to);
    this.decides('redirect');
    return { do: 'redirect', to };
  }

  /** An INVITE cannot go so, because its CANCEL and the ACK of a refusal would find nobody. RFC 3261 §16.11 */
  forward(to: Hop): Forward {
    if (this.method === 'INVITE') throw new TypeError('an INVITE is relayed, not forwarded');
    checkPort(to.port);
    this.decides('forward');
    return { do: 'forward', to };
  }

  /** Be the far end ourselves: the application answers the call. INVITE only. */
  answer(app: LocalApp): Answer {
    if (this.method !== 'INVITE') throw new TypeError('only an INVITE begins a call');
    this.decides('answer');
    return { do: 'answer', app };
  }

  drop(): Drop {
    this.decides('drop');
    return DROP;
  }
}

/** A branch is ready, not yet sent. */
export class BranchContext<V> extends Context<V> {
  readonly req: SipRequest;
  readonly target: Target;
  readonly index: number;

  constructor(base: Context<V>, req: SipRequest, target: Target, index: number) {
    super(base.var, base.log, base.callId, base.method);
    this.lines = base.lines;
    this.callMark = base.callMark;
    this.req = req;
    this.target = target;
    this.index = index;
  }

  send(): Pass {
    this.decides('send', 0, this.index);
    return PASS;
  }

  skip(): Drop {
    this.decides('skip', 0, this.index);
    return DROP;
  }
}

/** What a reply says in its first line; left out: what it said. A status without a reason gets the usual one. */
export interface StatusLine {
  readonly status?: number;
  readonly reason?: string;
}

/** A reply came for a branch. */
export class ReplyContext<V> extends Context<V> {
  readonly res: SipResponse;
  readonly target: Target;

  constructor(base: Context<V>, res: SipResponse, target: Target) {
    super(base.var, base.log, base.callId, base.method);
    this.lines = base.lines;
    this.callMark = base.callMark;
    this.res = res;
    this.target = target;
  }

  get status(): number {
    return this.res.status;
  }

  /**
   * Let it go on, with another status or reason if told. A 1xx stays one, a 2xx too, and a refusal does not become
   * either: what it has begun, answered or ended stays so.
   */
  pass(as?: StatusLine): Pass {
    this.decides('pass', this.status);
    if (as?.status !== undefined) this.res.setStatus(as.status, as.reason);
    else if (as?.reason !== undefined) this.res.reason = as.reason;
    return PASS;
  }

  /** 1xx only; a final reply goes on whatever this says. */
  drop(): Drop {
    this.decides('drop', this.status);
    return DROP;
  }
}

/** A whole plan failed and the caller still waits. `req` is the request as the request route left it. */
export class FailureContext<V> extends Context<V> {
  readonly req: SipRequest;
  readonly source: Flow;
  /** The best failure of the plan, RFC 3261 §16.7 step 6; 408 and `timedOut` when nobody answered. */
  readonly status: number;
  readonly timedOut: boolean;
  /** How each branch of the plan ended; `contacts`: where a 300, 301 or 302 leads. */
  readonly ends: readonly BranchEnd[];
  private readonly request: RequestContext<V>;

  constructor(
    request: RequestContext<V>,
    failure: { readonly status: number; readonly timedOut: boolean; readonly ends: readonly BranchEnd[] },
  ) {
    super(request.var, request.log, request.callId, request.method);
    this.callMark = request.callMark;
    this.request = request;
    this.req = request.req;
    this.source = request.source;
    this.status = failure.status;
    this.timedOut = failure.timedOut;
    this.ends = failure.ends;
  }

  get uri(): Uri {
    return this.request.uri;
  }

  set uri(uri: Uri) {
    this.request.uri = uri;
  }

  get from(): NameAddr {
    return this.request.from;
  }

  get to(): NameAddr {
    return this.request.to;
  }

  reply(status: number, reason?: string, headers?: Readonly<Record<string, string>>, body?: string): Reply {
    this.decides('reply', status);
    return this.request.reply(status, reason, headers, body);
  }

  relay(plan?: Plan, options?: RelayOptions<V>): Relay {
    this.decides('relay', this.status);
    return this.request.relay(plan, options);
  }

  redirect(...to: (Uri | Target)[]): Redirect {
    this.decides('redirect', this.status);
    return this.request.redirect(...to);
  }

  answer(app: LocalApp): Answer {
    this.decides('answer', this.status);
    return this.request.answer(app);
  }

  /** Let the best failure go back to the caller: of this plan, and of those that failure routes have gone on from. */
  pass(): Pass {
    this.decides('pass', this.status);
    return PASS;
  }
}

/** We are about to send a request of our own. */
export class LocalContext extends Context<{}> {
  /** Edits reach the wire. */
  readonly req: SipRequest;

  constructor(log: Logger, req: SipRequest) {
    super({}, log, req.callId, req.method);
    this.req = req;
  }

  /** Send it. */
  pass(): Pass {
    this.decides('pass');
    return PASS;
  }

  /** Do not; whoever made it is told 480. */
  drop(): Drop {
    this.decides('drop');
    return DROP;
  }
}

/** Something came that is no SIP message, or a request that breaks the grammar. */
export class ErrorContext {
  /** One character a byte. */
  readonly text: string;
  readonly source: Flow;
  /** What is wrong with it, and the status it is answered unless the route says otherwise. */
  readonly error: { readonly status: number; readonly message: string };
  readonly log: Logger;

  constructor(log: Logger, text: string, source: Flow, error: { status: number; message: string }) {
    this.log = log;
    this.text = text;
    this.source = source;
    this.error = error;
  }

  /** Reaches the sender only if it was a request that says whom to answer. */
  reply(status: number, reason?: string): Reply {
    checkReason(reason);
    return { do: 'reply', status: checkedStatus(status, 300), reason };
  }

  drop(): Drop {
    return DROP;
  }
}
