/**
 * Whether a RADIUS server is asked.
 *
 *            ┌──────┐   silent    ┌──────┐
 *        ┌──▶│  up  ├────────────▶│ dead ├──┐ heard: up
 *        │   └──────┘             └─┬──▲─┘  │
 *        │                   rested │  │ silent
 *        │   heard          ┌───────▼──┴┐   │
 *        ├──────────────────┤   trial   │   │
 *        │                  └───────────┘   │
 *        └──────────────────────────────────┘
 *
 * One that is dead is asked only when no other is left; one on trial gets a single request until it has answered.
 */
import { go, ignore, never } from '../base/machine.ts';
import type { Machine } from '../base/machine.ts';

/** Where a server stands. */
export type RadiusServerState = 'up' | 'dead' | 'trial';
/** `heard`: it has answered; `silent`: a request of ours ended without an answer; `rested`: its dead time is over. */
export type RadiusServerEvent = 'heard' | 'silent' | 'rested';

/** What the figure asks of its surroundings. */
export interface RadiusServerPart {
  state: RadiusServerState;
  /** It is dead: tells the operator, and rests. */
  rest(): void;
  /** The same for one that was on trial: nothing new for the operator. */
  restAgain(): void;
  /** It answers again. */
  revive(): void;
}

/** The figure above as a table. */
export const radiusServerMachine: Machine<RadiusServerState, RadiusServerEvent, RadiusServerPart> = {
  up: { heard: ignore, silent: go('dead', (part) => part.rest()), rested: never },
  dead: { heard: go('up', (part) => part.revive()), silent: ignore, rested: go('trial') },
  trial: {
    heard: go('up', (part) => part.revive()),
    silent: go('dead', (part) => part.restAgain()),
    rested: never,
  },
};
