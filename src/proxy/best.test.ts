import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { BestFailure } from './best.ts';

function response(status: number, lines: readonly string[] = []): SipResponse {
  const fields = ['Via: SIP/2.0/UDP h;branch=z9hG4bKa', ...lines, 'Content-Length: 0'];
  const message = parseMessage([`SIP/2.0 ${status} Why`, ...fields, '', ''].join('\r\n'));
  assert.ok(message.kind === 'response');
  return message;
}

// RFC 3261 §16.7 step 6. [the failures in the order they came, the one that goes back]
const cases: readonly [number[], number][] = [
  [[486], 486],
  [[404, 302], 302],
  [[302, 603, 404], 603],
  [[603, 600], 603],
  [[500, 404], 404],
  [[404, 500], 404],
  [[486, 404], 486],
  [[404, 401], 401],
  [[404, 407], 407],
  [[404, 415], 415],
  [[404, 420], 420],
  [[404, 484], 484],
  [[401, 407], 401],
  [[408, 486], 486],
  [[487, 480], 480],
  [[487, 408], 487],
  [[408, 500], 408],
  [[503, 500], 500],
  [[503, 408], 408],
  [[503], 503],
];

for (const [failures, best] of cases) {
  test(`of ${failures.join(', ')} ${best} goes back`, () => {
    const kept = new BestFailure();
    for (const status of failures) kept.add({ status, response: response(status) });

    assert.equal(kept.best?.status, best);
  });
}

test('nothing failed yet: there is no best', () => {
  assert.equal(new BestFailure().best, undefined);
});

test('the challenges of all branches go back in one response, each once', () => {
  const kept = new BestFailure();
  const first = response(401, ['WWW-Authenticate: Digest realm="a"']);
  kept.add({ status: 401, response: first });
  kept.add({
    status: 407,
    response: response(407, ['Proxy-Authenticate: Digest realm="b"', 'WWW-Authenticate: Digest realm="a"']),
  });
  kept.add({ status: 404, response: response(404, ['WWW-Authenticate: Digest realm="no challenge"']) });

  const lines = kept.textWithChallenges(first).split('\r\n');

  assert.deepEqual(lines, [
    'SIP/2.0 401 Why',
    'Via: SIP/2.0/UDP h;branch=z9hG4bKa',
    'WWW-Authenticate: Digest realm="a"',
    'Content-Length: 0',
    'Proxy-Authenticate: Digest realm="b"',
    '',
    '',
  ]);
});

test('a response that is no challenge gets none', () => {
  const kept = new BestFailure();
  kept.add({ status: 401, response: response(401, ['WWW-Authenticate: Digest realm="a"']) });
  kept.add({ status: 401, response: response(401, ['WWW-Authenticate: Digest realm="b"']) });
  const declined = response(603);

  assert.equal(kept.textWithChallenges(declined), declined.text);
});
