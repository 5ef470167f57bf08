/** `tandem reload`: the running exchange loads its script again. */
import { TandemError } from '../base/errors.ts';
import type { Commands } from './commands.ts';
import type { SettingsNews } from '../server/settings-changed.ts';
import { printResult } from './output.ts';
import { noteSettings } from './start.ts';
import type { Terminal } from './terminal.ts';

/** Types are checked and the script is tried first; that may take so long. */
const RELOAD_ANSWER_MS = 120_000;

interface Reloaded {
  readonly generation: number;
  readonly settings: SettingsNews;
}

/** Says which generation runs now; what keeps the script from starting is the error. */
export async function reload(commands: Commands, terminal: Terminal, json: boolean): Promise<number> {
  const answered = await commands.ask('reload', {}, RELOAD_ANSWER_MS);
  if (answered === undefined) {
    throw new TandemError('NOT_RUNNING', 'no exchange runs with this data folder', {
      hint: 'start one with   tandem start',
    });
  }
  const { generation, settings } = answered.result as Reloaded; // `reload` of the control socket says so.
  printResult(terminal, json, { generation, settings }, () => `generation ${generation} of the script runs`);
  if (!json) noteSettings(terminal, settings);
  return 0;
}
