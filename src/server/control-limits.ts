/** `limits.ls` of a running exchange: who has how many of the calls that are limited. */
import type { CallLimits } from '../subscriber/call-limits.ts';
import type { ControlHandler } from './control.ts';

/** The calls of a user or a domain. */
export interface CallCountDocument {
  readonly owner: string;
  readonly calls: number;
}

/** Its handler. */
export function limitCommands(limits: Pick<CallLimits, 'list'>): Record<string, ControlHandler> {
  return {
    'limits.ls': async (): Promise<CallCountDocument[]> =>
      limits.list().map(([owner, calls]) => ({ owner, calls })),
  };
}
