/** A text where a script owes a Uri is told with what may stand there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import type { Services } from '../route/services.ts';
import { parseUri, type Uri } from '../sip/uri.ts';
import { town } from '../testing/town.ts';

const ALICE = parseUri('sip:alice@example.com');
/** As a script has it that nobody has compiled. */
const text = 'sip:alice@example.com' as unknown as Uri;

const MISTAKES: readonly (readonly [what: string, (services: Services) => unknown, RegExp])[] = [
  ['location.lookup', ({ location }) => location.lookup(text), /the user of location\.lookup: a Uri, /],
  ['location.wake', ({ location }) => location.wake(text), /the user of location\.wake: a Uri, /],
  ['preferences.get', ({ preferences }) => preferences.get(text, 'x'), /the user of preferences: a Uri, /],
  [
    'preferences.set',
    ({ preferences }) => preferences.set(text, 'x', 'y'),
    /the user of preferences: a Uri, /,
  ],
  ['numbers.e164', ({ numbers }) => numbers.e164(text), /the number: a Uri, /],
  [
    'the wait of location.wake',
    ({ location }) => location.wake(ALICE, -1),
    /waitMs of location\.wake: milliseconds from 1 to \d+ expected, not -1/,
  ],
];

for (const [what, ask, message] of MISTAKES) {
  test(`${what} refuses what cannot be meant`, async () => {
    let services: Services | undefined;
    const t = await town(
      script((given: Services) => {
        services = given;
        return new Router();
      }),
      { people: {} },
    );

    await assert.rejects(async () => services && ask(services), { code: 'INVALID', message });
    t.stop();
  });
}
