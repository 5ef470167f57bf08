import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WALL_START } from '../src/testing/sim-clock.ts';
import { town } from '../src/testing/town.ts';
import timeOfDay from './time-of-day.ts';

// [when, in UTC; Berlin is an hour ahead, two in summer; who answers]
const ROWS = [
  ['2026-01-05T07:59:00Z', 'nightdesk'],
  ['2026-01-05T08:00:00Z', 'bob'],
  ['2026-01-05T15:59:00Z', 'bob'],
  ['2026-01-05T16:00:00Z', 'nightdesk'],
  ['2026-01-10T12:00:00Z', 'nightdesk'],
  ['2026-07-06T06:59:00Z', 'nightdesk'],
  ['2026-07-06T07:00:00Z', 'bob'],
] as const;

for (const [when, who] of ROWS) {
  test(`at ${when} ${who} answers`, async () => {
    const t = await town(timeOfDay, { people: { alice: {}, bob: {}, nightdesk: {} } });
    t.world.clock.jumpWall(Date.parse(when) - WALL_START);
    for (const name of ['bob', 'nightdesk']) await t.phone(name).register();

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(3_000);

    assert.equal(call.state, 'talking');
    assert.deepEqual(
      ['bob', 'nightdesk'].filter((name) => t.phone(name).incoming.length > 0),
      [who],
    );
    t.stop();
  });
}
