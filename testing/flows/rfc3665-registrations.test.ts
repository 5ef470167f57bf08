/** RFC 3665 §2: a phone registers over TLS with the shipped script, and asks who is registered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor } from '../../src/testing/phone-credentials.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { registrarProxy } from '../../src/testing/town-scripts.ts';
import { compare, HOSTS } from './flow.ts';

const DOMAIN = 'biloxi.example.com';
const PASSWORD = 'secret of bob';
const DESK = '<sip:bob@192.0.2.15:5060>';
const BOBS = `<sip:bob@${HOSTS.bob}:5060;transport=tls>`;

/** What happens to Bob's registration: what is answered, and which Contacts the last 200 lists. */
interface Flow {
  readonly section: string;
  readonly title: string;
  readonly knows?: string;
  readonly play: (t: Town) => Promise<readonly number[]>;
  readonly statuses: readonly number[];
  readonly contacts: readonly string[];
}

const flows: readonly Flow[] = [
  {
    section: '2.1-new-registration',
    title: 'Bob registers for the first time, and proves who he is (RFC 3665 §2.1)',
    play: async (t) => [await t.phone('bob').register()],
    statuses: [200],
    contacts: [BOBS],
  },
  {
    section: '2.2-update-of-contacts',
    title: 'Bob adds another phone; the nonce he has is good still, and the 200 lists both (RFC 3665 §2.2)',
    play: async (t) => [await t.phone('bob').register(), await again(t, [DESK])],
    statuses: [200, 200],
    contacts: [BOBS, DESK],
  },
  {
    section: '2.3-request-for-contacts',
    title: 'Bob asks what is registered, and changes nothing (RFC 3665 §2.3)',
    play: async (t) => [await t.phone('bob').register(), await again(t, [])],
    statuses: [200, 200],
    contacts: [BOBS],
  },
  {
    section: '2.4-cancellation',
    title: 'Bob takes all of his registrations back at once (RFC 3665 §2.4)',
    play: async (t) => [await t.phone('bob').register(), await again(t, ['*'], 0)],
    statuses: [200, 200],
    contacts: [],
  },
  {
    section: '2.5-unsuccessful',
    title: 'Bob has a wrong password: he is challenged again, and nothing is registered (RFC 3665 §2.5)',
    knows: 'another password',
    play: async (t) => [await t.phone('bob').register()],
    statuses: [401],
    contacts: [],
  },
];

for (const { section, title, knows, play, statuses, contacts } of flows) {
  test(title, async () => {
    const t = await town(registrarProxy, {
      domain: DOMAIN,
      people: {
        bob: { host: HOSTS.bob, transport: 'tls', ...(knows === undefined ? {} : { phonePassword: knows }) },
      },
      settings: { location: { keep_alive: 'off' } },
    });

    assert.deepEqual(await play(t), statuses);
    await t.run(100);

    const listed = t.phone('bob').registeredContacts.map((value) => value.replace(/;expires=.*/, ''));
    assert.deepEqual(listed.toSorted(), [...contacts].toSorted());
    await assertQuiet(t);
    t.stop();
    compare(`rfc3665-${section}`, `${title}\n\n${t.ladder()}`);
  });
}

/** Bob registers with the nonce that he was given before, so that nobody challenges him. */
function again(t: Town, contacts: readonly string[], expires = 3_600): Promise<number> {
  const [challenge = ''] = t.net.trace.entries.flatMap(
    ({ text }) => /\r\nWWW-Authenticate: (.*)\r\n/.exec(text)?.[1] ?? [],
  );
  const asked = { user: 'bob', password: PASSWORD, method: 'REGISTER', uri: `sip:${DOMAIN}` };
  const proof = credentialsFor(challenge, { ...asked, cnonce: 'again', count: 2 });
  assert.ok(proof !== undefined);
  return t.phone('bob').register({ contacts, expires, headers: [['Authorization', proof]] });
}
