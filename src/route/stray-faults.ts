/**
 * Errors of a script that nobody waits for: a promise that it let go of, a callback of its own that throws. They come
 * to the process, which ends of what it does not know: a script's mistake must end no other call, and ours must not be
 * taken for a script's.
 *
 *   void http.fetch(…)            rejects with what a service of the script told     ─┐
 *   void (async () => { … })()    has a frame of the script in its stack             ─┼▶ logged, counted
 *   void Promise.reject('text')   is no Error; our own source throws nothing else    ─┘
 *   anything else                                                                    ──▶ the process ends
 */
import type { Logger } from '../base/world.ts';
import { describeFault, errorText, isOfLoadedScript, type SourceLine } from './source-line.ts';

/** How Node tells of a promise that was rejected with no Error. */
const NO_ERROR = 'ERR_UNHANDLED_REJECTION';
const ITS_REASON = 'with the reason ';

/** What is known of an error that does not tell where it comes from. */
export interface StraySource {
  /** The script that runs. */
  readonly file?: string;
  /** The Call-ID of the request that its route ran for, and where that was named. */
  readonly call?: string;
  readonly place?: SourceLine | undefined;
}

/** Those of one exchange. */
export class StrayFaults {
  /** How many there were. */
  count = 0;
  /** Knows what the code at hand runs for. */
  atHand: () => StraySource = () => ({});
  private readonly log: Logger;
  private readonly ofServices = new WeakSet<object>();

  constructor(log: Logger) {
    this.log = log;
  }

  /** A service has told a script of this error: whoever lets go of it is the script. */
  readonly told = (error: unknown): void => {
    if (typeof error === 'object' && error !== null) this.ofServices.add(error);
  };

  /** Whether it is a script's; it is logged and counted then. */
  takes(error: unknown): boolean {
    if (!this.isOfScript(error)) return false;
    this.count++;
    const { file, call, place } = this.atHand();
    const { why, ...where } = describeFault(isNoError(error) ? strayText(error) : error, place);
    const facts = {
      ...(call === undefined ? {} : { call }),
      why,
      ...(file === undefined ? {} : { file }),
      ...where,
    };
    this.log.error('a script let go of an error', facts);
    return true;
  }

  private isOfScript(error: unknown): boolean {
    if (!(error instanceof Error) || isNoError(error)) return true;
    return this.ofServices.has(error) || isOfLoadedScript(error);
  }
}

/** What it says, without its stack. */
export function strayText(error: unknown): string {
  if (!isNoError(error)) return errorText(error);
  const at = error.message.indexOf(ITS_REASON);
  return `a promise was rejected ${at < 0 ? error.message : error.message.slice(at)}`;
}

function isNoError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === NO_ERROR;
}
