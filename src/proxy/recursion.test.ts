import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from '../sip/parse.ts';
import { parseUri, printUri } from '../sip/uri.ts';
import type { Plan } from './plan.ts';
import { Recursion, RECURSION_MAX } from './recursion.ts';

/** A 3xx with these Contact fields. */
function redirection(status: number, contacts: readonly string[]) {
  const lines = contacts.map((contact) => `Contact: ${contact}\r\n`).join('');
  const from = 'Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=a\r\n';
  const head = `SIP/2.0 ${status} Moved\r\n${from}To: <sip:b@h>;tag=b\r\n`;
  const message = parseMessage(`${head}Call-ID: c\r\nCSeq: 1 INVITE\r\n${lines}\r\n`);
  assert.ok(message.kind === 'response');
  return message;
}

/** `a+b then c`: together, one after the other. */
function shown(plan: Plan | undefined): string | undefined {
  if (plan === undefined) return undefined;
  if ('parallel' in plan) return plan.parallel.map(shown).join(' + ');
  if ('serial' in plan) return plan.serial.map(shown).join(' then ');
  return printUri(plan.uri);
}

const anywhere = () => new Recursion({ max: RECURSION_MAX, mayFollow: () => true }, false);

// [what is said, status, Contacts, whom we ask]
const cases: readonly [string, number, string[], string | undefined][] = [
  ['one Contact', 302, ['<sip:c@h>'], 'sip:c@h'],
  ['300 and 301 too', 301, ['<sip:c@h>'], 'sip:c@h'],
  ['305 names a proxy and no callee', 305, ['<sip:c@h>'], undefined],
  ['380 names a service', 380, ['<sip:c@h>'], undefined],
  ['no Contact', 302, [], undefined],
  ['equal q together', 300, ['<sip:c@h>, <sip:d@h>'], 'sip:c@h + sip:d@h'],
  ['by q', 300, ['<sip:c@h>;q=0.1', '<sip:d@h>'], 'sip:d@h then sip:c@h'],
  ['a q that is none counts as 1', 300, ['<sip:c@h>;q=9', '<sip:d@h>'], 'sip:c@h + sip:d@h'],
  ['one URI twice', 300, ['<sip:c@h>, <sip:c@h:5060>'], 'sip:c@h'],
  ['header fields and a method are not ours to put in', 302, ['<sip:c@h;method=BYE?Route=x>'], 'sip:c@h'],
  ['a telephone number leads nowhere', 302, ['<tel:+15551234567>'], undefined],
  ['what cannot be read leads nowhere', 302, ['<sip:c@h'], undefined],
  ['a web page leads nowhere', 302, ['<http://example.com>'], undefined],
];

for (const [name, status, contacts, plan] of cases) {
  test(`redirections: ${name}`, () => {
    assert.equal(shown(anywhere().planFor(redirection(status, contacts))), plan);
  });
}

// RFC 5630 §5.3. [scheme of the Request-URI, Contacts, whom we ask]
const schemes: readonly ['sip' | 'sips', string, string | undefined][] = [
  ['sips', '<sip:c@h>', undefined],
  ['sips', '<sips:c@h>', 'sips:c@h'],
  ['sips', '<sip:c@h>, <sips:d@h>', 'sips:d@h'],
  ['sip', '<sips:c@h>', undefined],
  ['sip', '<sips:c@h>, <sip:d@h>', 'sip:d@h'],
];

for (const [scheme, contacts, plan] of schemes) {
  test(`a ${scheme} request is redirected to ${contacts}: ${plan ?? 'nobody'} is asked`, () => {
    const recursion = new Recursion({ max: RECURSION_MAX, mayFollow: () => true }, scheme === 'sips');

    assert.equal(shown(recursion.planFor(redirection(302, [contacts]))), plan);
  });
}

test('nobody is asked twice, whoever named him', () => {
  const recursion = anywhere();
  recursion.note(parseUri('sip:b@h'));

  assert.equal(shown(recursion.planFor(redirection(302, ['<sip:b@h>, <sip:c@h>']))), 'sip:c@h');
  assert.equal(recursion.planFor(redirection(302, ['<sip:b@h>, <sip:c@h>'])), undefined);
});

test('only what may be followed is, and what may not does not count', () => {
  const recursion = new Recursion({ max: 1, mayFollow: ({ host }) => host === 'ours' }, false);

  assert.equal(
    shown(recursion.planFor(redirection(302, ['<sip:c@h>, <sip:c@ours>, <sip:d@ours>']))),
    'sip:c@ours',
  );
});

test('as many are followed as the limit says, and not one more, over all redirections', () => {
  const recursion = anywhere();
  const contacts = Array.from({ length: RECURSION_MAX - 1 }, (_, i) => `<sip:${i}@h>`);

  assert.equal(shown(recursion.planFor(redirection(300, contacts)))?.split(' + ').length, RECURSION_MAX - 1);
  assert.equal(shown(recursion.planFor(redirection(300, ['<sip:last@h>']))), 'sip:last@h');
  assert.equal(recursion.planFor(redirection(300, ['<sip:beyond@h>'])), undefined);
});
