import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUNDS_MAX, MetricRegistry, SERIES_MAX } from './metrics.ts';

test('figures of every kind in the text of Prometheus', () => {
  const metrics = new MetricRegistry();
  metrics.counter('calls_total', 'Calls.', { way: 'in' }).add();
  metrics.counter('calls_total', 'Calls.', { way: 'in' }).add(2);
  metrics.counter('calls_total', 'Calls.', { way: 'a "b"\\\n' }).add();
  metrics.gauge('up', 'Servers.').set(3);
  const setup = metrics.histogram('setup_seconds', 'Set-up.', [2, 0.5]);
  for (const value of [0.5, 1, 9]) setup.observe(value);
  metrics.read((say) => say('read', 'gauge', 'Read when asked.', 7, { a: 'b' }));

  assert.equal(
    metrics.text(),
    [
      '# HELP calls_total Calls.',
      '# TYPE calls_total counter',
      'calls_total{way="in"} 3',
      'calls_total{way="a \\"b\\"\\\\\\n"} 1',
      '# HELP up Servers.',
      '# TYPE up gauge',
      'up 3',
      '# HELP setup_seconds Set-up.',
      '# TYPE setup_seconds histogram',
      'setup_seconds_bucket{le="0.5"} 1',
      'setup_seconds_bucket{le="2"} 2',
      'setup_seconds_bucket{le="+Inf"} 3',
      'setup_seconds_sum 10.5',
      'setup_seconds_count 3',
      '# HELP read Read when asked.',
      '# TYPE read gauge',
      'read{a="b"} 7',
      '',
    ].join('\n'),
  );
});

test('a counter never goes back', () => {
  const counter = new MetricRegistry().counter('calls', '');

  counter.add(-1);

  assert.equal(counter.value, 0);
});

test('what cannot be shown is refused at once', () => {
  const metrics = new MetricRegistry();
  metrics.gauge('calls', '');

  assert.throws(() => metrics.counter('calls', ''), { code: 'CONFLICT' });
  assert.throws(() => metrics.counter('no name', ''), { code: 'INVALID' });
  assert.throws(() => metrics.counter('x', '', { 'no label': '' }), { code: 'INVALID' });
  assert.ok(
    metrics.histogram(
      'most',
      '',
      Array.from({ length: BOUNDS_MAX }, (_, i) => i),
    ),
  );
  assert.throws(
    () =>
      metrics.histogram(
        'more',
        '',
        Array.from({ length: BOUNDS_MAX + 1 }, (_, i) => i),
      ),
    {
      code: 'INVALID',
    },
  );
});

test('a name of ours, and what is no number, are refused with what may stand there', () => {
  const metrics = new MetricRegistry();
  const gauge = metrics.gauge('calls', '');
  const setup = metrics.histogram('setup', '', [1, 2]);
  const five: never = 5 as never;

  const mistakes: readonly (readonly [() => unknown, RegExp])[] = [
    [
      () => metrics.counter('tandem_requests_total', ''),
      /the name of a metric: none that begins with tandem_/,
    ],
    [() => metrics.histogram('other', '', five), /the bounds of other: a list of numbers expected, not 5/],
    [() => metrics.histogram('other', '', [1, NaN]), /the bounds of other: a list of numbers expected/],
    [() => gauge.set(NaN), /the value of a gauge: a number expected, not NaN/],
    [() => gauge.add(Infinity), /what a gauge is changed by: a number expected, not Infinity/],
    [() => setup.observe(NaN), /what a histogram is told: a number expected, not NaN/],
  ];
  for (const [mistake, message] of mistakes) assert.throws(mistake, { code: 'INVALID', message });

  assert.deepEqual([gauge.value, setup.sum], [0, 0]);
});

test('labels that a stranger chooses fill no memory', () => {
  const metrics = new MetricRegistry();
  for (let i = 0; i < SERIES_MAX; i++) metrics.counter('calls', '', { from: String(i) });

  assert.throws(() => metrics.counter('calls', '', { from: 'one more' }), { code: 'INVALID' });
  assert.ok(metrics.counter('calls', '', { from: '0' }));
});
