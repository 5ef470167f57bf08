import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../store/writer.ts';
import { Breakable, registrar, save, valuesOf } from '../testing/registering.ts';
import type { BindingRow } from './binding-row.ts';
import type { Contact } from './contact.ts';
import { SILENT_FLOWS_MAX, SilentFlows } from './silent-flows.ts';
import { parseUri } from '../sip/uri.ts';

const BOB = 'bob@example.com';
const DESK = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"';
const MOBILE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E129>"';
const OUTBOUND = 'Supported: path, outbound';
const EDGE = 'Path: <sip:core.example.com;lr>, <sip:token@edge.example.com;lr;ob>';

function flow(id: number, uri = 'sip:bob@10.0.0.5', device = DESK): string {
  return `Contact: <${uri}>;reg-id=${id};${device}`;
}

// RFC 5626 §6: what is asked, how it came, the status, the flow that is kept.
type Row = readonly [name: string, lines: string[], proxies: string[], status: number, regId?: number];
const table: readonly Row[] = [
  ['a flow by itself', [flow(1), OUTBOUND], [], 200, 1],
  ['a flow that is required', [flow(1), 'Require: outbound'], [], 200, 1],
  ['the greatest reg-id', [flow(0x7fffffff), OUTBOUND], [], 200, 0x7fffffff],
  ['one beyond it is no flow', [flow(0x80000000), OUTBOUND], [], 200],
  ['reg-id 0 is no flow', [flow(0), OUTBOUND], [], 200],
  ['without outbound reg-id says nothing', [flow(1)], [], 200],
  ['without a device it says nothing', ['Contact: <sip:bob@h>;reg-id=1', OUTBOUND], [], 200],
  ['through an edge', [flow(1), OUTBOUND, EDGE], ['192.0.2.8'], 200, 1],
  ['through a proxy without Path', [flow(1), OUTBOUND], ['192.0.2.8'], 439],
  ['through one that is no edge', [flow(1), OUTBOUND, 'Path: <sip:p;lr>'], ['192.0.2.8'], 439],
  ['the first hop must be the edge', [flow(1), OUTBOUND, 'Path: <sip:e;ob>, <sip:p;lr>'], ['192.0.2.8'], 439],
  ['ob in a name is no ob', [flow(1), OUTBOUND, 'Path: <sip:ob@p;lr;observer>'], ['192.0.2.8'], 439],
  ['two flows in one request', [flow(1), flow(2, 'sip:bob@10.0.0.6'), OUTBOUND], [], 400],
  ['a flow beside another contact', [flow(1), 'Contact: <sip:b@h>', OUTBOUND], [], 400],
  ['a flow beside one that goes', [flow(1), 'Contact: <sip:b@h>;expires=0', OUTBOUND], [], 200, 1],
];

for (const [name, lines, proxies, status, regId] of table) {
  test(`outbound: ${name}`, () => {
    const r = registrar();

    const outcome = save(r, { lines, proxies });

    assert.equal(outcome.status, status);
    const [contact] = r.location.lookup(BOB);
    assert.equal(contact?.regId, regId);
    assert.deepEqual(valuesOf(outcome, 'Require'), regId === undefined ? [] : ['outbound']);
    assert.equal(contact === undefined, status !== 200);
  });
}

test('a flow is known by device and reg-id, whatever its URI and its Call-ID', () => {
  const r = registrar();
  save(r, { lines: [flow(1), OUTBOUND] });
  save(r, { lines: [flow(2), OUTBOUND], callId: 'b' });
  save(r, { lines: [flow(1, 'sip:bob@10.0.0.5', MOBILE), OUTBOUND], callId: 'c' });

  save(r, { lines: [flow(1, 'sip:bob@10.9.9.9'), OUTBOUND], callId: 'd', cseq: 7 });

  const kept = r.location.lookup(BOB).map(({ uriText, regId, callId }) => `${uriText} ${regId} ${callId}`);
  assert.deepEqual(kept.sort(), ['sip:bob@10.0.0.5 1 c', 'sip:bob@10.0.0.5 2 b', 'sip:bob@10.9.9.9 1 d']);
});

test('of each device one flow rings, the latest; the others are for when it is gone', () => {
  const r = registrar({ maxContacts: 10 });
  save(r, { lines: [flow(1), OUTBOUND] });
  save(r, { lines: [flow(2), OUTBOUND], callId: 'b' });
  save(r, { lines: [flow(3), OUTBOUND], callId: 'c' });
  save(r, { lines: [flow(1, 'sip:bob@10.0.0.9', MOBILE), OUTBOUND], callId: 'd' });
  save(r, { lines: ['Contact: <sip:plain@h>'], callId: 'e' });

  const rung = r.location.contactsOf(parseUri(`sip:${BOB}`));

  assert.deepEqual(
    rung.map(({ uriText, regId }) => [uriText, regId]),
    [
      ['sip:plain@h', undefined],
      ['sip:bob@10.0.0.9', 1],
      ['sip:bob@10.0.0.5', 3],
    ],
  );
  const flows = (at: number): (number | undefined)[] => (rung[at]?.others ?? []).map(({ regId }) => regId);
  assert.deepEqual([flows(0), flows(1), flows(2)], [[], [], [2, 1]]);
  assert.deepEqual(rung[2]?.others?.[0]?.others?.[0]?.regId, 1);
});

test('a flow that was silent comes last, until it is registered again', () => {
  const r = registrar();
  save(r, { lines: [flow(1), OUTBOUND] });
  save(r, { lines: [flow(2), OUTBOUND], callId: 'b' });
  const order = (): unknown[] => {
    const [first] = r.location.contactsOf(parseUri(`sip:${BOB}`));
    return [first?.regId, first?.others?.map(({ regId }) => regId)];
  };
  assert.deepEqual(order(), [2, [1]]);

  const [silent] = r.location.contactsOf(parseUri(`sip:${BOB}`));
  r.location.flows.silent.note(silent!);
  assert.deepEqual(order(), [1, [2]]);

  save(r, { lines: [flow(2), OUTBOUND], callId: 'b', cseq: 2 });
  assert.deepEqual(order(), [2, [1]]);
});

for (const [more, isKept] of [
  [SILENT_FLOWS_MAX - 1, true],
  [SILENT_FLOWS_MAX, false],
] as const) {
  test(`the first of ${more + 1} silent flows is ${isKept ? 'remembered' : 'forgotten'}`, () => {
    const silent = new SilentFlows();
    const contact = (regId: number): Contact => ({ instance: DESK, regId }) as Contact;

    for (let regId = 1; regId <= more + 1; regId++) silent.note(contact(regId));

    assert.equal(silent.has(contact(1)), isKept);
    assert.equal(silent.has(contact(more + 1)), true);
  });
}

test('who takes a flow away need not say which', () => {
  const r = registrar();
  save(r, { lines: [flow(1), OUTBOUND] });

  const outcome = save(r, { lines: ['Contact: <sip:bob@10.0.0.5>;expires=0'], cseq: 2 });

  assert.deepEqual([outcome.status, r.location.count], [200, 0]);
});

test('a binding ends with its connection, and no other does', async () => {
  const r = registrar({ maxContacts: 10 });
  const removed: string[] = [];
  r.location.on('contact.removed', ({ uriText }) => removed.push(uriText));
  const [tls, plain, other] = [
    new Breakable('tls', 40001),
    new Breakable('tcp', 40002),
    new Breakable('tcp', 40003),
  ];
  save(r, { lines: ['Contact: <sip:tls@10.0.0.5>'], callId: 'a' }, tls);
  save(r, { lines: ['Contact: <sip:tcp@10.0.0.5>'], callId: 'b' }, plain);
  save(r, { lines: [flow(1, 'sip:flow@10.0.0.5'), OUTBOUND], callId: 'c' }, other);
  save(r, { lines: ['Contact: <sip:push@10.0.0.5;pn-provider=fcm;pn-prid=x>'], callId: 'd' }, tls);
  save(r, { lines: ['Contact: <sip:udp@10.0.0.5>'], callId: 'e' });

  for (const connection of [tls, plain, other]) connection.break();
  await r.clock.run(1);

  assert.deepEqual(removed, ['sip:tls@10.0.0.5', 'sip:flow@10.0.0.5']);
  assert.equal(r.location.count, 3, 'plain TCP may be connected to, who sleeps is woken, UDP has no end');
});

test('a connection that is gone before the answer takes its binding along', async () => {
  const r = registrar();
  const tls = new Breakable('tls', 40001);
  tls.break();

  save(r, { lines: ['Contact: <sip:tls@10.0.0.5>'] }, tls);
  await r.clock.run(1);

  assert.equal(r.location.count, 0);
});

test('a phone that came back by another connection stays', async () => {
  const r = registrar();
  const [first, second] = [new Breakable('tls', 40001), new Breakable('tls', 40002)];
  save(r, { lines: ['Contact: <sip:tls@10.0.0.5>'] }, first);
  save(r, { lines: ['Contact: <sip:tls@10.0.0.5>'], cseq: 2 }, second);

  first.break();
  await r.clock.run(1);

  assert.equal(r.location.lookup(BOB)[0]?.received, 'tls:192.0.2.7:40002');
});

test('flows with one Contact are as many rows, and come back after a restart', async () => {
  const rows = new Map<string, Record<string, Value>>();
  const columns =
    'username domain contact received path expires q callid cseq modified flags user_agent socket sip_instance reg_id';
  const before = registrar({ maxContacts: 10 }, (statement, values) => {
    if (statement === 'saveBinding') {
      const row = Object.fromEntries(columns.split(' ').map((name, at) => [name, values[at] ?? null]));
      rows.set(String(values[2]), row);
    } else if (statement === 'saveBindingDetails') {
      const [params, methods] = values;
      Object.assign(rows.get(String(values[8])) ?? {}, { params, methods });
    }
  });
  const same = 'sip:bob@10.0.0.5?Subject=x';
  save(before, { lines: [`${flow(1, same)};+sip.ice`, OUTBOUND, 'Allow: INVITE, BYE , FOO'] });
  save(before, { lines: [flow(2, same), OUTBOUND], callId: 'b' });
  save(before, { lines: [flow(1, same, MOBILE), OUTBOUND], callId: 'c' });
  await before.clock.run(1);

  const after = registrar();
  after.location.restore([...rows.values()] as unknown as BindingRow[]);

  assert.equal(rows.size, 3);
  const [kept, restored] = [before, after].map(
    ({ location }) => location.list({ limit: 9, offset: 0 }).contacts,
  );
  assert.deepEqual(restored, kept);
  const [first] = restored ?? [];
  assert.deepEqual(
    [first?.uriText, first?.params, first?.methods, first?.received, first?.socket],
    [same, `;${DESK};+sip.ice;reg-id=1`, 1 | 8, 'udp:192.0.2.7:5060', '192.0.2.1:5060'],
  );
  assert.deepEqual(after.location.lookup(BOB)[0]?.hop, {
    transport: 'udp',
    host: '192.0.2.7',
    port: 5060,
    sentBy: '192.0.2.1:5060',
  });
});

test('bindings of connections do not outlive a restart: the phones come back', async () => {
  const removed: (Value | undefined)[] = [];
  const r = registrar({}, (statement, values) => {
    if (statement === 'removeBinding') removed.push(values[2]);
  });
  const row = {
    username: 'bob',
    domain: 'example.com',
    expires: Infinity,
    q: 1,
    callid: 'c',
    cseq: 1,
    user_agent: '',
  };
  const none = { path: null, sip_instance: null, reg_id: null };

  const count = r.location.restore([
    { ...row, ...none, contact: 'sip:1@h', received: 'tls:192.0.2.7:40001' },
    { ...row, ...none, contact: 'sip:2@h;pn-provider=fcm;pn-prid=x', received: 'tls:192.0.2.7:40001' },
    { ...row, ...none, contact: 'sip:3@h', received: 'udp:192.0.2.7:40001' },
  ]);
  await r.clock.run(1);

  assert.deepEqual([count, removed], [2, ['sip:1@h']]);
});

test('phones with a flow are told how often they must be heard of', () => {
  const r = registrar({ flowTimer: 120 });

  assert.deepEqual(valuesOf(save(r, { lines: [flow(1), OUTBOUND] }), 'Flow-Timer'), ['120']);
  assert.deepEqual(valuesOf(save(r, { lines: ['Contact: <sip:b@h>'], callId: 'x' }), 'Flow-Timer'), []);
});
