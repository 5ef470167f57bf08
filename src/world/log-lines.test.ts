import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLines } from './log-lines.ts';

const nasty = 'a\r\n12:00:00.000 error forged\x1b[2J\x9b2J\u2028\u202e"b" ÿ';

function written(form: 'lines' | 'json', write: (log: ReturnType<typeof logLines>) => void): string[] {
  const lines: string[] = [];
  write(logLines({ form, level: 'info', write: (line) => lines.push(line) }));
  return lines;
}

test('a line for people: time, level, sentence, facts', () => {
  const [line] = written('lines', (log) =>
    log.info('call answered', { call: 'a84b@pc33', ms: 12, who: 'A B', n: null }),
  );

  assert.match(
    line ?? '',
    /^\d\d:\d\d:\d\d\.\d{3} info {2}call answered {2}call=a84b@pc33 {2}ms=12 {2}who="A B" {2}n=null\n$/,
  );
});

test('a line of JSON: the same', () => {
  const [line = ''] = written('json', (log) => log.warn('call lost', { call: 'a84b@pc33', ms: 12 }));

  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(rest, { level: 'warn', what: 'call lost', call: 'a84b@pc33', ms: 12 });
});

for (const form of ['lines', 'json'] as const) {
  test(`${form}: no value can end a line or speak to a terminal`, () => {
    const lines = written(form, (log) => {
      log.info(`odd ${nasty}`, {
        value: nasty,
        [nasty]: 1,
        deep: { list: [nasty] },
        error: new Error(nasty),
      });
    });

    assert.equal(lines.length, 1);
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    assert.match(lines[0] ?? '', /^[^\0-\x1f\x7f-\x9f\u2028\u202e]*\n$/);
  });

  test(`${form}: an error is told with its message`, () => {
    const [line] = written(form, (log) => log.error('it broke', { error: new RangeError('too far') }));

    assert.match(line ?? '', /RangeError.*too far/);
  });

  test(`${form}: what is below the level is not written`, () => {
    const lines = written(form, (log) => {
      log.debug('a');
      log.info('b');
    });

    assert.equal(lines.length, 1);
  });
}

test('a value of JSON is what it was', () => {
  const [line = ''] = written('json', (log) => log.info('odd', { value: nasty }));

  assert.equal((JSON.parse(line) as { value: string }).value, nasty);
});

test('a circular value does not break the log', () => {
  const circle: { self?: object } = {};
  circle.self = circle;

  const [line] = written('lines', (log) => log.info('odd', { circle, big: 1n }));

  assert.match(line ?? '', /circle=\[unprintable\] {2}big=1/);
});
