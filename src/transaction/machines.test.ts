import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Machine, step } from '../base/machine.ts';
import { inviteClient } from './invite-client.ts';
import { inviteServer } from './invite-server.ts';
import { requestClient } from './request-client.ts';
import { requestServer } from './request-server.ts';

/** Records what a figure asks for, as text; a failing row prints itself. */
class Recorder {
  state: string;
  readonly reliable: boolean;
  provisionalSent = true;
  readonly said: string[] = [];

  constructor(state: string, reliable: boolean) {
    this.state = state;
    this.reliable = reliable;
  }

  send = (): void => void this.said.push('send');
  sendOnce = (): void => void this.said.push('send once');
  sendAgain = (): void => void this.said.push('send again');
  resend = (): void => void this.said.push('resend');
  trying = (): void => void this.said.push('100');
  ack = (): void => void this.said.push('ack');
  pass = (): void => void this.said.push('pass');
  end = (): void => void this.said.push('end');
  fail = (why: string): void => void this.said.push(`fail ${why}`);
  start = (timer: string, delay: number): void => void this.said.push(`${timer} in ${delay}`);
  backOff = (timer: string, first: number): void => void this.said.push(`${timer} from ${first}`);
}

// [state, event, on UDP, on TCP when it differs, next state]
type Row = readonly [string, string, string, string | null, string];

const figures: readonly {
  name: string;
  machine: Machine<string, string, Recorder>;
  first: string;
  rows: readonly Row[];
}[] = [
  {
    name: 'INVITE server, RFC 3261 figure 7 with RFC 6026',
    machine: inviteServer as Machine<string, string, Recorder>,
    first: 'proceeding',
    rows: [
      ['proceeding', 'invite', 'resend', null, 'proceeding'],
      ['proceeding', 'silent', '100', null, 'proceeding'],
      ['proceeding', 'ack', '', null, 'proceeding'],
      ['proceeding', 'user1xx', 'send', null, 'proceeding'],
      ['proceeding', 'user2xx', 'send once, L in 32000', null, 'accepted'],
      ['proceeding', 'user300', 'send, H in 32000, G from 500', 'send, H in 32000', 'completed'],
      ['proceeding', 'transportError', 'fail transport', null, 'proceeding'],
      ['accepted', 'invite', '', null, 'accepted'],
      ['accepted', 'user2xx', 'send once', null, 'accepted'],
      ['accepted', 'user300', '', null, 'accepted'],
      ['accepted', 'L', 'end', null, 'terminated'],
      ['completed', 'invite', 'resend', null, 'completed'],
      ['completed', 'G', 'resend, G from 500', null, 'completed'],
      ['completed', 'ack', 'I in 5000', 'I in 0', 'confirmed'],
      ['completed', 'H', 'fail no-ack, end', null, 'terminated'],
      ['completed', 'user2xx', '', null, 'completed'],
      ['confirmed', 'ack', '', null, 'confirmed'],
      ['confirmed', 'G', '', null, 'confirmed'],
      ['confirmed', 'H', '', null, 'confirmed'],
      ['confirmed', 'I', 'end', null, 'terminated'],
      ['terminated', 'invite', '', null, 'terminated'],
    ],
  },
  {
    name: 'non-INVITE server, RFC 3261 figure 8',
    machine: requestServer as Machine<string, string, Recorder>,
    first: 'trying',
    rows: [
      ['trying', 'request', '', null, 'trying'],
      ['trying', 'user1xx', 'send', null, 'proceeding'],
      ['trying', 'userFinal', 'send, J in 32000', 'send, J in 0', 'completed'],
      ['trying', 'abandon', 'J in 32000', null, 'completed'],
      ['proceeding', 'request', 'resend', null, 'proceeding'],
      ['proceeding', 'user1xx', 'send', null, 'proceeding'],
      ['proceeding', 'userFinal', 'send, J in 32000', 'send, J in 0', 'completed'],
      ['completed', 'request', 'resend', null, 'completed'],
      ['completed', 'userFinal', '', null, 'completed'],
      ['completed', 'J', 'end', null, 'terminated'],
    ],
  },
  {
    name: 'INVITE client, RFC 3261 figure 5 with RFC 6026',
    machine: inviteClient as Machine<string, string, Recorder>,
    first: 'calling',
    rows: [
      ['calling', 'start', 'send, B in 32000, A from 500', 'send, B in 32000', 'calling'],
      ['calling', 'A', 'send again, A from 500', null, 'calling'],
      ['calling', 'B', 'fail timeout, end', null, 'terminated'],
      ['calling', 'res1xx', 'pass', null, 'proceeding'],
      ['calling', 'res2xx', 'M in 32000, pass', null, 'accepted'],
      ['calling', 'res300', 'D in 32000, ack, pass', 'D in 0, ack, pass', 'completed'],
      ['calling', 'transportError', 'fail transport, end', null, 'terminated'],
      ['proceeding', 'A', '', null, 'proceeding'],
      ['proceeding', 'B', '', null, 'proceeding'],
      ['proceeding', 'cancelled', 'fail timeout, end', null, 'terminated'],
      ['proceeding', 'res1xx', 'pass', null, 'proceeding'],
      ['proceeding', 'res2xx', 'M in 32000, pass', null, 'accepted'],
      ['proceeding', 'res300', 'D in 32000, ack, pass', 'D in 0, ack, pass', 'completed'],
      ['accepted', 'res2xx', 'pass', null, 'accepted'],
      ['accepted', 'res300', '', null, 'accepted'],
      ['accepted', 'cancelled', '', null, 'accepted'],
      ['accepted', 'M', 'end', null, 'terminated'],
      ['completed', 'cancelled', '', null, 'completed'],
      ['completed', 'res300', 'ack', null, 'completed'],
      ['completed', 'res2xx', '', null, 'completed'],
      ['completed', 'D', 'end', null, 'terminated'],
    ],
  },
  {
    name: 'non-INVITE client, RFC 3261 figure 6',
    machine: requestClient as Machine<string, string, Recorder>,
    first: 'trying',
    rows: [
      ['trying', 'start', 'send, F in 32000, E from 500', 'send, F in 32000', 'trying'],
      ['trying', 'E', 'send again, E from 500', null, 'trying'],
      ['trying', 'F', 'fail timeout, end', null, 'terminated'],
      ['trying', 'res1xx', 'pass', null, 'proceeding'],
      ['trying', 'resFinal', 'K in 5000, pass', 'K in 0, pass', 'completed'],
      ['proceeding', 'E', 'send again, E from 4000', null, 'proceeding'],
      ['proceeding', 'F', 'fail timeout, end', null, 'terminated'],
      ['proceeding', 'resFinal', 'K in 5000, pass', 'K in 0, pass', 'completed'],
      ['completed', 'resFinal', '', null, 'completed'],
      ['completed', 'E', '', null, 'completed'],
      ['completed', 'K', 'end', null, 'terminated'],
    ],
  },
];

for (const { name, machine, first, rows } of figures) {
  for (const [state, event, onUdp, onTcp, next] of rows) {
    for (const reliable of [false, true]) {
      test(`${name}: ${state} × ${event} on ${reliable ? 'TCP' : 'UDP'}`, () => {
        const part = new Recorder(state, reliable);

        step(machine, event, part);

        assert.equal(part.state, next);
        assert.equal(part.said.join(', '), reliable && onTcp !== null ? onTcp : onUdp);
      });
    }
  }

  test(`${name}: every state can be reached, and only terminated has no way out`, () => {
    const ways = Object.entries(machine).map(
      ([from, cells]) => [from, new Set(Object.values(cells).flatMap((cell) => cell.next ?? []))] as const,
    );
    const reached = new Set<string>([first, ...ways.flatMap(([, to]) => [...to])]);

    assert.deepEqual([...reached].sort(), Object.keys(machine).sort());
    assert.deepEqual(
      ways.filter(([, to]) => to.size === 0).map(([from]) => from),
      ['terminated'],
    );
  });

  test(`${name}: terminated ignores every event`, () => {
    for (const event of Object.keys(machine['terminated'] ?? {}).filter((name) => name !== 'start')) {
      const part = new Recorder('terminated', false);

      step(machine, event, part);

      assert.deepEqual([part.state, part.said], ['terminated', []]);
    }
  });
}

test('a refusal is not repeated as long as the caller repeats its INVITE', () => {
  const part = new Recorder('proceeding', false);
  part.provisionalSent = false;

  step(inviteServer as Machine<string, string, Recorder>, 'user300', part);

  assert.deepEqual(part.said, ['send', 'H in 32000']);
});
