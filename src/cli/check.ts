/** `tandem check`: would it start with these settings and this script? */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { TandemError } from '../base/errors.ts';
import { EXIT_FOUND_PROBLEMS, errorText } from './output.ts';
import { startSettings } from './start.ts';
import type { StartOptions } from './start.ts';
import type { Terminal } from './terminal.ts';

/** One thing that was looked at. */
interface Finding {
  readonly what: 'settings' | 'script';
  readonly ok: boolean;
  readonly file: string;
  readonly message?: string;
  readonly hint?: string | undefined;
}

/** Says what is wrong, one finding a line; exit 7 when something is. */
export async function check(terminal: Terminal, json: boolean, options: StartOptions): Promise<number> {
  const findings = await findingsOf(options);
  const ok = findings.every((finding) => finding.ok);
  if (json) terminal.result(JSON.stringify({ ok, checks: findings }, undefined, 2));
  else for (const finding of findings) print(terminal, finding);
  return ok ? 0 : EXIT_FOUND_PROBLEMS;
}

async function findingsOf(options: StartOptions): Promise<Finding[]> {
  const settingsFile = options.config ?? 'tandem.toml';
  try {
    const { script } = startSettings(options);
    return [{ what: 'settings', ok: true, file: settingsFile }, await scriptFinding(script.file)];
  } catch (error) {
    return [problem('settings', settingsFile, error)];
  }
}

async function scriptFinding(file: string): Promise<Finding> {
  try {
    await loadScript(file);
    return { what: 'script', ok: true, file };
  } catch (error) {
    return problem('script', file, error);
  }
}

/** A script is a module whose default export is made by `script`. */
async function loadScript(file: string): Promise<void> {
  if (!existsSync(file)) throw new TandemError('SCRIPT_INVALID', 'there is no such file');
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  if (typeof module.default === 'function') return;
  throw new TandemError('SCRIPT_INVALID', 'it has no default export; write: export default script(…)');
}

function problem(what: Finding['what'], file: string, error: unknown): Finding {
  if (error instanceof TandemError)
    return { what, ok: false, file, message: error.message, hint: error.hint };
  return { what, ok: false, file, message: error instanceof Error ? placed(error, file) : String(error) };
}

/** The message with the line of the script that threw, where the stack names one. */
function placed(error: Error, file: string): string {
  const line = error.stack?.split('\n').find((text) => text.includes(pathToFileURL(file).href));
  const at = /:(\d+)(?::\d+)?\)?$/.exec(line ?? '')?.[1];
  return at === undefined ? error.message : `line ${at}: ${error.message}`;
}

function print(terminal: Terminal, { what, ok, file, message = '', hint }: Finding): void {
  terminal.result(`${ok ? '●' : '✕'} ${what.padEnd(8)}  ${file}`);
  if (!ok) terminal.complaint(errorText(message, hint));
}
