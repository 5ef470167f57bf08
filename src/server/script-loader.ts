/**
 * A script file → a script. Each load is a generation of its own: the file and all that it imports from its own folders
 * are read anew, because their addresses carry the generation's name:
 *
 *   route.ts?generation=8.k3j  ──import './numbers.ts'──▶  numbers.ts?generation=8.k3j
 *                              ──import 'tandem'─────────▶  our own source, the same for all
 */
import { hash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type ModuleHooks, registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TandemError } from '../base/errors.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Script } from '../route/router.ts';
import type { SourceLine } from '../route/source-line.ts';
import { StartFault } from '../route/start-fault.ts';

/** How long the modules of a script may take to load: their top level may wait. */
export const LOAD_MS = 10_000;

const OURS = new URL('..', import.meta.url).href;
/** What scripts may import by name, wherever they lie. */
export const DOORS: Readonly<Record<string, string>> = {
  tandem: new URL('index.ts', OURS).href,
  'tandem/testing': new URL('testing/index.ts', OURS).href,
};
const GENERATION = 'generation';

/** A script, and every file it was read from. */
export interface LoadedScript {
  readonly script: Script;
  readonly files: readonly string[];
}

/** The files of a script, and the hash of what each of them said when it was looked at. */
export type ScriptSources = ReadonlyMap<string, string>;

/** What {@link ScriptSources} holds of a file. */
export function sourceHash(source: Uint8Array): string {
  return hash('sha256', source);
}

/** A file is not what was checked: nothing of it has run. */
export class ScriptChanged extends TandemError {
  constructor(file: string) {
    super('SCRIPT_INVALID', `${file} has changed since it was checked`, {
      hint: 'save it, and load it again',
    });
  }
}

/** Loads scripts, as often as they change. */
export class ScriptLoader {
  private readonly clock: Clock;
  private readonly hooks: ModuleHooks;
  /** Two loaders of one process never take each other's modules. */
  private readonly id = randomBytes(4).toString('hex');
  private loads = 0;
  private files = new Set<string>();
  /** What the files of the script that is being loaded must say. */
  private expected: ScriptSources | undefined = undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.hooks = registerHooks({
      resolve: (specifier, context, next) => {
        const generation = this.generationOf(context.parentURL);
        if (generation === undefined) return next(specifier, context);
        const found = next(DOORS[specifier] ?? specifier, context);
        return isOfScript(found.url) ? { ...found, url: this.marked(found.url, generation) } : found;
      },
      load: (url, context, next) => {
        const loaded = next(url, context);
        if (this.generationOf(url) !== undefined) this.compare(url, loaded.source);
        return loaded;
      },
    });
  }

  /**
   * Rejects with SCRIPT_INVALID when there is no such file, it does not load, or its default export is no script; with
   * {@link ScriptChanged} when a file is not what `expected` has of it.
   */
  async load(file: string, expected?: ScriptSources): Promise<LoadedScript> {
    if (!existsSync(file)) {
      throw new TandemError('SCRIPT_INVALID', `no script at ${file}`, {
        hint: 'name the file with --script or [script] file in tandem.toml',
      });
    }
    this.files = new Set();
    this.expected = expected;
    const url = this.marked(pathToFileURL(file).href, `${++this.loads}.${this.id}`);
    const loaded = await this.inTime(file, importDefault(file, url));
    if (typeof loaded !== 'function') {
      const message = `${file} has no default export made by script(…)`;
      const hint = 'end it with: export default script(({ location }) => …)';
      throw new StartFault(message, hint, lastLineOf(file));
    }
    return { script: loaded as Script, files: [...this.files] }; // What it makes is checked when it is called.
  }

  /** Ends its part in the loading of modules. */
  close(): void {
    this.hooks.deregister();
  }

  /** Modules are read all before the first of them runs. */
  private compare(url: string, source: unknown): void {
    const file = fileURLToPath(url);
    const expected = this.expected?.get(file);
    if (expected === undefined) return;
    const read = source instanceof Uint8Array ? source : readFileSync(file);
    if (sourceHash(read) !== expected) throw new ScriptChanged(file);
  }

  private generationOf(parent: string | undefined): string | undefined {
    if (parent === undefined || !parent.endsWith(this.id)) return undefined;
    return new URL(parent).searchParams.get(GENERATION) ?? undefined;
  }

  private marked(address: string, generation: string): string {
    const url = new URL(address);
    this.files.add(fileURLToPath(url));
    url.searchParams.set(GENERATION, generation);
    return url.href;
  }

  private async inTime(file: string, work: Promise<unknown>, limitMs: Millis = LOAD_MS): Promise<unknown> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.clock.after(limitMs, () =>
        reject(new TandemError('SCRIPT_INVALID', `${file} had not loaded after ${limitMs / 1000} s`)),
      );
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      timer?.cancel();
    }
  }
}

/** Where the hint is to be followed. */
function lastLineOf(file: string): SourceLine {
  const line = readFileSync(file, 'utf8').trimEnd().split('\n').length;
  return { file, line, column: 1 };
}

/** What lies beside the script; packages and our own source are the same for every generation. */
function isOfScript(url: string): boolean {
  return url.startsWith('file:') && !url.startsWith(OURS) && !url.includes('/node_modules/');
}

async function importDefault(file: string, url: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(url);
    return module.default;
  } catch (error) {
    if (error instanceof ScriptChanged) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new TandemError('SCRIPT_INVALID', `${file} does not load: ${why}`, { cause: error });
  }
}
