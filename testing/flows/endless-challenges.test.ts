/** A server that is never content with our credentials is not asked for ever. RFC 3261 §22.2 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/route/router.ts';
import { replyTo } from '../../src/sip/build.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { b2bTo } from '../../src/agent/b2b.ts';
import { BACK_OFF_MAX_MS } from '../../src/agent/enrolment.ts';
import { PROOFS_MAX } from '../../src/agent/outgoing.ts';

const HOST = '192.0.2.66';
const FAR = parseUri(`sip:far@${HOST}`);
const CREDENTIALS = { user: 'u', password: 'p' };
/** More than anybody may ask for. */
const ENOUGH = 50;

/** What it says each time it is asked: so many times in all before it accepts. */
type Challenge = (time: number) => string;

const challenges: readonly (readonly [name: string, Challenge, requests: number])[] = [
  ['another nonce, since ours was too old', (n) => `realm="r", nonce="${n}", stale=true`, 1 + PROOFS_MAX],
  ['another realm', (n) => `realm="r${n}", nonce="${n}"`, 1 + PROOFS_MAX],
  ['another nonce, since the password is wrong', (n) => `realm="r", nonce="${n}"`, 2],
];

async function hostileTown(
  says: Challenge,
  times = ENOUGH,
): Promise<{ t: Town; asked: (m: string) => number }> {
  const t = await town(
    script(() => {
      const app = new Router();
      app.invite((c) => c.answer(b2bTo(FAR, { credentials: CREDENTIALS })));
      return app;
    }),
    { people: { alice: {} } },
  );
  const far = new Stranger(t.world, HOST, { host: EXCHANGE, port: 5060 });
  let time = 0;
  await far.open((text) => {
    const message = parseMessage(text);
    if (message.kind !== 'request' || message.method === 'ACK') return;
    const headers = [['WWW-Authenticate', `Digest ${says(++time)}`]] as const;
    far.send(
      time > times ? replyTo(message, 200, { toTag: 'f' }) : replyTo(message, 401, { toTag: 'f', headers }),
    );
  });
  const asked = (method: string): number => {
    return t.net.trace.entries.filter(({ toHost, text }) => toHost === HOST && text.startsWith(`${method} `))
      .length;
  };
  return { t, asked };
}

for (const [name, says, requests] of challenges) {
  test(`a callee who always wants ${name} is asked ${requests} times`, async () => {
    const { t, asked } = await hostileTown(says);

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(5_000);

    assert.deepEqual([asked('INVITE'), call.status], [requests, 403]);
    t.stop();
  });

  test(`a registrar who always wants ${name} is asked ${requests} times, and then not for long`, async () => {
    const { t, asked } = await hostileTown(says);
    const enrolment = t.exchange.agent.enrol({ registrar: FAR, aor: 'sip:u@r', credentials: CREDENTIALS });
    await t.run(BACK_OFF_MAX_MS / 2 - 1_000);

    assert.deepEqual([asked('REGISTER'), enrolment.status], [requests, 401]);
    void enrolment.stop();
    t.stop();
  });
}

test('the last proof that may be sent is still listened to', async () => {
  const { t } = await hostileTown((n) => `realm="r", nonce="${n}", stale=true`, PROOFS_MAX);
  const asks = { method: 'MESSAGE', uri: FAR, from: '<sip:u@r>', credentials: CREDENTIALS };

  const { status } = await t.world.until(t.exchange.agent.ask(asks));

  assert.equal(status, 200);
  t.stop();
});
