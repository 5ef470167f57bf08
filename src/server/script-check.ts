/** Everything that can be said of a script before calls depend on it. */
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { dryStart, type ScriptTrials } from './script-dry-start.ts';
import { checkForms, type ScriptProblem } from './script-forms.ts';
import { ScriptChanged, type ScriptSources } from './script-loader.ts';
import { findCompiler, typeProblems } from './script-types.ts';
import type { Settings } from './settings.ts';

/** What was found, and whether types could be looked at: that needs the package `typescript`. */
export interface ScriptReport extends CheckedScript {
  readonly typesChecked: boolean;
}

/** A verdict, and the files it is about. */
export interface CheckedScript {
  readonly problems: readonly ScriptProblem[];
  readonly sources: ScriptSources;
}

/** So often a script is checked whose files change meanwhile. */
export const CHECKS_MAX = 5;

/** Forms, then types, then a dry start; what does not parse, or has wrong types, is not tried further. */
export async function checkScript(file: string, settings: Settings, clock: Clock): Promise<ScriptReport> {
  const { parses, problems: forms, sources } = checkForms(file);
  if (!parses) return { problems: forms, sources, typesChecked: false };
  const compiler = findCompiler();
  const types = compiler === undefined ? [] : await typeProblems(compiler, file);
  const { problem } = types.length > 0 ? {} : await dryStart({ file, settings }, clock);
  const problems = [...forms, ...types, ...(problem === undefined ? [] : [problem])];
  return { problems, sources, typesChecked: compiler !== undefined };
}

/**
 * What keeps a script from taking over from one that runs: wrong types, a start without an end, and an error that it
 * lets go of as it starts. Whether it starts is then seen in earnest, because only the real stores tell.
 */
export async function reloadProblems(
  file: string,
  settings: Settings,
  trials: Pick<ScriptTrials, 'dryStart'>,
): Promise<CheckedScript> {
  const { sources } = checkForms(file);
  const compiler = settings.script.type_check ? findCompiler() : undefined;
  const types = compiler === undefined ? [] : await typeProblems(compiler, file);
  if (types.length > 0) return { problems: types, sources };
  const { hung, isStray, problem } = await trials.dryStart({ file, settings });
  return { problems: (hung || isStray) && problem !== undefined ? [problem] : [], sources };
}

/**
 * Loads what was checked, and nothing else: a check takes seconds, and who saves a file meanwhile has it checked, too.
 * Rejects with SCRIPT_INVALID and what the check found.
 */
export async function loadChecked<T>(
  check: () => Promise<CheckedScript>,
  load: (sources: ScriptSources) => Promise<T>,
): Promise<T> {
  for (let checks = 1; ; checks++) {
    const { problems, sources } = await check();
    if (problems.length > 0) {
      throw new TandemError('SCRIPT_INVALID', problems.map(printProblem).join('\n'), {
        hint: 'the script that runs goes on',
      });
    }
    try {
      return await load(sources);
    } catch (error) {
      if (!(error instanceof ScriptChanged) || checks === CHECKS_MAX) throw error;
    }
  }
}

/** `route.ts:12:5: what is wrong`, and what to do below it. */
export function printProblem({ file, line, column, message, hint }: ScriptProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${message}\n  ${hint}`;
}
