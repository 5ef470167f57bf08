/** Every command of the command line, its words, and what its exit code is. */
import type { Command } from 'commander';
import { TandemError } from '../base/errors.ts';
import { EXIT_USAGE, printError } from './output.ts';
import type { Terminal } from './terminal.ts';
import type { PasswordOption, Session } from './users.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 unexpected, 2 wrong usage, 3 not found, 5 refused, 6 exchange not reachable,
7 a check found problems, 130 interrupted. Every error code: docs/errors.md`;

/** Words that every command takes. */
interface CommonOptions {
  readonly config?: string;
  readonly data?: string;
  readonly json?: boolean;
  readonly wide?: boolean;
  readonly color: boolean;
}

type Act = (session: Session) => Promise<number>;

/** Carries out one command line; answers with its exit code. */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const json = words.includes('--json');
  const { Command, CommanderError } = await import('commander');
  const run = new Run(terminal);
  const program = new Command('tandem');
  try {
    await declare(program, run).parseAsync(words, { from: 'user' });
    return run.status;
  } catch (error) {
    if (!(error instanceof CommanderError)) return printError(terminal, json, error);
    if (error.code === 'commander.help') return EXIT_USAGE;
    if (error.exitCode === 0) return 0;
    return printError(terminal, json, usageError(error.message));
  }
}

/** `error: unknown command 'usrs'`, and on the next line what was probably meant. */
function usageError(message: string): TandemError {
  const [what = '', ...more] = message.split('\n');
  return new TandemError('USAGE', what.replace(/^error: /, ''), {
    hint: more.length > 0 ? more.join(' ').replace(/^\(|\)$/g, '') : 'see   tandem help',
  });
}

/** What the commands of one run share. */
class Run {
  readonly terminal: Terminal;
  status = 0;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Opens what the command needs, and remembers its status. */
  async act(options: CommonOptions, act: Act): Promise<void> {
    const [{ Commands }, { loadSettings }] = await Promise.all([
      import('./commands.ts'),
      import('../server/settings.ts'),
    ]);
    this.terminal.plain = !options.color;
    const overrides = options.data === undefined ? {} : { data: { folder: options.data } };
    const commands = new Commands(loadSettings(options.config, overrides));
    const { json = false, wide = false } = options;
    this.status = await act({ commands, terminal: this.terminal, json, wide });
  }
}

function declare(program: Command, run: Run): Command {
  program
    .description('A VoIP provider’s signalling platform. Without words: this list.')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', EXIT_CODES);
  declareStart(program, run);
  declareUsers(program, run);
  declareRegs(program, run);
  declareCalls(program, run);
  declareCheck(program, run);
  declareVersion(program, run);
  return program;
}

function declareStart(program: Command, run: Run): void {
  common(program.command('start'))
    .description('run the exchange')
    .option('--script <file>', 'the routing script')
    .option('--port <number>', 'the port to listen on, instead of that of the settings', portNumber)
    .option('--demo', 'take another port when it is in use')
    .addHelpText('after', example('tandem start --script my-route.ts'))
    .action(async (options) => {
      const [{ start }, { startServer }] = await Promise.all([
        import('./start.ts'),
        import('../server/server.ts'),
      ]);
      run.terminal.plain = !options.color;
      run.status = await start(options, run.terminal, startServer);
    });
}

function declareUsers(program: Command, run: Run): void {
  const users = program.command('users').description('accounts: who may register and call');
  common(users.command('ls').argument('[domain]'))
    .description('list them')
    .addHelpText('after', example('tandem users ls example.com'))
    .action((domain: string | undefined, options: CommonOptions) =>
      run.act(options, async (session) => (await import('./users.ts')).listAllUsers(session, domain)),
    );
  password(common(users.command('add').argument('<name@domain>')))
    .description('make one; asks for the password, or reads it from stdin')
    .addHelpText('after', example('tandem users add alice@example.com'))
    .action((user: string, options: CommonOptions & { password: PasswordOption }) =>
      run.act(options, async (session) =>
        (await import('./users.ts')).addUser(session, user, options.password),
      ),
    );
  password(common(users.command('set').argument('<name@domain>')))
    .description('give it another password')
    .addHelpText('after', example('tandem users set alice@example.com'))
    .action((user: string, options: CommonOptions & { password: PasswordOption }) =>
      run.act(options, async (session) =>
        (await import('./users.ts')).setUser(session, user, options.password),
      ),
    );
  common(users.command('rm').argument('<name@domain>'))
    .description('remove it')
    .option('--yes', 'do not ask')
    .addHelpText('after', example('tandem users rm alice@example.com --yes'))
    .action((user: string, options: CommonOptions & { yes?: boolean }) =>
      run.act(options, async (session) =>
        (await import('./users.ts')).removeUser(session, user, options.yes === true),
      ),
    );
  declareImport(users, run);
}

function declareImport(users: Command, run: Run): void {
  common(users.command('import').argument('<file>'))
    .description('from CSV or JSON with user or username and domain, and password, or ha1 and ha1_sha256')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', example('tandem users import users.csv --dry-run'))
    .action((file: string, options: CommonOptions & { dryRun?: boolean }) =>
      run.act(options, async (session) =>
        (await import('./import-users.ts')).importFile(session, file, options.dryRun === true),
      ),
    );
}

function declareRegs(program: Command, run: Run): void {
  const regs = program.command('regs').description('registrations: which phones are there');
  common(regs.command('ls').argument('[user]'))
    .description('list them')
    .addHelpText('after', example('tandem regs ls alice@example.com'))
    .action((user: string | undefined, options: CommonOptions) =>
      run.act(options, async (session) => (await import('./registrations.ts')).listRegs(session, user)),
    );
}

function declareCalls(program: Command, run: Run): void {
  const calls = program.command('calls').description('records of calls');
  common(calls.command('ls'))
    .description('list them, the newest first')
    .option('--last <time>', 'only those begun in the last 90s, 15m, 1h, 7d')
    .option('--user <user>', 'only those from or to this user or number')
    .option('--limit <rows>', 'how many', rowCount)
    .addHelpText('after', example('tandem calls ls --last 1h --user alice'))
    .action((options: CommonOptions & { last?: string; user?: string; limit?: number }) =>
      run.act(options, async (session) => (await import('./calls.ts')).listCallRecords(session, options)),
    );
  common(calls.command('show').argument('<id|call-id>'))
    .description('everything about one')
    .addHelpText('after', example('tandem calls show 7'))
    .action((name: string, options: CommonOptions) =>
      run.act(options, async (session) => (await import('./calls.ts')).showCall(session, name)),
    );
}

function declareCheck(program: Command, run: Run): void {
  common(program.command('check').argument('[script]'))
    .description('would it start with these settings and this script?')
    .addHelpText('after', example('tandem check my-route.ts'))
    .action(async (script: string | undefined, options: CommonOptions) => {
      const { check } = await import('./check.ts');
      const asked = script === undefined ? options : { ...options, script };
      run.status = await check(run.terminal, options.json === true, asked);
    });
}

function declareVersion(program: Command, run: Run): void {
  common(program.command('version'))
    .description('which release this is, and of what')
    .action(async (options: CommonOptions) => {
      const { productVersion } = await import('../server/settings-version.ts');
      const found = { tandem: productVersion(), node: process.versions.node, platform: process.platform };
      const text = `tandem ${found.tandem} (node ${found.node}, ${found.platform})`;
      run.terminal.result(options.json === true ? JSON.stringify(found, undefined, 2) : text);
    });
}

function common(command: Command): Command {
  return command
    .option('--config <file>', 'the settings; tandem.toml in this folder if there is one')
    .option('--data <folder>', 'the data folder, instead of that of the settings')
    .option('--json', 'the result as one JSON document')
    .option('--wide', 'every column, however narrow the terminal')
    .option('--no-color', 'as NO_COLOR does');
}

function password(command: Command): Command {
  return command.option(
    '--password [password]',
    'seen by others in the list of processes: better leave it out',
  );
}

function example(words: string): string {
  return `\nExample:\n  ${words}`;
}

function portNumber(text: string): number {
  return inRange(text, 0, 65_535, 'a port from 0 to 65535');
}

function rowCount(text: string): number {
  return inRange(text, 1, 10_000, 'a number from 1 to 10000');
}

function inRange(text: string, least: number, most: number, expected: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new TandemError('USAGE', `${expected} expected, not ${text}`);
}
