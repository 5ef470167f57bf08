import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../sip/uri.ts';
import { E164_DIGITS_MAX, E164_DIGITS_MIN, Numbers, type DialRules } from './numbers.ts';

const NONE: DialRules = {
  countryCode: '',
  areaCode: '',
  internationalPrefix: '00',
  nationalPrefix: '0',
  localDigitsMin: 5,
  emergency: ['112', '110'],
  shortCodes: ['*97', '115'],
};
const BERLIN: DialRules = { ...NONE, countryCode: '49', areaCode: '30' };
const MILAN: DialRules = { ...NONE, countryCode: '39', nationalPrefix: '' };
const CHICAGO: DialRules = {
  ...NONE,
  countryCode: '1',
  areaCode: '312',
  internationalPrefix: '011',
  nationalPrefix: '1',
  localDigitsMin: 7,
};

// [dialled, rules, the number of the world]
const ROWS: readonly (readonly [string, DialRules, string | undefined])[] = [
  ['sip:+4930123456@example.com', NONE, '+4930123456'],
  ['sip:+49-30-(123).456@example.com', NONE, '+4930123456'],
  ['sip:+4930123456;phone-context=x@example.com', NONE, '+4930123456'],
  ['tel:+4930123456', NONE, '+4930123456'],
  ['tel:123456;phone-context=+4930', NONE, '+4930123456'],
  ['tel:123456;phone-context=example.com', NONE, undefined],
  ['sip:004930123456@example.com', NONE, '+4930123456'],
  ['sip:030123456@example.com', NONE, undefined],
  ['sip:030123456@example.com', BERLIN, '+4930123456'],
  ['sip:004412345678@example.com', BERLIN, '+4412345678'],
  ['sip:12345@example.com', BERLIN, '+493012345'],
  ['sip:1234@example.com', BERLIN, undefined],
  ['sip:12345@example.com', { ...BERLIN, areaCode: '' }, undefined],
  ['sip:0212345678@example.com', MILAN, '+390212345678'],
  ['sip:3331234567@example.com', MILAN, '+393331234567'],
  ['sip:5551234@example.com', CHICAGO, '+13125551234'],
  ['sip:12125551234@example.com', CHICAGO, '+12125551234'],
  ['sip:01149301234567@example.com', CHICAGO, '+49301234567'],
  ['sip:112@example.com', BERLIN, undefined],
  ['sip:*97@example.com', BERLIN, undefined],
  ['sip:*31%23030123@example.com', BERLIN, undefined],
  ['sip:alice@example.com', BERLIN, undefined],
  ['sip:example.com', BERLIN, undefined],
  ['sip:+@example.com', BERLIN, undefined],
  ['sip:+0123456789@example.com', BERLIN, undefined],
  [`sip:+${'1'.repeat(E164_DIGITS_MAX)}@example.com`, NONE, `+${'1'.repeat(E164_DIGITS_MAX)}`],
  [`sip:+${'1'.repeat(E164_DIGITS_MAX + 1)}@example.com`, NONE, undefined],
  [`sip:+${'1'.repeat(E164_DIGITS_MIN)}@example.com`, NONE, `+${'1'.repeat(E164_DIGITS_MIN)}`],
  [`sip:+${'1'.repeat(E164_DIGITS_MIN - 1)}@example.com`, NONE, undefined],
];

for (const [dialled, rules, number] of ROWS) {
  test(`${dialled} in ${rules.countryCode === '' ? 'no country' : `country ${rules.countryCode}`}: ${number}`, () => {
    assert.equal(new Numbers(rules).e164(parseUri(dialled)), number);
  });
}

test('a domain has rules of its own', () => {
  const numbers = new Numbers(BERLIN, new Map([['milan.example', { ...MILAN, emergency: ['118'] }]]));
  const dialled = parseUri('sip:0301234567@example.com');

  assert.equal(numbers.e164(dialled, 'example.com'), '+49301234567');
  assert.equal(numbers.e164(dialled, 'milan.example'), '+390301234567');
  assert.equal(numbers.isEmergency(parseUri('sip:118@x'), 'milan.example'), true);
  assert.equal(numbers.isEmergency(parseUri('sip:118@x'), 'example.com'), false);
});

test('emergency numbers and short codes, however they are written', () => {
  const numbers = new Numbers(BERLIN);
  const of = (text: string): [boolean, boolean] => {
    const uri = parseUri(text);
    return [numbers.isEmergency(uri), numbers.isShortCode(uri)];
  };

  assert.deepEqual(of('sip:112@example.com'), [true, false]);
  assert.deepEqual(of('tel:1-1-2;phone-context=example.com'), [true, false]);
  assert.deepEqual(of('sip:sos@example.com'), [true, false]);
  assert.deepEqual(of('sip:*97@example.com'), [false, true]);
  assert.deepEqual(of('sip:1122@example.com'), [false, false]);
});
