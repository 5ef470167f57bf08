/** Errors that nobody caught, as the process hears of them. */
import { inspect } from 'node:util';

/** As Node itself would say. */
const EXIT = 1;

/**
 * Asks `takes` of each; what it does not take ends the process, as it would without us. Answers with what ends that.
 * Where others listen too, such as a program that we are embedded in, they say what becomes of the rest.
 */
export function onUncaughtError(takes: (error: unknown) => boolean): () => void {
  const hear = (error: unknown): void => {
    if (takes(error) || process.listenerCount('uncaughtException') > 1) return;
    // At once, and without a stop in order: nobody knows what state we are in.
    process.stderr.write(`${inspect(error)}\n`);
    process.exit(EXIT);
  };
  process.on('uncaughtException', hear);
  return () => void process.off('uncaughtException', hear);
}
