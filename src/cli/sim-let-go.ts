import { silentLogger } from '../base/silent-logger.ts';
import { scriptLineOf, shortLine } from '../route/source-line.ts';
import { StrayFaults, strayText } from '../route/stray-faults.ts';
import { onUncaughtError } from '../server/uncaught-errors.ts';

/** Errors of the script that nobody waits for, from its loading on: they are told, and the rest is simulated. */
export class LetGo {
  readonly told: string[] = [];
  readonly strays = new StrayFaults(silentLogger);
  readonly end = onUncaughtError((error) => {
    if (!this.strays.takes(error)) return false;
    const place = scriptLineOf(error);
    const at = place === undefined ? '' : ` at ${shortLine(place)}`;
    this.told.push(`error: nobody waits for what fails${at}: ${strayText(error)}`);
    return true;
  });
}
