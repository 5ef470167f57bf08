import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frames } from './frames.ts';
import { ladder } from './ladder.ts';
import type { Fate, TraceEntry } from './sim-trace.ts';

const names = { '192.0.2.1': 'alice', '192.0.2.9': 'tandem', '192.0.2.2': 'bob' };
const [A, T, B] = Object.keys(names) as [string, string, string];

function text(start: string, method: string): string {
  return (
    `${start}\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\n` +
    `CSeq: 1 ${method}\r\n` +
    'Content-Length: 0\r\n\r\n'
  );
}

const request = (method: string): string => text(`${method} sip:bob@example.com SIP/2.0`, method);
const response = (status: number, method: string): string => text(`SIP/2.0 ${status} X`, method);

function sent(atMs: number, from: string, to: string, message: string, fate: Fate = 'sent'): TraceEntry {
  const ends = { from: `${from}:5060`, to: `${to}:5060`, fromHost: from, toHost: to };
  return { atMs, transport: 'udp', stream: 0, ...ends, text: message, fate };
}

test('a flow over three hosts, with loss and repetitions, golden', () => {
  const entries = [
    sent(0, A, T, request('INVITE'), 'lost'),
    sent(500, A, T, request('INVITE')),
    sent(505, T, A, response(100, 'INVITE')),
    sent(505, T, B, request('INVITE')),
    sent(510, B, T, response(180, 'INVITE')),
    sent(20_505, T, B, request('CANCEL')),
    sent(20_510, B, T, response(200, 'CANCEL')),
    sent(20_510, B, A, request('OPTIONS'), 'refused'),
    sent(20_520, T, T, request('ACK')),
    sent(20_530, '203.0.113.5', A, request('BYE')),
    sent(20_540, A, T, 'no SIP\r\n\r\n'),
  ];

  assert.equal(
    ladder(entries, names),
    [
      'seconds   alice            tandem              bob           203.0.113.5',
      '  0.000     │── INVITE ×2 ───▶│                 │                 │    sip:bob@example.com, 1 lost',
      '  0.505     │◀─────────── 100 │                 │                 │',
      '  0.505     │                 │── INVITE ──────▶│                 │    sip:bob@example.com',
      '  0.510     │                 │◀─────────── 180 │                 │',
      ' 20.505     │                 │── CANCEL ──────▶│                 │',
      ' 20.510     │                 │◀── 200 (CANCEL) │                 │',
      ' 20.510     │✕───────────────────────── OPTIONS │                 │    sip:bob@example.com, lost',
      ' 20.520     │                 ⟲ ACK             │                 │',
      ' 20.530     │◀─────────────────────────────────────────────── BYE │    sip:bob@example.com',
      '',
    ].join('\n'),
  );
});

test('a label that needs more room widens every column', () => {
  const drawn = ladder([sent(0, A, B, response(200, 'SUBSCRIBE'))], { [A]: 'alice', [B]: 'bob' });

  assert.equal(drawn.split('\n')[1], '  0.000     │── 200 (SUBSCRIBE) ─▶│');
});

test('messages cut up by a stream are put together, and one stream does not disturb another', () => {
  const whole = request('INVITE');
  const chunk = (part: string, stream: number): TraceEntry => ({
    ...sent(0, stream === 1 ? A : B, T, part),
    transport: 'tcp',
    stream,
  });
  const entries = [chunk(whole.slice(0, 9), 1), chunk(whole.slice(0, 90), 2), chunk(whole.slice(9), 1)];

  assert.equal(ladder(entries, names).match(/INVITE/g)?.length, 1);
});

test('frames: every way to cut a stream gives the same messages', () => {
  const body = 'v=0\r\n\r\nx';
  const first = `INFO sip:a SIP/2.0\r\nl: ${body.length}\r\n\r\n${body}`;
  const stream = `\r\n\r\n${first}\r\n\r\n${request('BYE')}`;

  for (let cut = 0; cut <= stream.length; cut++) {
    const frames = new Frames();
    const got = [...frames.push(stream.substring(0, cut)), ...frames.push(stream.substring(cut))];
    assert.deepEqual(got, [first, request('BYE')], `cut at ${cut}`);
  }
});

test('frames: a stream that never makes a message is refused', () => {
  const frames = new Frames();

  assert.deepEqual(frames.push('x'.repeat(262_144)), []);
  assert.throws(() => frames.push('x'), /262144 bytes/);
});
