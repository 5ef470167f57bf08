import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { FROM } from './header-table.ts';
import { indexHeaders } from './header-index.ts';
import { Headers } from './headers.ts';
import { tagOf } from './message.ts';
import {
  isWellFormedAddressList,
  parseNameAddr,
  parseNameAddrList,
  printNameAddr,
  splitList,
  tagOfAddress,
} from './name-addr.ts';

const printed: readonly (readonly [value: string, printed: string])[] = [
  ['sip:bob@example.com;tag=1', '<sip:bob@example.com>;tag=1'],
  ['caller<sip:caller@example.com>;tag=323', '"caller" <sip:caller@example.com>;tag=323'],
  ['"J \\"R\\" \\\\" <sip:j@example.com>', '"J \\"R\\" \\\\" <sip:j@example.com>'],
  ['<sip:a@b;lr>;+sip.instance="<urn:uuid:1>";q=0.3', '<sip:a@b;lr>;+sip.instance="<urn:uuid:1>";q=0.3'],
  ['<sip:a@b> ; x = y ; flag', '<sip:a@b>;x=y;flag'],
];

for (const [value, expected] of printed) {
  test(`an address is printed so that it parses the same: ${value}`, () => {
    const address = parseNameAddr(value);

    assert.equal(printNameAddr(address), expected);
    assert.deepEqual(parseNameAddr(expected), address);
  });
}

test('parameters may have any name', () => {
  const { params } = parseNameAddr('<sip:a@b>;__proto__=x;constructor');

  assert.equal(Object.getPrototypeOf(params), null);
  assert.equal(params['__proto__'], 'x');
});

const refused: readonly string[] = [
  '',
  '<>',
  '<sip:>',
  '<bob@example.com>',
  '"Mr. J. User <sip:j.user@example.com>',
  'Bell, Alexander <sip:a.g.bell@example.com>',
  '"Watson" < sip:t.watson@example.org >',
  'sip:user@example.com?Route=%3Csip:sip.example.com%3E',
  '"Joe" <sip:joe@example.org>;;;;',
  '<sip:a@b',
  '<sip:a@b> x',
  '<sip:a@b>;x="open',
  'sip:a@b,sip:c@d',
];

for (const value of refused) {
  test(`no address: ${JSON.stringify(value)}`, () => {
    assert.equal(tagOfAddress(value, 0, value.length), undefined);
    assert.throws(
      () => parseNameAddr(value),
      (error) => error instanceof SipError && error.status === 400,
    );
  });
}

// [address, its tag]
const tagged: readonly [string, string][] = [
  ['<sip:a@b>;tag=1', '1'],
  ['sip:a@b;TAG = 1 ;x', '1'],
  ['<sip:a@b;tag=uri>;x=tag', ''],
  ['"x;tag=2" <sip:a@b>;tags=3;tag;tag=4;tag=5', '4'],
  ['<sip:a@b>;x=";tag=2";tag="1 2"', '"1'],
];

for (const [address, tag] of tagged) {
  test(`the tag of ${address}`, () => {
    const text = `From: ${address}`;

    assert.equal(tagOfAddress(text, 6, text.length), tag);
    assert.equal(tagOf(headersWith(text), FROM), tag);
  });
}

function headersWith(line: string): Headers {
  const text = `${line}\r\n\r\n`;
  const index = indexHeaders(text, 0);
  assert.ok(typeof index !== 'string');
  return new Headers(text, index, 0);
}

test('commas divide values only outside quotes and brackets', () => {
  const value = '"a, b" <sip:a,x@example.com> , <sip:c@example.com>;x="1,2"';

  assert.equal(isWellFormedAddressList(value, 0, value.length), true);
  assert.deepEqual(splitList(value), ['"a, b" <sip:a,x@example.com>', '<sip:c@example.com>;x="1,2"']);
  assert.deepEqual(
    parseNameAddrList(value).map(({ uri }) => uri.user),
    ['a,x', 'c'],
  );
});

test('a list that ends with a comma is malformed', () => {
  assert.equal(isWellFormedAddressList('<sip:a@b>,', 0, 10), false);
  assert.throws(() => parseNameAddrList('<sip:a@b>,'), SipError);
});
