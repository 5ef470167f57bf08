/**
 * What of a script did not run though it might have: V8 counts how often each block runs. Of a function that ran, the
 * blocks that did not are the ways not taken.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import type { Profiler } from 'node:inspector';
import { fileURLToPath } from 'node:url';

/** A way that was not taken. */
export interface NotTaken {
  /** `route.ts:12` */
  readonly line: string;
  /** How it begins. */
  readonly text: string;
}

const TEXT_MAX = 72;

/** Counts from before a script is loaded until its calls are over. */
export class ScriptCoverage {
  private readonly session = new Session();

  /** Whoever calls this before the script is loaded sees its blocks. */
  async start(): Promise<void> {
    this.session.connect();
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What ran until now does not count. */
  async forget(): Promise<void> {
    await this.session.post('Profiler.takePreciseCoverage');
  }

  /** The ways of these files that were not taken since, in their order; ends the counting. */
  async stop(files: readonly string[]): Promise<readonly NotTaken[]> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    await this.session.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
    return files.flatMap((file) =>
      result.filter(({ url }) => isFile(url, file)).flatMap((script) => notTakenIn(script, file)),
    );
  }
}

function isFile(url: string, file: string): boolean {
  return url.startsWith('file:') && fileURLToPath(url) === file;
}

function notTakenIn({ functions }: Profiler.ScriptCoverage, file: string): readonly NotTaken[] {
  const source = readFileSync(file, 'utf8');
  const ran = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
  const idle = functions.flatMap(({ ranges }) => ranges.filter(({ count }) => count === 0));
  const within = (inner: Profiler.CoverageRange, outer: Profiler.CoverageRange | undefined): boolean =>
    outer !== undefined &&
    inner !== outer &&
    inner.startOffset >= outer.startOffset &&
    inner.endOffset <= outer.endOffset;
  const ways = idle.filter(
    (range) =>
      ran.some(({ ranges }) => within(range, ranges[0])) && !idle.some((other) => within(range, other)),
  );
  return ways
    .toSorted((a, b) => a.startOffset - b.startOffset)
    .flatMap((range) => notTaken(source, range, file));
}

/** Nothing when there is no more than a bracket. */
function notTaken(
  source: string,
  { startOffset, endOffset }: Profiler.CoverageRange,
  file: string,
): NotTaken[] {
  const block = source.slice(startOffset, endOffset);
  if (!/[^\s{}()?:;]/.test(block)) return [];
  const begins = block.search(/[^\s{})?:;]/);
  const line = source.slice(0, startOffset + begins).split('\n').length;
  const [first = ''] = block.slice(begins).split('\n');
  const text = first.length > TEXT_MAX ? `${first.slice(0, TEXT_MAX - 1)}…` : first;
  return [{ line: `${file.slice(file.lastIndexOf('/') + 1)}:${line}`, text: text.trim() }];
}
