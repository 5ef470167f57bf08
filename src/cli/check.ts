/** `tandem check`: would it start with these settings and this script? */
import { checkScript, type ScriptReport } from '../server/script-check.ts';
import { findCompiler } from '../server/script-types.ts';
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { nodeWorld } from '../world/node-world.ts';
import { EXIT_FOUND_PROBLEMS, errorText } from './output.ts';
import { startSettings } from './start.ts';
import type { StartOptions } from './start.ts';
import type { Terminal } from './terminal.ts';

/** One thing that was looked at, or one that is wrong with it. */
interface Finding {
  readonly what: 'settings' | 'script';
  readonly ok: boolean;
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message?: string;
  readonly hint?: string | undefined;
}

/** What is said of a script whose types nobody looked at. */
const TYPES_UNCHECKED = 'its types were not checked: npm install typescript, then check again';

/** Says what is wrong, one finding a line; exit 7 when something is. */
export async function check(terminal: Terminal, json: boolean, options: StartOptions): Promise<number> {
  const { findings, note } = await findingsOf(options);
  const ok = findings.every((finding) => finding.ok);
  if (json) terminal.result(JSON.stringify({ ok, checks: findings, note }, undefined, 2));
  else {
    for (const finding of findings) print(terminal, finding);
    if (note !== undefined) terminal.note(note);
  }
  return ok ? 0 : EXIT_FOUND_PROBLEMS;
}

async function findingsOf(options: StartOptions): Promise<{ findings: Finding[]; note?: string }> {
  const settingsFile = options.config ?? 'tandem.toml';
  try {
    const settings = startSettings(options);
    const { file } = settings.script;
    const report = await checkScript(file, settings, nodeWorld({ log: silentLogger, udp: 'dgram' }).clock);
    const findings: Finding[] = [
      { what: 'settings', ok: true, file: settingsFile },
      ...inScript(file, report),
    ];
    return { findings, ...(findCompiler() === undefined ? { note: TYPES_UNCHECKED } : {}) };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const { message, hint } = error;
    return { findings: [{ what: 'settings', ok: false, file: settingsFile, message, hint }] };
  }
}

function inScript(file: string, { problems }: ScriptReport): Finding[] {
  if (problems.length === 0) return [{ what: 'script', ok: true, file }];
  return problems.map((problem) => ({ what: 'script', ok: false, ...problem }));
}

function print(terminal: Terminal, { what, ok, file, line, column, message = '', hint }: Finding): void {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  terminal.result(`${ok ? '●' : '✕'} ${what.padEnd(8)}  ${place}`);
  if (!ok) terminal.complaint(errorText(message, hint));
}
