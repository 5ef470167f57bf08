import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stranger } from '../testing/stranger.ts';
import { type TortureCase, tortureCases } from '../testing/torture-messages.ts';
import { EXCHANGE, PORTS, type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

const TARGET = { host: EXCHANGE, port: 5060 };
type Transport = 'udp' | 'tcp' | 'tls' | 'ws';

/** Longer than any message may take to come in whole. */
const PATIENCE_MS = 11_000;
const PING = [
  `OPTIONS sip:${EXCHANGE} SIP/2.0`,
  'Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKping',
  'From: <sip:ping@192.0.2.99>;tag=1',
  `To: <sip:${EXCHANGE}>`,
  'Call-ID: ping',
  'CSeq: 1 OPTIONS',
  'Content-Length: 0',
  '\r\n',
].join('\r\n');

for (const message of tortureCases()) {
  for (const transport of ['udp', 'tcp', 'tls', 'ws'] as const) {
    test(`${message.id} over ${transport}: ${message.verdict}`, async () => {
      // Who wants to see acceptance must not be stopped by a challenge.
      const script = message.verdict === 'accept' ? openRegistrar : registrarProxy;
      const t = await town(script, { people: {}, transports: [transport] });
      const stranger = await new Stranger(t.world, '198.51.100.7', TARGET).open();

      const answers = await (transport === 'udp'
        ? overUdp(t, stranger, message)
        : overConnection(t, stranger, message, transport));

      check(message, answers, transport);
      await stillAnswers(t, transport);
      assert.deepEqual(
        t.world.logged.filter((line) => line.level === 'error'),
        [],
      );
      t.stop();
    });
  }
}

async function overUdp(t: Town, stranger: Stranger, message: TortureCase): Promise<readonly string[]> {
  stranger.send(message.text);
  await t.run(1_000);
  return stranger.sentToHim.map((entry) => entry.text);
}

async function overConnection(
  t: Town,
  stranger: Stranger,
  message: TortureCase,
  transport: 'tcp' | 'tls' | 'ws',
): Promise<readonly string[]> {
  const connection = stranger.connect({ kind: transport }, PORTS[transport]);
  connection.write(message.text);
  await t.run(PATIENCE_MS);
  if (transport !== 'ws' && message.mayWaitOnStream && connection.heard.length === 0) {
    assert.equal(connection.closed, true);
    return ['SIP/2.0 400 told by closing\r\n\r\n'];
  }
  return connection.heard;
}

function check(message: TortureCase, answers: readonly string[], transport: Transport): void {
  const statuses = [...new Set(answers.map((answer) => Number(answer.substring(8, 11))))];
  const final = statuses.find((status) => status >= 200);
  const { verdict, codes } = message;
  if (verdict === 'drop' || verdict === 'response') {
    assert.deepEqual(answers, []);
    return;
  }
  assert.ok(final !== undefined, 'it is answered');
  if (verdict === 'reject') assert.ok(codes.includes(final), `${final} is one of ${codes.join(', ')}`);
  if (verdict === 'accept' && !isWithoutLength(message, transport)) assert.notEqual(final, 400);
  for (const code of message.mustNotCodes) assert.ok(!statuses.includes(code), `it is not answered ${code}`);
  for (const part of message.mustContain) assert.ok(answers[0]?.includes(part), `the answer shows ${part}`);
  if (transport === 'udp' && message.maxAnsweredRequests !== undefined) {
    const callIds = new Set(answers.map((answer) => /^(?:Call-ID|i)\s*:.*\r\nCSeq.*$/im.exec(answer)?.[0]));
    assert.ok(callIds.size <= message.maxAnsweredRequests);
  }
}

/**
 * RFC 3261 §18.3: on a stream nobody can tell where a message without Content-Length ends. A WebSocket message ends
 * where it ends.
 */
function isWithoutLength(message: TortureCase, transport: Transport): boolean {
  return (transport === 'tcp' || transport === 'tls') && !/^(content-length|l)\s*:/im.test(message.text);
}

async function stillAnswers(t: Town, transport: Transport): Promise<void> {
  const friend = await new Stranger(t.world, '192.0.2.99', TARGET).open();
  const connection = friend.connect(transport === 'udp' ? undefined : { kind: transport }, PORTS[transport]);
  if (transport === 'udp') friend.send(PING);
  else connection.write(PING);
  await t.run(100);
  const [answer = ''] = transport === 'udp' ? friend.heard : connection.heard;
  assert.match(answer, /^SIP\/2\.0 200 /);
}
