import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BranchDocument, RouteDocument, ServiceDocument, StepDocument } from './control-steps.ts';
import { type FailedCall, whyItFailed } from './control-steps-verdict.ts';

const times = { at: '2026-11-21T00:00:00.000Z', afterMs: 0 };
const route = (decision: string, more: Partial<RouteDocument> = {}): RouteDocument => ({
  ...times,
  kind: 'route',
  route: 'request',
  method: 'INVITE',
  decision,
  about: null,
  leads: null,
  line: 'route.ts:12',
  generation: 1,
  ...more,
});
const relay = route('relay', { leads: 'sip:bob@192.0.2.12' });
const asked = (service: string, inputs: string, result: string): ServiceDocument => ({
  ...times,
  kind: 'service',
  service,
  inputs,
  result,
  tookMs: null,
});
const branch = (target: string, status: number, timedOut = false): BranchDocument => ({
  ...times,
  kind: 'branch',
  target,
  status,
  timedOut,
});
const failed = (status: number, endedBy: FailedCall['endedBy']): FailedCall => ({
  state: 'ended',
  status,
  answeredAt: null,
  endedBy,
  setupMs: 6_040,
});

const cases: readonly (readonly [
  what: string,
  call: FailedCall,
  steps: readonly StepDocument[],
  why: string | undefined,
])[] = [
  [
    'the callee is busy',
    failed(486, 'callee'),
    [relay, branch('sip:bob@192.0.2.12', 486)],
    'sip:bob@192.0.2.12 is busy (486); the script sent the call there at route.ts:12.',
  ],
  [
    'the last carrier was full by then',
    failed(408, 'us'),
    [relay, branch('sip:1@one', 408, true), branch('sip:1@two', 0)],
    'sip:1@one did not answer, sip:1@two was passed over, full or out; the script sent the call there at route.ts:12.',
  ],
  [
    'the pool had nobody to relay to',
    failed(480, 'us'),
    [asked('pool.pick', 'carriers, 2, none', 'none'), route('relay')],
    'The script had nobody to relay to at route.ts:12: no server of the pool carriers is up and has room.',
  ],
  [
    'the caller was redirected',
    failed(302, 'us'),
    [route('redirect', { leads: 'sip:bob@192.0.2.13' })],
    'The script redirected the caller to sip:bob@192.0.2.13 at route.ts:12.',
  ],
  [
    'the script had set a preference',
    failed(403, 'us'),
    [asked('preferences.set', 'sip:a@b, …, …', 'nothing'), route('reply 403')],
    'The script answered 403 Forbidden at route.ts:12.',
  ],
  [
    'every carrier failed in its own way',
    failed(500, 'us'),
    [relay, branch('sip:1@one', 408, true), branch('sip:1@two', 503)],
    'sip:1@one did not answer, sip:1@two is overloaded or out of service (503); ' +
      'the script sent the call there at route.ts:12.',
  ],
  [
    'nobody is registered',
    failed(480, 'us'),
    [asked('location.lookup', 'sip:bob@example.com', 'none'), route('reply 480')],
    'The script answered 480 Temporarily Unavailable at route.ts:12: no phone of sip:bob@example.com is registered.',
  ],
  [
    'a service said something else',
    failed(403, 'us'),
    [
      asked('preferences.isSet', 'sip:a@b, fraud', 'yes'),
      asked('log.warn', 'no', 'nothing'),
      route('reply 403'),
    ],
    'The script answered 403 Forbidden at route.ts:12, after preferences.isSet of sip:a@b, fraud said yes.',
  ],
  [
    'a challenge was never answered rightly',
    failed(407, 'us'),
    [asked('auth.digest', '', 'reply 407'), route('reply 407', { line: null })],
    'The script answered 407 Proxy Authentication Required: the caller did not prove who he is.',
  ],
  [
    'the failure route refused',
    failed(503, 'us'),
    [
      relay,
      branch('sip:1@one', 486),
      route('reply 503', { route: 'failure', about: '486', line: 'route.ts:20' }),
    ],
    'The script answered 503 Service Unavailable at route.ts:20, after sip:1@one is busy (486).',
  ],
  [
    'the route threw',
    failed(500, 'us'),
    [route('throws', { leads: 'no such user' })],
    'The script failed at route.ts:12: no such user.',
  ],
  [
    'the caller hung up',
    failed(487, 'caller'),
    [relay],
    'The caller gave up after 6 s; the script had sent the call to sip:bob@192.0.2.12 at route.ts:12.',
  ],
  [
    'the callee refused, and the steps are gone',
    failed(603, 'callee'),
    [],
    'The callee’s side answered 603 Decline.',
  ],
  ['we refused, and the steps are gone', failed(503, 'us'), [], 'We answered 503 Service Unavailable.'],
  ['it was answered', { ...failed(200, 'callee'), answeredAt: times.at }, [relay], undefined],
  ['it goes on', { ...failed(0, null), state: 'open' }, [relay], undefined],
];

for (const [what, call, steps, why] of cases) {
  test(`why a call failed: ${what}`, () => {
    assert.equal(whyItFailed(call, steps), why);
  });
}

test('why a MESSAGE failed: as that of a call, if its method is told', () => {
  const steps = [
    asked('location.lookup', 'sip:bob@example.com', 'none'),
    route('reply 480', { method: 'MESSAGE' }),
  ];

  assert.equal(
    whyItFailed(failed(480, 'us'), steps, 'MESSAGE'),
    'The script answered 480 Temporarily Unavailable at route.ts:12: no phone of sip:bob@example.com is registered.',
  );
});
