/** Session timers: who asks for what, who refreshes, when it is over. RFC 4028 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from '../sip/parse.ts';
import type { Headers } from '../sip/headers.ts';
import { simWorld } from '../testing/sim-world.ts';
import { agreedTimer, answerTimer, askForTimer, readMinSe, SessionTimer } from './session-timer.ts';

const LIMITS = { expiresSeconds: 1800, minSeconds: 90 };

function headers(...lines: readonly string[]): Headers {
  const message = parseMessage(['OPTIONS sip:a SIP/2.0', ...lines, '', ''].join('\r\n'));
  assert.ok(message.kind === 'request');
  return message.headers;
}

/** What the caller says → seconds, who refreshes, and our Session-Expires. */
const answers: readonly (readonly [readonly string[], number | undefined, string, string])[] = [
  [[], undefined, '', ''],
  [['Supported: timer'], 1800, 'them', '1800;refresher=uac'],
  [['Supported: timer', 'Session-Expires: 600'], 600, 'them', '600;refresher=uac'],
  [['Supported: timer', 'x: 600;refresher=uas'], 600, 'us', '600;refresher=uas'],
  [['Supported: timer', 'Session-Expires: 600 ; Refresher=UAC'], 600, 'them', '600;refresher=uac'],
  [['Session-Expires: 600'], 600, 'us', '600;refresher=uas'],
  [['Session-Expires: 90'], 90, 'us', '90;refresher=uas'],
  [['Session-Expires: 89'], 90, 'us', '90;refresher=uas'],
  [['Session-Expires: 60', 'Min-SE: 120'], 120, 'us', '120;refresher=uas'],
  [['Supported: timer', 'Session-Expires: 7200'], 1800, 'them', '1800;refresher=uac'],
  [['Supported: timer', 'Session-Expires: 7200', 'Min-SE: 3600'], 3600, 'them', '3600;refresher=uac'],
  [['Supported: timer', 'Session-Expires: soon'], 1800, 'them', '1800;refresher=uac'],
];
for (const [lines, seconds, refresher, field] of answers) {
  test(`the called side answers ${JSON.stringify(lines)} with ${field === '' ? 'nothing' : field}`, () => {
    const answer = answerTimer(headers(...lines), LIMITS);

    assert.ok(!('tooSmall' in answer));
    assert.equal(answer.interval?.seconds, seconds);
    assert.equal(answer.interval?.refresher ?? '', refresher);
    assert.equal(String(answer.headers.find(([name]) => name === 'Session-Expires')?.[1] ?? ''), field);
    assert.equal(
      answer.headers.some(([name]) => name === 'Require'),
      refresher === 'them',
    );
  });
}

test('one second less than we allow is refused, where the caller knows what that means', () => {
  for (const knows of ['Supported: timer', 'Require: timer'])
    assert.deepEqual(answerTimer(headers(knows, 'Session-Expires: 89'), LIMITS), { tooSmall: 90 });
});

test('the calling side asks for no less than it accepts', () => {
  assert.deepEqual(askForTimer({ expiresSeconds: 100, minSeconds: 200 }), [
    ['Session-Expires', '200'],
    ['Min-SE', 200],
  ]);
});

test('the calling side refreshes unless the answer says otherwise', () => {
  assert.equal(agreedTimer(headers()), undefined);
  assert.equal(agreedTimer(headers('Session-Expires: 600'))?.refresher, 'us');
  assert.equal(agreedTimer(headers('Session-Expires: 600;refresher=uas'))?.refresher, 'them');
  assert.equal(agreedTimer(headers('Session-Expires: 1'))?.seconds, 90);
});

test('a Min-SE that is missing or no number means 90', () => {
  assert.deepEqual(
    [readMinSe(headers()), readMinSe(headers('Min-SE: x')), readMinSe(headers('Min-SE: 300;a=b'))],
    [90, 90, 300],
  );
});

/** Interval → when it is refreshed, when it lapses, in seconds. */
const times: readonly (readonly [number, 'us' | 'them', number | undefined, number])[] = [
  [90, 'us', 45, 60],
  [90, 'them', undefined, 60],
  [1800, 'us', 900, 1768],
];
for (const [seconds, refresher, refreshAt, lapseAt] of times) {
  test(`${seconds} s refreshed by ${refresher}: lapses after ${lapseAt} s`, async () => {
    const world = simWorld(1);
    const told: string[] = [];
    const timer = new SessionTimer(world.clock, {
      refresh: () => told.push(`refresh ${world.clock.now() / 1000}`),
      lapsed: () => told.push(`lapsed ${world.clock.now() / 1000}`),
    });
    timer.start({ seconds, refresher });
    await world.run(seconds * 1000);

    const expected = refreshAt === undefined ? [] : [`refresh ${refreshAt}`];
    assert.deepEqual(told, [...expected, `lapsed ${lapseAt}`]);
  });
}

test('a timer that was stopped, or has no interval, tells nothing', async () => {
  const world = simWorld(1);
  const fail = (): never => assert.fail('nothing was to be told');
  const timer = new SessionTimer(world.clock, { refresh: fail, lapsed: fail });
  timer.start({ seconds: 90, refresher: 'us' });
  timer.start(undefined);
  timer.start({ seconds: 90, refresher: 'us' });
  timer.stop();
  await world.run(100_000);
});
