/** Names, agents and Call-IDs that mean something to a database are values there, and nothing else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CallRecords } from '../billing/call-records.ts';
import { listCalls, showCalls } from '../billing/call-list.ts';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { Location } from '../location/location.ts';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { open } from '../store/sqlite.ts';
import { SqliteWriter } from '../store/sqlite-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { nodeWorld } from '../world/node-world.ts';
import { listRegistrations, listUsers } from './control-queries.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-hostile-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const HOSTILE: readonly string[] = [
  "x' OR '1'='1",
  "'; DROP TABLE subscriber; --",
  'x" OR ""="',
  "x'); DELETE FROM calls; --",
  'x` OR 1=1 #',
  "\\' OR 1=1 --",
  '%',
  '%%',
];

function register(agent: string, number: number): SipRequest {
  const message = parseMessage(
    [
      'REGISTER sip:example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
      'From: <sip:alice@example.com>;tag=1',
      `To: <sip:user${number}@example.com>`,
      `Call-ID: c${number}`,
      'CSeq: 1 REGISTER',
      `Contact: <sip:user${number}@192.0.2.7>;x="${agent.replaceAll(/["\\]/g, '\\$&')}"`,
      `User-Agent: ${agent}`,
      '\r\n',
    ].join('\r\n'),
  );
  assert.ok(message instanceof SipRequest);
  return message;
}

test('hostile names change no other row, and are found as they were written', async () => {
  const file = join(folder, 'tandem.sqlite');
  await (await open(file)).destroy();
  const { clock, random } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const writer = new SqliteWriter({ file, clock, log: silentLogger });
  after(() => writer.close());
  const limits = { minExpires: 60, maxExpires: 7200, defaultExpires: 3600, maxContacts: 10 };
  const settings = { ...limits, durable: true, bindingsMax: 100 };
  const location = new Location({ clock, random, writer, settings });
  const subscribers = new Subscribers({ writer, clock });
  const calls = new CallRecords({ writer, clock, log: silentLogger });
  await subscribers.add({ user: 'alice', domain: 'example.com', password: HOSTILE[0] ?? '' });

  for (const [number, text] of HOSTILE.entries()) {
    const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;
    const outcome = await location.save(register(text, number), source);
    assert.equal(outcome.status, 200, text);
    calls.open({ callId: text, fromTag: text, caller: text, callee: text, fromUri: text, source: text });
    const hostile = subscribers.add({ user: text, domain: 'example.com', password: 'x' });
    await assert.rejects(hostile, { code: 'INVALID' });
  }
  await new Promise<void>((resolve) => writer.write('removeExpiredBindings', [0], () => resolve()));
  location.close();
  calls.stop();
  await writer.close();

  const db = await open(file);
  const count = HOSTILE.length;
  assert.equal((await listUsers(db, undefined)).length, 1);
  assert.deepEqual(
    (await listRegistrations(db, undefined, 0)).map(({ userAgent }) => userAgent).toSorted(),
    HOSTILE.toSorted(),
  );
  assert.equal((await listCalls(db)).length, count);
  for (const text of HOSTILE) {
    assert.deepEqual(await listUsers(db, text), []);
    assert.deepEqual(await listRegistrations(db, text, 0), []);
    assert.deepEqual(
      (await listCalls(db, { user: text })).map(({ caller }) => caller),
      [text],
    );
    assert.deepEqual(
      (await showCalls(db, text)).map(({ call_id }) => call_id),
      [text],
    );
  }
  await db.destroy();
});
