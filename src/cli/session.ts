import type { Commands } from './commands.ts';
import type { Terminal } from './terminal.ts';

/** What a command works with. */
export interface Session {
  readonly commands: Commands;
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly wide: boolean;
}
