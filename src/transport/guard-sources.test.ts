import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { GuardSources } from './guard-sources.ts';

const ROWS = 256;
const ALLOWANCE = { perSecond: 10, burst: 4 };

function start(begun: string[] = []): GuardSources {
  return new GuardSources(ALLOWANCE, 1234, (_row, { host }) => void begun.push(host), ROWS);
}

function stranger(number: number): Endpoint {
  return new Endpoint(`100.64.${number >>> 8}.${number & 255}`, 5060);
}

test('a source keeps its row, whatever port it sends from', () => {
  const begun: string[] = [];
  const sources = start(begun);

  const rows = [1, 5060, 65_535].map((port) => sources.rowOf(new Endpoint('192.0.2.7', port), 0));

  assert.equal(new Set(rows).size, 1);
  assert.deepEqual(begun, ['192.0.2.7']);
});

test('strangers without number push no known source out', () => {
  const begun: string[] = [];
  const sources = start(begun);
  const known = Array.from({ length: 20 }, (_, i) => new Endpoint(`192.0.2.${i}`, 5060));
  for (const source of known) sources.knownUntil[sources.rowOf(source, 0)] = 1_000;

  for (let i = 0; i < 20 * ROWS; i++) sources.rowOf(stranger(i), 1);

  for (const source of known) assert.equal(sources.knownUntil[sources.rowOf(source, 2)], 1_000);
  assert.equal(begun.filter((host) => host.startsWith('192.0.2.')).length, known.length);
});

test('once it is known no longer, a source gives way like any other', () => {
  const begun: string[] = [];
  const sources = start(begun);
  const old = new Endpoint('192.0.2.7', 5060);
  sources.knownUntil[sources.rowOf(old, 0)] = 1_000;
  for (let i = 0; i < 20 * ROWS; i++) sources.rowOf(stranger(i), 1_001);

  sources.rowOf(old, 1_002);

  assert.equal(begun.filter((host) => host === '192.0.2.7').length, 2);
});

test('of strangers, the one that was silent longest gives way', () => {
  const begun: string[] = [];
  const sources = start(begun);
  const talker = stranger(0);
  for (let i = 1; i < 20 * ROWS; i++) {
    sources.take(sources.rowOf(talker, i), i);
    sources.rowOf(stranger(i), i);
  }

  assert.equal(begun.filter((host) => host === talker.host).length, 1);
});

//  taken at                          the last one is given
const takings: readonly [at: readonly number[], given: boolean][] = [
  [[0, 0, 0, 0], true],
  [[0, 0, 0, 0, 0], false],
  [[0, 0, 0, 0, 99], false],
  [[0, 0, 0, 0, 100], true],
  [[0, 0, 0, 0, 100, 100], false],
  [[0, 0, 0, 0, 60_000, 60_000, 60_000, 60_000], true],
  [[0, 0, 0, 0, 60_000, 60_000, 60_000, 60_000, 60_000], false],
];

for (const [at, given] of takings) {
  test(`of tokens taken at ${at.join(', ')} ms the last one is ${given ? '' : 'not '}given`, () => {
    const sources = start();
    const row = sources.rowOf(stranger(1), 0);

    assert.equal(at.map((now) => sources.take(row, now)).at(-1), given);
  });
}
