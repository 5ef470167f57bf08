import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamUser } from '../base/world.ts';
import { Soon } from './soon.ts';
import { PacedTurns } from './stream-turns.ts';

const MESSAGE = 'x'.repeat(500);
const nobody: StreamUser = { data() {}, closed() {} };

/** Turns of a loop on a clock of their own: each moves it by `turnMs`, each sleep by as long as was asked for. */
class Loop {
  readonly soon = new Soon();
  readonly did: (string | number)[] = [];
  readonly turns: PacedTurns;
  private now = 1_000;

  constructor() {
    const sleep = (ms: number): void => {
      this.did.push(ms);
      this.now += ms;
    };
    this.turns = new PacedTurns(this.soon, { now: () => this.now, sleep });
  }

  async turn(turnMs: number, messages: number): Promise<void> {
    const user = this.turns.of(nobody);
    this.now += turnMs;
    for (let i = 0; i < messages; i++) user.data(MESSAGE);
    await new Promise<void>((done) => void setImmediate(done));
  }
}

// oxfmt-ignore
const rates: [what: string, turnMs: number, messages: number, sleepMs: number | undefined][] = [
  ['a message each quarter of a millisecond',          0.25, 1,  1.75],
  ['forty messages each half of a millisecond',        0.5,  40, 1],
  ['forty messages each millisecond and three quarters', 1.75, 40, undefined],
  ['a message every two milliseconds',                 2,    1,  undefined],
];
for (const [what, turnMs, messages, sleepMs] of rates) {
  test(`${what}: ${sleepMs === undefined ? 'never sleeps' : `sleeps ${sleepMs} ms`}`, async () => {
    const loop = new Loop();

    for (let i = 0; i < 60; i++) await loop.turn(turnMs, messages);

    assert.equal(loop.did.at(-1), sleepMs);
  });
}

test('what a turn asked for and wrote is done before the sleep, also what came of it', async () => {
  const loop = new Loop();
  for (let i = 0; i < 60; i++) await loop.turn(0.5, 40);
  loop.did.length = 0;
  const user = loop.turns.of({
    ...nobody,
    data: () => {
      loop.turns.later(() => void loop.did.push('written'));
      loop.soon.add(() => loop.soon.add(() => void loop.did.push('a turn later')));
    },
  });

  user.data(MESSAGE);
  await loop.turn(0.5, 40);
  await loop.turn(0, 0);

  assert.deepEqual(loop.did, ['written', 'a turn later', 1]);
});

test('passes on what its user is told', () => {
  const told: string[] = [];
  const user = new PacedTurns(new Soon()).of({
    opened: () => void told.push('opened'),
    data: (text) => void told.push(text),
    closed: (why, detail) => void told.push(why, detail),
  });

  user.opened?.();
  user.data('INVITE');
  user.closed('error', 'reset');

  assert.deepEqual(told, ['opened', 'INVITE', 'error', 'reset']);
});
