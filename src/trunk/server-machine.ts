/**
 * The health of one server of a pool.
 *
 *                  lost, marked          ┌──────┐ missed, lost
 *          ┌────────────────────────────▶│ down ├─┐
 *          │                             │      │◄┘
 *        ┌─┴──┐  rested, proved, enable  └┬────▲┘
 *   ────▶│ up │◄──────────────────────────┤    │ missed, lost, marked
 *        └─▲──┘                  answered ▼    │
 *          │     proved, enable          ┌┴────┴───┐ answered
 *          ├◄────────────────────────────┤ probing ├─┐
 *          │                             │         │◄┘
 *          │ enable                      └─────────┘
 *     ┌────┴─────┐
 *     │ disabled │◄── disable, from everywhere
 *     └──────────┘
 *
 * `answered` and `missed` are single probes; `proved` and `lost` are those that reach the threshold.
 */
import { go, ignore, stay, type Machine } from '../base/machine.ts';
import type { ServerState } from '../route/services.ts';

/** What a server is told: by its probes, by a script (`marked`), by time (`rested`), by the operator. */
export type ServerEvent =
  | 'answered'
  | 'proved'
  | 'missed'
  | 'lost'
  | 'marked'
  | 'rested'
  | 'enable'
  | 'disable';

/** What the figure asks of its surroundings. */
export interface ServerPart {
  /** It gets requests again. */
  wentUp(): void;
  /** It gets none from now on, because it fails. */
  wentDown(): void;
  /** It gets none from now on, because the operator wants it so. */
  putAside(): void;
  /** It failed once more while it was down. */
  stillDown(): void;
}

const rise = go<'up', ServerPart>('up', (server) => server.wentUp());
const fall = go<'down', ServerPart>('down', (server) => server.wentDown());
const putAside = go<'disabled', ServerPart>('disabled', (server) => server.putAside());
const fallBack = go<'down', ServerPart>('down', (server) => server.stillDown());

/** The figure above as a table. */
export const serverMachine: Machine<ServerState, ServerEvent, ServerPart> = {
  up: {
    answered: ignore,
    proved: ignore,
    missed: ignore,
    lost: fall,
    marked: fall,
    rested: ignore,
    enable: ignore,
    disable: putAside,
  },
  probing: {
    answered: ignore,
    proved: rise,
    missed: fallBack,
    lost: fallBack,
    marked: fallBack,
    rested: rise,
    enable: rise,
    disable: putAside,
  },
  down: {
    answered: go('probing'),
    proved: rise,
    missed: ignore,
    lost: ignore,
    marked: stay((server) => server.stillDown()),
    rested: rise,
    enable: rise,
    disable: putAside,
  },
  disabled: {
    answered: ignore,
    proved: ignore,
    missed: ignore,
    lost: ignore,
    marked: ignore,
    rested: ignore,
    enable: rise,
    disable: ignore,
  },
};
