/** One call through one route, and all that tells what became of it. */
import { type RequestContext, type RequestDecision, Router, script } from '../../src/index.ts';
import { stepDocuments } from '../../src/server/control-steps.ts';
import { whyItFailed } from '../../src/server/control-steps-verdict.ts';
import type { Answers } from '../../src/testing/phone-incoming.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';

const BOB = 'sip:bob@example.com';

/** What a caller hears from a route, what the log says, and which steps were taken. */
export async function outcome(
  route: (c: RequestContext) => RequestDecision | Promise<RequestDecision>,
  runMs = 100,
  answers: Answers = { afterMs: 0, status: 486 },
) {
  const t = await town(
    script(() => new Router().invite(route)),
    { people: { alice: { host: '192.0.2.11' }, bob: { host: '192.0.2.12' } } },
  );
  t.phone('bob').answers = answers;
  const steps: string[] = [];
  const { onStep } = t.exchange.dispatcher;
  t.exchange.dispatcher.onStep = (step, subject) => {
    steps.push(`${step.route} ${step.decision}`);
    onStep?.(step, subject);
  };
  const call = t.phone('alice').dial(BOB);
  await t.run(runMs);
  const { status } = call;
  const logged = t.world.logged.filter(({ level }) => level === 'error' || level === 'warn');
  const { scriptErrors } = t.exchange.dispatcher.counters;
  const { slowRoutes } = t.exchange.dispatcher;
  const [record] = t.cdrs();
  const taken = stepDocuments(await t.steps(call.callId), t.world.clock, 0);
  const why = whyItFailed({ state: 'ended', status, answeredAt: null, endedBy: 'us', setupMs: 0 }, taken);
  await t.run(40_000);
  await assertQuiet(t);
  t.stop();
  const { status: recorded, endedBy } = record ?? {};
  return { call, status, logged, steps, scriptErrors, slowRoutes, recorded, endedBy, why };
}
