/** A script that does not start, and no line of it threw. */
import { TandemError } from '../base/errors.ts';
import type { SourceLine } from './source-line.ts';

/** SCRIPT_INVALID with the place to look at; undefined where it is not known. */
export class StartFault extends TandemError {
  readonly place: SourceLine | undefined;

  constructor(message: string, hint: string, place: SourceLine | undefined) {
    super('SCRIPT_INVALID', message, { hint });
    this.place = place;
  }
}
