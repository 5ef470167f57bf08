import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCsv } from './csv.ts';
import { csvOf } from './csv-write.ts';

const rows: [what: string, text: string, records: Record<string, string>[]][] = [
  [
    'a line a record',
    'a,b\n1,2\n3,4\n',
    [
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ],
  ],
  ['the last line may lack its end', 'a,b\n1,2', [{ a: '1', b: '2' }]],
  ['lines may end as on Windows', 'a,b\r\n1,2\r\n', [{ a: '1', b: '2' }]],
  ['a mark of the byte order is no text', '\uFEFFa\n1\n', [{ a: '1' }]],
  ['names are in small letters', 'User,EMail\n1,2\n', [{ user: '1', email: '2' }]],
  ['empty lines are none', 'a,b\n\n1,2\n\n', [{ a: '1', b: '2' }]],
  ['fields may be empty', 'a,b\n,\n', [{ a: '', b: '' }]],
  ['quotes keep commas', 'a,b\n"1,5",2\n', [{ a: '1,5', b: '2' }]],
  ['and ends of lines', 'a,b\n"1\n5",2\n', [{ a: '1\n5', b: '2' }]],
  ['a doubled quote is one', 'a\n"say ""hi"""\n', [{ a: 'say "hi"' }]],
  ['semicolons separate where there is no comma', 'a;b\n1;2\n', [{ a: '1', b: '2' }]],
  ['nothing holds nothing', '', []],
];

for (const [what, text, records] of rows) {
  test(what, () => {
    assert.deepEqual(
      parseCsv(text).map(({ fields }) => fields),
      records,
    );
  });
}

const wrong: [what: string, text: string, complaint: RegExp][] = [
  ['a field too few', 'a,b\n1,2\n3\n', /line 3: 2 fields expected, 1 found/],
  ['a field too many', 'a\n1,2\n', /line 2: 1 fields expected, 2 found/],
  ['an open quote', 'a\n1\n"2\n', /line 3: a quote is never closed/],
  ['text behind a quote', 'a\n"1"2\n', /line 2: text after a closing quote/],
];

for (const [what, text, complaint] of wrong) {
  test(`${what} is told with its line`, () => assert.throws(() => parseCsv(text), complaint));
}

test('a record knows its line, also after one of several lines', () => {
  assert.deepEqual(
    parseCsv('a\n"1\n2"\n3\n').map(({ line }) => line),
    [2, 4],
  );
});

//    a value                             how it is written
const cells: [string, string][] = [
  ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['-2+3', "'-2+3"],
  ['+4930*', "'+4930*"],
  ['\uff1dA1', "'\uff1dA1"],
  ["'=A1", "''=A1"],
  ["''+1", "'''+1"],
  ['+4930123456', '+4930123456'],
  ['-1.5', '-1.5'],
  ["O'Hara", "O'Hara"],
  ["'quoted'", "'quoted'"],
  ['alice@example.com', 'alice@example.com'],
];

for (const [value, written] of cells) {
  test(`${value} is exported as ${written}, and comes back`, () => {
    const csv = csvOf(['a', 'b'], [{ a: value, b: value }]);

    assert.equal(csv, `a,b\n${written},${written}`);
    assert.deepEqual(parseCsv(csv)[0]?.fields, { a: value, b: value });
  });
}

test('a password keeps its apostrophe', () => {
  assert.deepEqual(parseCsv("user,password\nalice,'=x\n")[0]?.fields, { user: 'alice', password: "'=x" });
});
