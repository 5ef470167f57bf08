/**
 * The line of a script that decided, without a look at the stack for every call. Where a script stands is known by the
 * way it came: route, method, what its services answered, and what it decides. The same way leads to the same line
 * nearly always; so a way's line is read from the stack a few times, then every so often, and always once two lines
 * were seen at its end. In between it is told with a `~`: a script that looks at the request alone may stand elsewhere.
 * A refusal is what people ask about: its line is read each time.
 */
import type { Plan } from '../proxy/plan.ts';
import type { RelayOptions } from './decision.ts';
import { callingLine } from './source-line.ts';

/** Ways that are remembered; with one more all are forgotten. */
export const WAYS_MAX = 10_000;
const SAMPLES_AT_FIRST = 8;
const CALLS_A_SAMPLE = 1_024;
const AMBIGUOUS = -1;

/** Those that a context can be asked for, as far as their lines are told apart. */
const DECISIONS = ['reply', 'relay', 'redirect', 'forward', 'answer', 'drop', 'pass', 'send', 'skip'];

interface Way {
  readonly line: string | undefined;
  /** The same, told without a look. */
  readonly likely: string | undefined;
  /** How often it was gone; AMBIGUOUS when it ends at two lines. */
  seen: number;
}

/** Remembers the lines of one exchange's scripts. */
export class ScriptLines {
  /** How often the stack was read. */
  read = 0;
  private readonly ways = new Map<number, Way>();

  /** The line of whoever asks for this decision. `path`: the way it came; `mark`: what tells it from others like it. */
  of(path: number, decision: string, status: number, mark: number): string | undefined {
    if (status >= 300 && status !== 401 && status !== 407) return this.readLine();
    const key = (Math.imul(Math.imul(path, 31) + mark, 31) + status * 16 + DECISIONS.indexOf(decision)) | 0;
    const way = this.ways.get(key);
    if (way === undefined) return this.begin(key);
    if (way.seen === AMBIGUOUS) return this.readLine();
    if (++way.seen > SAMPLES_AT_FIRST && way.seen % CALLS_A_SAMPLE !== 0) return way.likely;
    const line = this.readLine();
    if (line !== way.line) way.seen = AMBIGUOUS;
    return line;
  }

  private begin(key: number): string | undefined {
    if (this.ways.size === WAYS_MAX) this.ways.clear();
    const line = this.readLine();
    this.ways.set(key, { line, likely: line && `~${line}`, seen: 1 });
    return line;
  }

  private readLine(): string | undefined {
    this.read++;
    return callingLine();
  }
}

/** What tells one relay from another: how many targets, where the first one is, which routes come with it. */
export function markOfRelay(plan: Plan, { onBranch, onReply, onFailure }: RelayOptions<never>): number {
  const routes = (onBranch ? 1 : 0) + (onReply ? 2 : 0) + (onFailure ? 4 : 0);
  if ('parallel' in plan) return routes + 8 * (1 + 2 * plan.parallel.length);
  if ('serial' in plan) return routes + 8 * (2 + 2 * plan.serial.length);
  const { host } = plan.uri;
  return routes + 8 * (host.length * 256 + (host.charCodeAt(host.length - 1) || 0));
}
