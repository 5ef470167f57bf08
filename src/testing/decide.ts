/** The cheapest test of a script: one request, one decision. */
import type { FailureDecision, RequestDecision } from '../route/decision.ts';
import type { Script } from '../route/router.ts';
import type { Services } from '../route/services.ts';
import { aboutDecision, nameOfDecision } from '../route/step.ts';
import { fakes } from './fakes.ts';

/** What the script decides about a request, with fakes for all services but those that are given. */
export function decide(
  script: Script,
  request: string,
  services: Partial<Services> = {},
): Promise<RequestDecision> {
  return script(fakes(services)).decide(request);
}

/** A decision in one line: `reply 403`, `relay sip:a@192.0.2.1 + sip:b@192.0.2.2, then sip:c@192.0.2.3`. */
export function printDecision(decision: RequestDecision | FailureDecision): string {
  return `${nameOfDecision(decision)} ${aboutDecision(decision) ?? ''}`.trimEnd();
}
