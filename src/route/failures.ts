/** What becomes of a request whose route failed: an answer, a line in the log with the place in the script, a step. */
import { SipError } from '../base/errors.ts';
import type { Logger } from '../base/world.ts';
import { RequestContext } from './context.ts';
import type { DispatcherCounters } from './dispatcher.ts';
import type { Generations } from './generation.ts';
import type { Incoming } from './incoming.ts';
import type { Performer } from './perform.ts';
import { RouteError } from './route-error.ts';
import { describeFault, errorText, scriptLineOf, shortLine, type SourceLine } from './source-line.ts';
import { ROUTE_MS } from './watch.ts';

/** What answering failures needs. */
export interface RouteFailuresParts {
  readonly log: Logger;
  readonly counters: DispatcherCounters;
  readonly generations: Generations;
  readonly performer: Performer;
}

/** A route that fails harms no other call. */
export class RouteFailures {
  private readonly parts: RouteFailuresParts;

  constructor(parts: RouteFailuresParts) {
    this.parts = parts;
  }

  /** Never throws: who calls this may be a promise nobody looks at. */
  answer(incoming: Incoming, error: unknown): void {
    try {
      this.answerFailure(incoming, error);
    } catch (worse) {
      const { log, counters } = this.parts;
      counters.scriptErrors++;
      const facts = { call: incoming.request.callId, ...describeFault(worse, this.placeOf(incoming)) };
      log.error('a failure could not be answered as it should', facts);
      if (!incoming.answered) incoming.reply(500);
    }
  }

  /** An application that a route gave its call to threw: the agent ends the call, here it is told. */
  appFailed(incoming: Incoming, app: string, error: unknown): void {
    const { log, counters } = this.parts;
    const place = this.placeOf(incoming);
    counters.scriptErrors++;
    log.error('an application failed', {
      call: incoming.request.callId,
      app,
      ...describeFault(error, place),
    });
    this.tellThrown(incoming, error, place);
  }

  /** With the error's SIP status, else 500. */
  private answerFailure(incoming: Incoming, error: unknown): void {
    // Who gave up meanwhile still waits for the 487 of its INVITE.
    if (incoming.answered) return;
    const { log, counters, performer } = this.parts;
    const known = error instanceof SipError ? error : undefined;
    // What a stranger can bring about is no mistake of the script's: it is answered, and fills no log.
    const isSlow = known?.code === 'ROUTE_SLOW';
    const isOfScript = known === undefined || known.status === 500 || known instanceof RouteError;
    if (isOfScript) {
      if (!isSlow) counters.scriptErrors++;
      const place = this.placeOf(incoming);
      this.logThrown(incoming, error, isSlow, place);
      this.tellThrown(incoming, error, place);
    }
    const status = known?.status ?? 500;
    const ofScript = known instanceof RouteError ? known.message : undefined;
    if (!isOfScript && incoming.server === undefined) {
      const reason = status === 400 ? known.message : undefined;
      incoming.replyStateless(status, reason, Object.entries(known.headers));
      return;
    }
    const c = new RequestContext<never>({} as never, log, incoming.request, incoming.flow, () => {});
    const headers = Object.entries(known?.headers ?? {});
    const decision = { do: 'reply', status, reason: ofScript, headers } as const;
    performer.perform(decision, incoming, c, this.parts.generations.current);
  }

  private logThrown(
    { request, asks: route }: Incoming,
    error: unknown,
    isSlow: boolean,
    place: SourceLine | undefined,
  ): void {
    const { log } = this.parts;
    const call = request.callId;
    const { why, ...where } = describeFault(error, place);
    if (!isSlow) return log.error('a route failed', { call, route, why, ...where });
    log.warn('a route took too long and was answered 500', { call, route, limitMs: ROUTE_MS, ...where });
  }

  private tellThrown(incoming: Incoming, error: unknown, otherwise: SourceLine | undefined): void {
    const { request, asks: route } = incoming;
    const place = scriptLineOf(error) ?? otherwise;
    this.parts.performer.onStep?.({
      route,
      callId: request.callId,
      method: request.method,
      generation: (incoming.script ?? this.parts.generations.current).number,
      decision: 'throws',
      leads: errorText(error),
      at: place && shortLine(place),
    });
  }

  private placeOf({ script, request, mark }: Incoming): SourceLine | undefined {
    return script?.router.placeOf(request.method, mark !== undefined);
  }
}
