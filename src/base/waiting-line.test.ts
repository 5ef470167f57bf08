import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { InLine, WaitingLine } from './waiting-line.ts';

class Name extends InLine {
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

/** A line of these, and each by its name. */
function lineOf(texts: string) {
  const line = new WaitingLine<Name>();
  const names = texts.split('').map((text) => new Name(text));
  for (const name of names) line.join(name);
  return { line, names };
}

/** All who wait, by taking them out. */
function emptied(line: WaitingLine<Name>): string {
  let texts = '';
  for (let { oldest } = line; oldest !== undefined; { oldest } = line) {
    texts += oldest.text;
    assert.equal(line.leave(oldest), true);
  }
  assert.equal(line.size, 0);
  return texts;
}

// Who leaves, by number, and who waits then.
// oxfmt-ignore
const cases: readonly [leave: number[], left: string][] = [
  [[],           'abcd'],
  [[0],          'bcd'],
  [[3],          'abc'],
  [[1, 2],       'ad'],
  [[2, 1],       'ad'],
  [[0, 1, 2, 3], ''],
  [[3, 1, 0],    'c'],
];
for (const [leave, left] of cases) {
  test(`of a line abcd ${leave.join(', ') || 'nobody'} leaves: ${left || 'nobody'} waits, the oldest first`, () => {
    const { line, names } = lineOf('abcd');

    for (const at of leave) assert.equal(line.leave(names[at]!), true);

    assert.equal(line.size, left.length);
    assert.equal(emptied(line), left);
  });
}

test('who has left does not leave again, and knows nobody who still waits', () => {
  const { line, names } = lineOf('abc');
  const [, b] = names;

  line.leave(b!);

  assert.equal(line.leave(b!), false);
  assert.deepEqual([b!.before, b!.behind, b!.waits], [undefined, undefined, false]);
  assert.equal(line.size, 2);
});

test('who has left may join again, behind the others', () => {
  const { line, names } = lineOf('abc');

  line.leave(names[0]!);
  line.join(names[0]!);

  assert.equal(emptied(line), 'bca');
});

test('who has waited beside others is not kept until a full collection', () => {
  const collect = minorCollector();
  const line = new WaitingLine<Name>();
  const waiting = [new Name('the first')];
  line.join(waiting[0]!);
  for (let round = 0; round < 4; round++) collect(); // They are old by now.
  const before = process.memoryUsage().heapUsed;

  for (let come = 1; come <= 20_000; come++) {
    const name = new Name(Buffer.alloc(2_000, 'a').latin1Slice());
    line.join(name);
    waiting.push(name);
    if (waiting.length > 6) line.leave(waiting.shift()!);
    if (come % 100 === 0) collect();
  }

  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(grown < 5_000_000, `the heap grew by ${grown} bytes`);
});

/** Collects the young generation alone. */
function minorCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  return () => collect({ type: 'minor' });
}
