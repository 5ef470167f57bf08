import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FROM, TO } from './header-table.ts';
import { parseMessage } from './parse.ts';
import { partyIn } from './party.ts';

for (const [field, id, said, aor, uri] of [
  ['From', FROM, '"A" <sip:Alice@Example.COM;user=phone>;tag=1', 'Alice@example.com', undefined],
  ['To', TO, '<sip:+4930200@example.com>', '+4930200@example.com', 'sip:+4930200@example.com'],
  ['From', FROM, '<sip:', '', '<sip:'],
] as const) {
  test(`${field}: ${said} is ${aor === '' ? 'told as it came' : aor}`, () => {
    const request = parseMessage(`INVITE sip:b@example.com SIP/2.0\r\n${field}: ${said}\r\n\r\n`);
    assert.ok(request.kind === 'request');

    const party = partyIn(request, id);

    assert.equal(party.aor, aor);
    if (uri !== undefined) assert.equal(party.uri, uri);
  });
}
