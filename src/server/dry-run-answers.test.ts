import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FarAnswers, finalStatus } from './dry-run-answers.ts';

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
  ['', false],
] as const) {
  test(`${JSON.stringify(text)} is ${isOne ? 'an' : 'no'} answer`, () => {
    if (isOne) assert.equal(FarAnswers.parse(text).unmet.length, 1);
    else assert.throws(() => FarAnswers.parse(text), { code: 'USAGE' });
  });
}
