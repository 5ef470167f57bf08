/** What a script lets us ask in between, while branches go out and replies come back. */
import type { Logger } from '../base/world.ts';
import { BrokenEdit } from '../sip/edit-guard.ts';
import type { RequestContext } from './context.ts';
import type { Generation } from './generation.ts';
import type { Incoming } from './incoming.ts';
import { describeFault, errorText, scriptLineOf, shortLine, type SourceLine } from './source-line.ts';
import type { RouteKind, StepObserver } from './step.ts';

/** What guarding needs. */
export interface RouteGuardParts {
  readonly log: Logger;
  /** Whose `onStep` is told. */
  readonly observed: { readonly onStep: StepObserver | undefined };
  /** For the count. */
  readonly threw: () => void;
}

/** Runs branch and reply routes, and what options of `relay` ask. */
export class RouteGuard {
  private readonly parts: RouteGuardParts;

  constructor(parts: RouteGuardParts) {
    this.parts = parts;
  }

  /**
   * One that throws harms its own branch only, and is answered for with `otherwise`; but a branch whose request would
   * have been broken is not sent as something else than the script meant: that throws on, and the branch ends.
   */
  run(
    route: RouteKind,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
    otherwise: boolean,
    run: () => boolean,
  ): boolean {
    if (generation.dropped) return otherwise;
    generation.marks?.enter(route, generation.number, c);
    try {
      return run();
    } catch (error) {
      const call = incoming.request.callId;
      const named = placeOf(route, incoming, generation);
      this.parts.threw();
      const facts = { call, route, ...describeFault(error, named) };
      this.parts.log.error('a branch or reply route threw', facts);
      this.tellThrown(route, incoming, generation, error, named);
      if (route === 'branch' && error instanceof BrokenEdit) throw error;
      return otherwise;
    } finally {
      generation.marks?.leave();
    }
  }

  private tellThrown(
    route: RouteKind,
    incoming: Incoming,
    generation: Generation,
    error: unknown,
    named: SourceLine | undefined,
  ): void {
    const { onStep } = this.parts.observed;
    if (onStep === undefined) return;
    const { callId, method } = incoming.request;
    const place = scriptLineOf(error) ?? named;
    const at = place && shortLine(place);
    const leads = errorText(error);
    onStep({ route, callId, method, generation: generation.number, decision: 'throws', leads, at });
  }
}

/** What comes with a relay stands in the route that relayed; only of a reply route the script may have one for all. */
function placeOf(
  route: RouteKind,
  { request, mark }: Incoming,
  { router }: Generation,
): SourceLine | undefined {
  const relayed = router.placeOf(request.method, mark !== undefined);
  return route === 'reply' ? (relayed ?? router.placeOfOther('reply')) : relayed;
}
