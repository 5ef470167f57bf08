/** A script file → a script. Each load is a generation of its own: the file is read anew. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { TandemError } from '../base/errors.ts';
import type { Script } from '../route/router.ts';

/** Rejects with SCRIPT_INVALID when there is no such file, it does not parse, or its default export is no script. */
export async function loadScript(file: string, generation: number): Promise<Script> {
  if (!existsSync(file)) {
    throw new TandemError('SCRIPT_INVALID', `no script at ${file}`, {
      hint: 'name the file with --script or [script] file in tandem.toml',
    });
  }
  const loaded = await importScript(file, generation);
  if (typeof loaded === 'function') return loaded as Script; // What it makes is checked when it is called.
  throw new TandemError('SCRIPT_INVALID', `${file} has no default export made by script(…)`, {
    hint: 'end it with: export default script(({ location }) => …)',
  });
}

async function importScript(file: string, generation: number): Promise<unknown> {
  const url = pathToFileURL(file);
  url.searchParams.set('generation', String(generation));
  try {
    const module: { default?: unknown } = await import(url.href);
    return module.default;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TandemError('SCRIPT_INVALID', `${file} does not load: ${why}`, { cause: error });
  }
}
