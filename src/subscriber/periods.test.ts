import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenHours, parsePeriods, PERIODS_LENGTH_MAX, PERIODS_MAX, type Period } from './periods.ts';

const OFFICE: readonly Period[] = [
  { days: 'mon-fri', from: '09:00', to: '17:30' },
  { date: '12-25', closed: true },
  { date: '2026-12-24', from: '09:00', to: '12:00' },
];
const NIGHT: readonly Period[] = [
  { days: 'fri,sat', from: '22:00', to: '06:00' },
  { date: '2026-12-26', closed: true },
];
const WEEKEND: readonly Period[] = [{ days: 'sat-sun' }];
const OVER_THE_WEEK: readonly Period[] = [{ days: 'sat-mon', from: '10:00', to: '11:00' }];

// [zone, periods, UTC, whether it is open]
const ROWS: readonly (readonly [string, readonly Period[], string, boolean])[] = [
  ['Europe/Berlin', OFFICE, '2026-11-20T08:00:00Z', true], // Friday, nine in winter
  ['Europe/Berlin', OFFICE, '2026-11-20T07:59:59Z', false],
  ['Europe/Berlin', OFFICE, '2026-11-20T16:29:59Z', true],
  ['Europe/Berlin', OFFICE, '2026-11-20T16:30:00Z', false],
  ['Europe/Berlin', OFFICE, '2026-07-17T07:00:00Z', true], // nine in summer
  ['Europe/Berlin', OFFICE, '2026-07-17T06:59:00Z', false],
  ['Europe/Berlin', OFFICE, '2026-03-30T07:00:00Z', true], // the day after the clock went forward
  ['Europe/Berlin', OFFICE, '2026-11-21T10:00:00Z', false], // Saturday
  ['Europe/Berlin', OFFICE, '2026-12-25T10:00:00Z', false], // a holiday on a Friday
  ['Europe/Berlin', OFFICE, '2026-12-24T10:00:00Z', true],
  ['Europe/Berlin', OFFICE, '2026-12-24T11:00:00Z', false], // half a day
  ['Asia/Kathmandu', OFFICE, '2026-11-20T03:15:00Z', true], // five and three quarter hours ahead
  ['America/St_Johns', OFFICE, '2026-11-20T12:29:00Z', false],
  ['UTC', NIGHT, '2026-11-20T23:00:00Z', true],
  ['UTC', NIGHT, '2026-11-21T05:59:00Z', true], // past midnight, begun on Friday
  ['UTC', NIGHT, '2026-11-21T06:00:00Z', false],
  ['UTC', NIGHT, '2026-11-20T05:00:00Z', false], // Thursday's night is none
  ['UTC', NIGHT, '2026-12-26T03:00:00Z', true], // begun the evening before, into a holiday
  ['UTC', NIGHT, '2026-12-26T23:00:00Z', false],
  ['UTC', WEEKEND, '2026-11-22T23:59:59Z', true],
  ['UTC', WEEKEND, '2026-11-23T00:00:00Z', false],
  ['UTC', OVER_THE_WEEK, '2026-11-23T10:30:00Z', true],
  ['UTC', OVER_THE_WEEK, '2026-11-24T10:30:00Z', false],
  ['UTC', [], '2026-11-24T10:30:00Z', false],
];

for (const [zone, periods, at, isOpen] of ROWS) {
  test(`${at} in ${zone}: ${isOpen ? 'open' : 'closed'}`, () => {
    assert.equal(new OpenHours(zone, periods).isOpen(Date.parse(at)), isOpen);
  });
}

const REFUSED: readonly (readonly [what: string, given: unknown, message: RegExp])[] = [
  ['no JSON', '[{', /expected JSON/],
  ['no list', '{}', /a list/],
  ['a text in the list', '["mon"]', /braces/],
  ['an unknown key', '[{"weekday":"mon"}]', /not "weekday"/],
  ['an unknown day', '[{"days":"mon-fry"}]', /days such as/],
  ['a day and a date', '[{"days":"mon","date":"12-25"}]', /not both/],
  ['a date that is none', '[{"date":"13-01"}]', /a date/],
  ['a time that is none', '[{"from":"24:01"}]', /a time/],
  ['closed on no date', '[{"closed":true}]', /with a date/],
  ['one period too many', Array.from({ length: PERIODS_MAX + 1 }, () => ({})), /at most/],
  ['one character too many', `[]${' '.repeat(PERIODS_LENGTH_MAX - 1)}`, /at most/],
];

for (const [what, given, message] of REFUSED) {
  test(`${what} is refused`, () => {
    assert.throws(() => parsePeriods(given, 'periods'), { code: 'INVALID', message });
  });
}

test('as many periods as may be are taken', () => {
  assert.equal(
    parsePeriods(
      Array.from({ length: PERIODS_MAX }, () => ({})),
      'periods',
    ).length,
    PERIODS_MAX,
  );
  assert.deepEqual(parsePeriods(`[]${' '.repeat(PERIODS_LENGTH_MAX - 2)}`, 'periods'), []);
});
