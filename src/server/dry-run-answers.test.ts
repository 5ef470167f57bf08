import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FarAnswers, finalStatus } from './dry-run-answers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-answers-'));
after(() => rmSync(folder, { recursive: true }));

test('answers are words or final statuses, by name in any letter case', () => {
  const answers = FarAnswers.parse('bob=486, Carrier.example=timeout,x@y=rings,*=busy');

  assert.deepEqual(
    ['BOB', 'carrier.example', 'x@y', 'somebody'].map((name) => answers.of([name])),
    [486, 'silent', 'rings', 'busy'],
  );
  assert.equal(answers.of(['nobody', 'bob']), 486);
  assert.equal(new FarAnswers().of(['bob']), 'answers');
});

test('names that nobody had are told, but for everybody else', () => {
  const answers = FarAnswers.parse('Bob=486,bobb=busy,api.example.com=200,*=rings');
  answers.of(['bob@example.com', 'bob']);
  answers.given(['api.example.com']);

  assert.deepEqual(answers.unmet, ['bobb']);
  assert.equal(answers.given(['other.example.com']), undefined);
});

test('a status may have a text, which goes to the end of what is given', () => {
  const file = join(folder, 'answer.json');
  writeFileSync(file, '{"b":2}');
  const answers = FarAnswers.parse(
    'bob=busy,api.example.com=200:{"a":1,"b=c":[2]}',
    `Other.example.com=200:@${file}`,
    '192.0.2.51:5070=302:sip:carol@example.com;transport=tcp',
  );

  assert.deepEqual(
    ['bob', 'api.example.com', 'other.example.com', '192.0.2.51:5070'].map((name) => [
      answers.of([name]),
      answers.textOf([name]),
    ]),
    [
      ['busy', undefined],
      [200, '{"a":1,"b=c":[2]}'],
      [200, '{"b":2}'],
      [302, 'sip:carol@example.com;transport=tcp'],
    ],
  );
  assert.throws(() => FarAnswers.parse('a=200:@/no/such/file'), { code: 'NOT_FOUND' });
});

for (const [answer, status] of [
  ['answers', 200],
  ['busy', 486],
  ['rings', undefined],
  ['silent', undefined],
  [603, 603],
] as const) {
  test(`whoever ${answer} says ${status ?? 'nothing that ends the call'}`, () => {
    assert.equal(finalStatus(answer), status);
  });
}

for (const [text, isOne] of [
  ['bob=199', false],
  ['bob=200', true],
  ['bob=699', true],
  ['bob=700', false],
  ['bob', false],
  ['=486', false],
  ['bob=486=2', false],
  ['bob=constructor', false],
  ['bob=busy:text', false],
  ['bob=302:', true],
  ['', false],
] as const) {
  test(`${JSON.stringify(text)} is ${isOne ? 'an' : 'no'} answer`, () => {
    if (isOne) assert.equal(FarAnswers.parse(text).unmet.length, 1);
    else assert.throws(() => FarAnswers.parse(text), { code: 'USAGE' });
  });
}
