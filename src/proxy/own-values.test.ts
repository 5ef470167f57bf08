import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { Flow, TransportName } from '../transport/flow.ts';
import { OWN_VALUES_MAX, OwnValues } from './own-values.ts';

function flowBy(transport: TransportName, sentBy = '192.0.2.1:5060'): Flow {
  const flow: Flow = {
    transport,
    reliable: transport !== 'udp',
    remote: new Endpoint('192.0.2.11', 5060),
    sentBy,
    open: true,
    toPort: () => flow,
    send: () => true,
    watch() {},
    unwatch() {},
  };
  return flow;
}

// [transport, whether the Request-URI is sips, token, how the value begins]
const cases: readonly [TransportName, boolean, string, string][] = [
  ['udp', false, '', '<sip:192.0.2.1:5060;lr;d='],
  ['tcp', false, '', '<sip:192.0.2.1:5060;transport=tcp;lr;d='],
  ['tls', false, '', '<sip:192.0.2.1:5060;transport=tls;lr;d='],
  ['tls', true, '', '<sips:192.0.2.1:5060;lr;d='],
  ['wss', true, '', '<sips:192.0.2.1:5060;transport=ws;lr;d='],
  ['udp', true, '', '<sip:192.0.2.1:5060;lr;d='],
  ['ws', false, 'token', '<sip:token@192.0.2.1:5060;transport=ws;lr;d='],
];

for (const [transport, isSips, token, beginning] of cases) {
  test(`a value of ours begins with ${beginning}`, () => {
    const values = new OwnValues();

    assert.equal(values.beginning(flowBy(transport), isSips, token), beginning);
    assert.equal(values.beginning(flowBy(transport), isSips, token), beginning);
    const known = values.prefixes.map((prefix) => Buffer.from(prefix).toString());
    assert.deepEqual(known, [beginning.replace('token@', '')]);
  });
}

test('so many beginnings are remembered; one more is written all the same', () => {
  const values = new OwnValues();
  for (let i = 0; i < OWN_VALUES_MAX; i++) values.beginning(flowBy('udp', `192.0.2.1:${i}`), false, '');
  assert.equal(values.prefixes.length, OWN_VALUES_MAX);

  const more = values.beginning(flowBy('udp', '192.0.2.9:9'), false, '');

  assert.equal(more, '<sip:192.0.2.9:9;lr;d=');
  assert.equal(values.prefixes.length, OWN_VALUES_MAX);
});
