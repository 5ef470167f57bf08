import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import {
  isWellFormedAddress,
  isWellFormedAddressList,
  parseNameAddr,
  parseNameAddrList,
  printNameAddr,
  splitList,
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
    assert.equal(isWellFormedAddress(value, 0, value.length), false);
    assert.throws(
      () => parseNameAddr(value),
      (error) => error instanceof SipError && error.status === 400,
    );
  });
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
