/** Our own registration at a registrar that asks for digest: the exchange of a town, which enrols at itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/route/router.ts';
import type { RequestContext } from '../../src/route/context.ts';
import type { Reply } from '../../src/route/decision.ts';
import type { ByteStream, StreamUser } from '../../src/base/world.ts';
import { replyTo } from '../../src/sip/build.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { Frames } from '../../src/testing/frames.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import {
  BACK_OFF_FIRST_MS,
  BACK_OFF_MAX_MS,
  type Enrolment,
  type EnrolmentOptions,
} from '../../src/agent/enrolment.ts';

/** A town whose registrar is the usual one, or answers by `refuse`. */
async function townOf(refuse?: (c: RequestContext) => Reply, settings = {}): Promise<Town> {
  return town(
    script(({ auth, location }) => {
      const app = new Router();
      if (refuse !== undefined) app.register(refuse);
      else app.register(auth.digest(), (c) => location.save(c));
      return app;
    }),
    { people: { carrier: { password: 'right' } }, settings },
  );
}

function enrol(t: Town, more: Partial<EnrolmentOptions> = {}): { enrolment: Enrolment; told: string[] } {
  const told: string[] = [];
  const enrolment = t.exchange.agent.enrol({
    registrar: parseUri('sip:example.com'),
    aor: 'sip:carrier@example.com',
    credentials: { user: 'carrier', password: 'right' },
    hop: { transport: 'udp', host: EXCHANGE, port: 5060 },
    told: (state, status) => told.push(`${state} ${status}`),
    ...more,
  });
  return { enrolment, told };
}

/** When each REGISTER left. */
function registers(t: Town): number[] {
  return t.net.trace.entries.filter(({ text }) => text.startsWith('REGISTER ')).map(({ atMs }) => atMs);
}

async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  t.stop();
}

test('we are registered after one challenge, and taken back when we stop', async () => {
  const t = await townOf();
  const { enrolment, told } = enrol(t);
  await t.run(1_000);

  assert.deepEqual([enrolment.state, enrolment.grantedSeconds, registers(t).length], ['enrolled', 3600, 2]);
  await t.world.until(enrolment.stop());
  assert.deepEqual(told, ['enrolled 200', 'stopped 200']);
  await over(t);
});

test('how long it holds is found beside bindings of the account that have any other form', async () => {
  const t = await townOf((c) => {
    const ours = `${c.req.headers.get('Contact')};expires=120`;
    return c.reply(200, undefined, {
      Contact: `<mailto:carrier@example.org>, <sip:>, ${ours}`,
      Expires: '7200',
    });
  });
  const { enrolment } = enrol(t);
  await t.run(1_000);

  assert.deepEqual([enrolment.state, enrolment.grantedSeconds], ['enrolled', 120]);
  await t.world.until(enrolment.stop());
  t.stop();
});

test('a registrar whose nonces are good for once, and who names the next one, asks for it once', async () => {
  let good = 0;
  const t = await townOf((c) => {
    const proof = c.req.headers.get('Authorization') ?? '';
    if (!proof.includes(`nonce="n${good}"`)) {
      const challenge = `Digest realm="far", qop="auth", nonce="n${++good}"`;
      return c.reply(401, undefined, { 'WWW-Authenticate': challenge });
    }
    return c.reply(200, undefined, {
      Contact: `${c.req.headers.get('Contact')};expires=600`,
      'Authentication-Info': `nextnonce="n${++good}"`,
    });
  });
  const { enrolment, told } = enrol(t);
  await t.run(1_800_000);
  await t.world.until(enrolment.stop());

  const asked = t.net.trace.entries.filter(({ text }) => text.startsWith('SIP/2.0 401')).length;
  assert.deepEqual([asked, told.at(-1)], [1, 'stopped 200']);
  assert.ok(registers(t).length >= 5, `${registers(t).length} REGISTERs`);
  t.stop();
});

test('a refresh goes out between three quarters and nine tenths of the time, unasked for credentials', async () => {
  const t = await townOf(undefined, { auth: { nonce_seconds: 7_000 } });
  const { enrolment } = enrol(t);
  await t.run(3_600_000);

  const [, , refresh = 0] = registers(t);
  assert.ok(refresh > 2_700_000 && refresh < 3_241_000, `${refresh} ms`);
  assert.equal(registers(t).length, 3);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('wrong credentials are tried once, and then not for long', async () => {
  const t = await townOf();
  const { enrolment, told } = enrol(t, { credentials: { user: 'carrier', password: 'wrong' } });
  await t.run(BACK_OFF_MAX_MS / 2 - 1_000);

  assert.equal(registers(t).length, 2);
  assert.equal(enrolment.state, 'waiting');
  assert.match(told[0] ?? '', /^waiting 40[13]$/);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('the wait doubles with each failure', async () => {
  const t = await townOf((c) => c.reply(500));
  const { enrolment } = enrol(t);
  await t.run(20 * BACK_OFF_FIRST_MS);

  const at = registers(t);
  const waits = at.slice(1).map((ms, i) => ms - (at[i] ?? 0));
  for (const [i, wait] of waits.entries()) {
    const most = BACK_OFF_FIRST_MS * 2 ** i;
    assert.ok(wait >= most / 2 && wait <= most + 100, `wait ${i}: ${wait} ms`);
  }
  assert.ok(waits.length >= 3);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('a registrar that wants longer registrations gets them', async () => {
  const t = await townOf(undefined, { registrar: { min_expires: 120 } });
  const { enrolment } = enrol(t, { expiresSeconds: 60 });
  await t.run(1_000);

  assert.deepEqual([enrolment.state, enrolment.grantedSeconds], ['enrolled', 120]);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('one that wants longer ones again and again is left alone', async () => {
  const t = await townOf((c) => c.reply(423, undefined, { 'Min-Expires': '99999999' }));
  const { enrolment } = enrol(t);
  await t.run(10_000);

  assert.deepEqual([enrolment.state, registers(t).length], ['waiting', 2]);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('a Retry-After is obeyed', async () => {
  const t = await townOf((c) => c.reply(503, undefined, { 'Retry-After': '300' }));
  const { enrolment } = enrol(t);
  await t.run(299_000);

  assert.equal(registers(t).length, 1);
  await t.run(2_000);
  assert.equal(registers(t).length, 2);
  await t.world.until(enrolment.stop());
  await over(t);
});

test('a probe tells when somebody is down, and up again', async () => {
  const t = await townOf();
  const told: string[] = [];
  const probe = t.exchange.agent.probe({
    uri: parseUri('sip:carrier@192.0.2.11'),
    from: '<sip:probe@example.com>',
    everyMs: 10_000,
    told: (up, status) => told.push(`${up} ${status}`),
  });
  await t.run(15_000);
  assert.deepEqual(told, []);
  t.net.cut('192.0.2.11');
  await t.run(60_000);
  assert.deepEqual(told, ['false 408']);
  t.net.heal('192.0.2.11');
  await t.run(60_000);

  assert.deepEqual(told, ['false 408', 'true 200']);
  probe.stop();
  await t.run(35_000);
  await over(t);
});

const FAR = '192.0.2.90';

/** A registrar by TCP that ends each connection with the challenge that it sent there; how it is connected to. */
async function cutsOff(t: Town): Promise<readonly string[]> {
  const asked: string[] = [];
  const accept = (stream: ByteStream): StreamUser => {
    const frames = new Frames();
    const data = (piece: string): void => {
      for (const text of frames.push(piece)) {
        const message = parseMessage(text);
        assert.ok(message.kind === 'request');
        const proved = message.headers.has('Authorization');
        asked.push(`${message.method} ${proved ? 'proved' : 'plain'}`);
        const challenge = ['WWW-Authenticate', 'Digest realm="far", nonce="1"'] as const;
        stream.write(
          replyTo(message, proved ? 200 : 401, { toTag: 'far', headers: proved ? [] : [challenge] }),
        );
        if (!proved) stream.end();
      }
    };
    return { data, closed() {} };
  };
  await t.world.until(
    t.world.host(FAR).net.listen({ host: FAR, port: 5060 }, accept, { kind: 'tcp', setupMs: 1_000 }),
  );
  return asked;
}

for (const hop of [undefined, { transport: 'tcp', host: FAR, port: 5060 } as const]) {
  test(`a connection that ends with the challenge is opened anew, by the ${hop ? 'hop' : 'URI'}`, async () => {
    const t = await townOf();
    const asked = await cutsOff(t);

    const { told, enrolment } = enrol(t, { registrar: parseUri(`sip:${FAR};transport=tcp`), hop });
    await t.run(1_000);

    assert.deepEqual([told, asked], [['enrolled 200'], ['REGISTER plain', 'REGISTER proved']]);
    await t.world.until(enrolment.stop());
    t.stop();
  });
}
