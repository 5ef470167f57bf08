import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../base/machine.ts';
import type { ServerState } from '../route/services.ts';
import { type ServerEvent, serverMachine } from './server-machine.ts';

const EVENTS = ['answered', 'proved', 'missed', 'lost', 'marked', 'rested', 'enable', 'disable'] as const;

// One column an event, in the order of EVENTS: the state that follows, and what is done.
const TABLE: Readonly<Record<ServerState, readonly string[]>> = {
  //         answered   proved  missed      lost        marked      rested  enable  disable
  up: ['up', 'up', 'up', 'down:down', 'down:down', 'up', 'up', 'disabled:aside'],
  probing: ['probing', 'up:up', 'down:still', 'down:still', 'down:still', 'up:up', 'up:up', 'disabled:aside'],
  down: ['probing', 'up:up', 'down', 'down', 'down:still', 'up:up', 'up:up', 'disabled:aside'],
  disabled: ['disabled', 'disabled', 'disabled', 'disabled', 'disabled', 'disabled', 'up:up', 'disabled'],
};

for (const [state, cells] of Object.entries(TABLE)) {
  test(`a server that is ${state}, for every event`, () => {
    assert.deepEqual(
      EVENTS.map((event) => outcome(state as ServerState, event)),
      cells,
    );
  });
}

function outcome(state: ServerState, event: ServerEvent): string {
  const done: string[] = [];
  const part = {
    state: state as string,
    wentUp: () => done.push('up'),
    wentDown: () => done.push('down'),
    putAside: () => done.push('aside'),
    stillDown: () => done.push('still'),
  };
  step(serverMachine, event, part);
  return [part.state, ...done].join(':');
}
