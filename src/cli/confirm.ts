/** Asks whether something shall be removed. */
import { TandemError } from '../base/errors.ts';
import type { Terminal } from './terminal.ts';

/** Throws USAGE when it shall not, or when nobody is there to ask. */
export async function confirm(terminal: Terminal, question: string): Promise<void> {
  if (!terminal.asks) throw new TandemError('USAGE', 'nobody to ask: give --yes');
  const answer = await terminal.ask(`${question} [y/N] `, false);
  if (!/^y(es)?$/i.test(answer.trim())) throw new TandemError('USAGE', 'not done');
}
