/** RFC 3261 §10.2.1 lets a phone register any URI; what we cannot ring is written down, and shown, and no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Registrar, registrar, save } from '../testing/registering.ts';
import { parseUri } from '../sip/uri.ts';

const MAIL = 'mailto:bob@example.com';
const PHONE = 'sip:bob@192.0.2.7';
const DEVICE = '+sip.instance="<urn:uuid:1>"';

function rung(r: Registrar): string[] {
  return r.location.contactsOf(parseUri('sip:bob@example.com')).map(({ uriText }) => uriText);
}

test('nobody rings a URI of another scheme, alone or beside a phone', () => {
  const alone = registrar();
  const beside = registrar();

  save(alone, { lines: [`Contact: <${MAIL}>`] });
  save(beside, { lines: [`Contact: <${MAIL}>;q=1, <${PHONE}>;q=0.5, <urn:x:y>`] });

  assert.deepEqual(rung(alone), []);
  assert.deepEqual(rung(beside), [PHONE]);
  assert.equal(beside.location.lookup('bob@example.com').length, 3);
});

// Whatever else is asked for with it: no flow, no push service, no GRUU, and no place of a phone.
const asked: readonly [string, string][] = [
  ['a flow', `<${MAIL}>;${DEVICE};reg-id=1`],
  ['a push service', `<${MAIL};pn-provider=apns;pn-prid=1>`],
  ['a GRUU', `<${MAIL}>;${DEVICE}`],
];
for (const [what, contact] of asked) {
  test(`a URI of another scheme gets no ${what.replace('a ', '')}`, () => {
    const r = registrar({ pushProviders: ['fcm'] });

    const outcome = save(r, { lines: [`Contact: ${contact}`, 'Supported: outbound, gruu, path'] });
    const [kept] = r.location.lookup('bob@example.com');

    assert.equal(outcome.status, 200);
    assert.doesNotMatch(String(outcome.headers), /outbound|gruu/);
    assert.deepEqual(
      [kept?.hop, kept?.bound, kept?.push, kept?.regId],
      [undefined, false, undefined, undefined],
    );
  });
}

for (const matching of ['uri', 'call-id', 'instance'] as const) {
  test(`by ${matching} a URI of another scheme takes no phone's place, nor a phone its place`, () => {
    const r = registrar({ matching });
    save(r, { lines: [`Contact: <${PHONE}>;${DEVICE}`] });

    save(r, { lines: [`Contact: <${MAIL}>;${DEVICE}`], cseq: 2 });
    save(r, { lines: [`Contact: <${PHONE}:5070>;${DEVICE}`], cseq: 3 });

    const left = r.location.lookup('bob@example.com').map(({ uriText }) => uriText);
    assert.ok(left.includes(MAIL));
    assert.ok(left.includes(`${PHONE}:5070`));
  });
}
