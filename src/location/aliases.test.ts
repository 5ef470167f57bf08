import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registerOf, registrar, type Registrar, PHONE } from '../testing/registering.ts';
import { CONTACTS_A_REQUEST_MAX } from './contact-field.ts';
import type { RegisterOutcome } from './registrar.ts';

let registers = 0;

/** Registers for whoever stands in To, as a phone of its own. */
function register({ location }: Registrar, to: string, lines: readonly string[]): RegisterOutcome {
  const request = registerOf({ lines, callId: `call-${++registers}` });
  request.headers.set('To', to);
  return location.save(request, PHONE) as RegisterOutcome;
}

test('all spellings of an address share its places, and each takes away what another has bound', () => {
  const r = registrar();
  const spelled = [
    '<sip:bob@example.com>',
    '<sip:%62ob@EXAMPLE.com>',
    '"B" <sips:b%6Fb@example.COM:5061;x=1>',
  ];
  for (const [at, to] of spelled.entries())
    assert.equal(register(r, to, [`Contact: <sip:${at}@h>`]).status, 200);

  assert.equal(register(r, '<sip:bo%62@Example.com>', ['Contact: <sip:4@h>']).status, 403);
  assert.equal(register(r, '<sip:%62%6f%62@example.com>', ['Contact: *', 'Expires: 0']).status, 200);

  assert.deepEqual([r.location.count, r.location.aors], [0, 0]);
});

test('an escaped character that means something in a URI makes another address', () => {
  const r = registrar();
  for (const user of ['bob', 'bob%40example.com', 'bob%3Btag', 'bob%25', 'BOB'])
    assert.equal(register(r, `<sip:${user}@example.com>`, ['Contact: <sip:a@h>']).status, 200);

  assert.deepEqual([r.location.count, r.location.aors], [5, 5]);
});

// How many contacts in one request, in one field or in as many, what is answered.
const counts: readonly [contacts: number, how: 'a list' | 'fields', status: number][] = [
  [CONTACTS_A_REQUEST_MAX, 'a list', 200],
  [CONTACTS_A_REQUEST_MAX, 'fields', 200],
  [CONTACTS_A_REQUEST_MAX + 1, 'a list', 403],
  [CONTACTS_A_REQUEST_MAX + 1, 'fields', 403],
  [10_000, 'a list', 403],
];

for (const [count, how, status] of counts) {
  test(`${count} contacts in ${how}: ${status}, before anything is compared`, () => {
    const many = Array.from({ length: count }, (_, i) => `<sip:u${i}@h>;expires=0`);
    const lines = how === 'a list' ? [many.join(',')] : many;

    const fields = lines.map((line) => `Contact: ${line}`);

    assert.equal(register(registrar(), '<sip:bob@example.com>', fields).status, status);
  });
}
