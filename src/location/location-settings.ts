/** What a registrar is told to do: `[registrar]` and `[location]`, and what goes for whoever does not say. */
import type { RegisterLimits } from './read-register.ts';

/** What the operator sets in `[registrar]` and `[location]`. */
export interface LocationSettings extends RegisterLimits {
  /** Whether a REGISTER is answered only after its rows are on disk. */
  readonly durable: boolean;
  /** Bindings of all subscribers together. */
  readonly bindingsMax: number;
  /** While so many rows wait for the database, whoever registers is told to come back later. */
  readonly waitingRowsMax: number;
  /** Told to phones that keep a flow: how often they must be heard of, in seconds; 0: nothing is said. RFC 5626 §10 */
  readonly flowTimer: number;
}

/** What goes for whoever does not say. */
export const LOCATION_DEFAULTS = {
  whenFull: 'refuse',
  matching: 'uri',
  jitterPercent: 0,
  path: 'lazy',
  pushProviders: [],
  waitingRowsMax: 20_000,
  flowTimer: 0,
} as const satisfies Partial<LocationSettings>;

/** Those that must be said. */
export type LocationInput = Omit<LocationSettings, keyof typeof LOCATION_DEFAULTS> &
  Partial<LocationSettings>;
