/** Everything that can be said of a script before calls depend on it. */
import type { Clock } from '../base/world.ts';
import { dryStart, type ScriptTrials } from './script-dry-start.ts';
import { checkForms, type ScriptProblem } from './script-forms.ts';
import { findCompiler, typeProblems } from './script-types.ts';
import type { Settings } from './settings.ts';

/** What was found, and whether types could be looked at: that needs the package `typescript`. */
export interface ScriptReport {
  readonly problems: readonly ScriptProblem[];
  readonly typesChecked: boolean;
}

/** Forms, then types, then a dry start; what does not parse, or has wrong types, is not tried further. */
export async function checkScript(file: string, settings: Settings, clock: Clock): Promise<ScriptReport> {
  const { parses, problems: forms } = checkForms(file);
  if (!parses) return { problems: forms, typesChecked: false };
  const compiler = findCompiler();
  const types = compiler === undefined ? [] : await typeProblems(compiler, file);
  const { problem } = types.length > 0 ? {} : await dryStart({ file, settings }, clock);
  const problems = [...forms, ...types, ...(problem === undefined ? [] : [problem])];
  return { problems, typesChecked: compiler !== undefined };
}

/**
 * What keeps a script from taking over from one that runs: wrong types, a start without an end, and an error that it
 * lets go of as it starts. Whether it starts is then seen in earnest, because only the real stores tell.
 */
export async function reloadProblems(
  file: string,
  settings: Settings,
  trials: Pick<ScriptTrials, 'dryStart'>,
): Promise<readonly ScriptProblem[]> {
  const compiler = settings.script.type_check ? findCompiler() : undefined;
  const types = compiler === undefined ? [] : await typeProblems(compiler, file);
  if (types.length > 0) return types;
  const { hung, isStray, problem } = await trials.dryStart({ file, settings });
  return (hung || isStray) && problem !== undefined ? [problem] : [];
}

/** `route.ts:12:5: what is wrong`, and what to do below it. */
export function printProblem({ file, line, column, message, hint }: ScriptProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${message}\n  ${hint}`;
}
