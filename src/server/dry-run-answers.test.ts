import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, finalStatus, parseAnswers } from './dry-run-answers.ts';

test('answers are words or final statuses, by name in any letter case', () => {
  const answers = parseAnswers('bob=486, Carrier.example=timeout,x@y=rings,*=busy');

  assert.deepEqual(
    ['BOB', 'carrier.example', 'x@y', 'somebody'].map((name) => answerOf(answers, [name])),
    [486, 'silent', 'rings', 'busy'],
  );
  assert.equal(answerOf(answers, ['nobody', 'bob']), 486);
  assert.equal(answerOf(new Map(), ['bob']), 'answers');
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
    if (isOne) assert.equal(parseAnswers(text).size, 1);
    else assert.throws(() => parseAnswers(text), { code: 'USAGE' });
  });
}
