/**
 * What a script costs for one INVITE, in nanoseconds of processor time: from the parsed request to its decision, as
 * `route/dispatcher.ts` asks for it. Each script without its steps being kept, and with them. For whole calls:
 * `npm run bench -- script steps`.
 *
 *   node bench/routes.ts
 */
import { Endpoint } from '../src/base/endpoint.ts';
import { silentLogger } from '../src/base/silent-logger.ts';
import { RequestContext } from '../src/route/context.ts';
import type { Script } from '../src/route/router.ts';
import { leadsOf, nameOfDecision, TakenStep } from '../src/route/step.ts';
import { StepRecorder } from '../src/route/steps.ts';
import type { SipRequest } from '../src/sip/message.ts';
import { parseMessage } from '../src/sip/parse.ts';
import { fakes } from '../src/testing/fakes.ts';
import { SimClock } from '../src/testing/sim-clock.ts';
import type { Flow } from '../src/transport/flow.ts';
import plain from './scripts/plain.ts';
import provider from './scripts/provider.ts';

const ROUNDS = 50_000;
const WARM_UPS = 2;
const scripts: Readonly<Record<string, Script>> = { plain, provider };

const source: Flow = {
  transport: 'udp',
  reliable: false,
  remote: new Endpoint('127.0.0.1', 17_161),
  sentBy: '127.0.0.1:17160',
  open: true,
  toPort: () => source,
  send: () => true,
  watch() {},
  unwatch() {},
};
const base = fakes();
const services = fakes({
  domains: { isLocal: (host) => host === 'bench.local', openInbound: false },
  location: {
    ...base.location,
    lookup: () =>
      Promise.resolve([
        { uri: { scheme: 'sip', user: 'user1', host: '127.0.0.1', port: 17_170, params: {} } },
      ]),
  },
});

/** Parses, so that each round has a request of its own to edit; and does nothing with it. */
const parsedNs = await timed(async (i) => invite(i).method);
for (const [name, script] of Object.entries(scripts)) {
  const bareNs = await timed(decider(script, undefined));
  const recorder = new StepRecorder({ clock: new SimClock(), key: new Uint8Array(16) });
  const keptNs = await timed(decider(script, recorder));
  const [bare, kept] = [bareNs - parsedNs, keptNs - bareNs];
  process.stdout.write(`${name}: ${Math.round(bare)} ns, its steps ${Math.round(kept)} ns more\n`);
}

/** What decides one INVITE, and takes down how when there is a recorder. */
function decider(script: Script, recorder: StepRecorder | undefined): (i: number) => Promise<string> {
  const router = script(recorder?.observe(services) ?? services);
  return async (i) => {
    const request = invite(i);
    const c = new RequestContext<never>({} as never, silentLogger, request, source, () => {});
    if (recorder !== undefined) c.lines = recorder.lines;
    recorder?.enter('request', 1, c);
    const decision = router.route(c);
    recorder?.leave();
    const done = await decision;
    recorder?.onStep(new TakenStep('request', c, 1, nameOfDecision(done), undefined, leadsOf(done)), c);
    return done.do;
  };
}

/** Nanoseconds a round, once warm. */
async function timed(run: (i: number) => Promise<string>): Promise<number> {
  let ns = 0;
  for (let pass = 0; pass <= WARM_UPS; pass++) {
    const start = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i++) {
      if ((await run(i)) === 'reply') throw new Error('the script refused the call');
    }
    ns = (process.cpuUsage(start).user * 1000) / ROUNDS;
  }
  return ns;
}

function invite(call: number): SipRequest {
  const message = parseMessage(
    [
      'INVITE sip:user1@bench.local SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:17161;branch=z9hG4bK-${call}`,
      'Max-Forwards: 70',
      `From: "Bench" <sip:caller@bench.local>;tag=${call}`,
      'To: <sip:user1@bench.local>',
      `Call-ID: ${call}@127.0.0.1`,
      'CSeq: 1 INVITE',
      'Contact: <sip:caller@127.0.0.1:17161>',
      'User-Agent: bench-ua/1.0',
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );
  if (message.kind !== 'request') throw new Error('not a request');
  return message;
}
