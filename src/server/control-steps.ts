/** `calls.steps` of a running exchange: what the script did for a call, and how its branches ended. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { Step, StepRecorder } from '../route/steps.ts';
import type { ControlHandler } from './control.ts';

interface StepTimes {
  readonly at: string;
  /** Since the first step that is told, or since the request came. */
  readonly afterMs: number;
}

/** A route decided. */
export interface RouteDocument extends StepTimes {
  readonly kind: 'route';
  readonly route: string;
  readonly method: string;
  readonly decision: string;
  /** The status that a failure or reply route was asked about, the target that a branch route was. */
  readonly about: string | null;
  /** The targets of a relay, what a route threw. */
  readonly leads: string | null;
  /** `route.ts:12`; with a `~` before it where it is taken from others that came the same way. */
  readonly line: string | null;
  readonly generation: number;
}

/** A service was asked. */
export interface ServiceDocument extends StepTimes {
  readonly kind: 'service';
  readonly service: string;
  readonly inputs: string;
  readonly result: string;
  /** Null when the answer was there at once. */
  readonly tookMs: number | null;
}

/** A branch ended. */
export interface BranchDocument extends StepTimes {
  readonly kind: 'branch';
  readonly target: string;
  /** 0: it was passed over, since its server is full or out by now. */
  readonly status: number;
  readonly timedOut: boolean;
}

/** One step of a script as it is shown. */
export type StepDocument = RouteDocument | ServiceDocument | BranchDocument;

/** What `calls.steps` answers. */
export interface StepsDocument {
  readonly callId: string;
  /** False where `[script] steps` is off. */
  readonly recorded: boolean;
  readonly steps: readonly StepDocument[];
}

const CALL_ID_MAX = 4_096;
const asked = z.strictObject({ callId: z.string().min(1).max(CALL_ID_MAX) });

/** The handler of `calls.steps`. */
export function stepCommands(
  recorder: StepRecorder | undefined,
  clock: Clock,
): Record<string, ControlHandler> {
  return {
    'calls.steps': async (args): Promise<StepsDocument> => {
      const { success, data } = asked.safeParse(args);
      if (!success) throw new TandemError('INVALID', 'calls.steps takes a Call-ID');
      const { callId } = data;
      const steps = recorder === undefined ? [] : await recorder.of(callId);
      return { callId, recorded: recorder !== undefined, steps: stepDocuments(steps, clock) };
    },
  };
}

/** Steps as they are shown. `first`: the moment they are counted from, their own first one unless given. */
export function stepDocuments(
  steps: readonly Step[],
  clock: Clock,
  first = steps[0]?.atMs ?? 0,
): readonly StepDocument[] {
  const started = clock.wall() - clock.now();
  return steps.map((step) => document(step, started, first));
}

function document(step: Step, started: number, first: number): StepDocument {
  const times = {
    at: new Date(started + step.atMs).toISOString(),
    afterMs: Math.round((step.atMs - first) * 1000) / 1000,
  };
  switch (step.kind) {
    case 'route': {
      const { kind, route, method, decision, about, leads, at, generation } = step;
      return {
        ...times,
        kind,
        route,
        method,
        decision,
        about: about === '' ? null : about,
        leads: leads === '' ? null : leads,
        line: at === '' ? null : at,
        generation,
      };
    }
    case 'service': {
      const { kind, service, inputs, result, tookMs = null } = step;
      return { ...times, kind, service, inputs, result, tookMs };
    }
    case 'branch': {
      const { kind, target, status, timedOut } = step;
      return { ...times, kind, target, status, timedOut };
    }
  }
}
