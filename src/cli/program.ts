/** Every command of the command line, its words, and what its exit code is. */
import type { Command } from 'commander';
import { TandemError } from '../base/errors.ts';
import { EXIT_USAGE, printError } from './output.ts';
import { type Declaring, declareProvisions, declareUsersShown, DRY_RUN } from './program-provisions.ts';
import { declareRegs } from './program-regs.ts';
import { declareSwarm } from './swarm-words.ts';
import type { Terminal } from './terminal.ts';
import type { SimOptions } from './sim-request.ts';
import type { Session } from './session.ts';
import type { UserOptions } from './users.ts';

const EXIT_CODES = `0   done
1   unexpected: a mistake of ours
2   wrong usage
3   not found
5   refused: a value, a setting, or what it contradicts
6   exchange not reachable
7   a check found problems
130 interrupted
Every error code: docs/errors.md`;

/** Words that every command takes. */
interface CommonOptions {
  readonly config?: string;
  readonly data?: string;
  readonly json?: boolean;
  readonly wide?: boolean;
  readonly color: boolean;
}

interface DevOptions extends CommonOptions {
  readonly script?: string;
  readonly port?: number;
}

type Act = (session: Session) => Promise<number>;

/** Carries out one command line; answers with its exit code. */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const json = words.includes('--json');
  if (words[0] === 'help' && words[1] === 'exit-codes') {
    terminal.result(EXIT_CODES);
    return 0;
  }
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
    .addHelpText('after', '\nWhat its exit status means: tandem help exit-codes');
  declareStart(program, run);
  declareStatus(program, run);
  declareUsers(program, run);
  declareProvisions(program, declaring(run));
  declareRegs(program, declaring(run));
  declareBans(program, run);
  declareCalls(program, run);
  declareSim(program, run);
  declarePools(program, run);
  declareCheck(program, run);
  declareReload(program, run);
  declareDev(program, run);
  declareDatabase(program, run);
  declareSwarm(program, run);
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

function declareStatus(program: Command, run: Run): void {
  common(program.command('status'))
    .description('the running exchange on one screen: calls, registrations, pools, what went wrong')
    .addHelpText('after', example('tandem status'))
    .action((options: CommonOptions) =>
      run.act(options, async (session) => (await import('./status.ts')).showStatus(session)),
    );
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
    .option(...DRY_RUN)
    .action((user: string, options: CommonOptions & UserOptions) =>
      run.act(options, async (session) => (await import('./users.ts')).addUser(session, user, options)),
    );
  password(common(users.command('set').argument('<name@domain>')))
    .description('give it another password')
    .addHelpText('after', example('tandem users set alice@example.com'))
    .option(...DRY_RUN)
    .action((user: string, options: CommonOptions & UserOptions) =>
      run.act(options, async (session) => (await import('./users.ts')).setUser(session, user, options)),
    );
  common(users.command('rm').argument('<name@domain>'))
    .description('remove it')
    .option('--yes', 'do not ask')
    .addHelpText('after', example('tandem users rm alice@example.com --yes'))
    .option(...DRY_RUN)
    .action((user: string, options: CommonOptions & UserOptions) =>
      run.act(options, async (session) => (await import('./users.ts')).removeUser(session, user, options)),
    );
  declareUsersShown(users, declaring(run));
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

function declareBans(program: Command, run: Run): void {
  const bans = program.command('bans').description('who is shut out');
  common(bans.command('ls'))
    .description('list them')
    .addHelpText('after', example('tandem bans ls'))
    .action((options: CommonOptions) =>
      run.act(options, async (session) => (await import('./bans.ts')).listBans(session)),
    );
  common(bans.command('add').argument('<address>'))
    .description('shut an address or IPv6 /64 out')
    .option('--reason <text>', 'for those who read the list', 'by hand')
    .option('--for <time>', 'how long: 90s, 15m, 1h, 7d', '1h')
    .addHelpText('after', example('tandem bans add 192.0.2.66 --for 7d --reason "scans us"'))
    .action((source: string, options: CommonOptions & { reason: string; for: string }) =>
      run.act(options, async (session) => (await import('./bans.ts')).addBan(session, source, options)),
    );
  common(bans.command('rm').argument('<address>'))
    .description('let it in again')
    .addHelpText('after', example('tandem bans rm 192.0.2.66'))
    .action((source: string, options: CommonOptions) =>
      run.act(options, async (session) => (await import('./bans.ts')).removeBan(session, source)),
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
    .description('everything about one, and why it failed')
    .option('--steps', 'what the script did for it, of the newest calls')
    .addHelpText('after', example('tandem calls show hjd5yeve9v --steps'))
    .action((name: string, options: CommonOptions & { steps?: boolean }) =>
      run.act(options, async (session) =>
        (await import('./calls.ts')).showCall(session, name, options.steps === true),
      ),
    );
}

function declareSim(program: Command, run: Run): void {
  common(program.command('sim'))
    .description('what would become of a call: the script, step by step; nothing is sent or written')
    .option('--from <user>', 'who calls')
    .option('--to <user or number>', 'whom')
    .option('--invite <file>', 'or: a request from a file')
    .option('--call <id>', 'or: a call from the records, once more')
    .option(
      '--set <key=value>',
      'source=192.0.2.7:5060, auth=no, time=2026-12-24T18:00, header.X-A=b, …',
      collect,
    )
    .option('--answer <name=what>', 'bob=486,carrier=silent,*=rings, api.example.net=200:BODY', collect)
    .option('--script <file>', 'another script than that of the settings')
    .addHelpText('after', example('tandem sim --from alice --to +4930123456 --answer carrier1.example=503'))
    .action((options: CommonOptions & SimOptions) =>
      run.act(options, async (session) => (await import('./sim.ts')).simulate(session, options)),
    );
}

function declarePools(program: Command, run: Run): void {
  const pools = program.command('pools').description('servers that calls are spread over');
  common(pools.command('ls'))
    .description('list the pools')
    .addHelpText('after', example('tandem pools ls'))
    .action((options: CommonOptions) =>
      run.act(options, async (session) => (await import('./pools.ts')).listPools(session)),
    );
  common(pools.command('show').argument('<pool>'))
    .description('the servers of one, their health and their load')
    .addHelpText('after', example('tandem pools show media'))
    .action((pool: string, options: CommonOptions) =>
      run.act(options, async (session) => (await import('./pools.ts')).showPool(session, pool)),
    );
  for (const to of ['enable', 'disable'] as const) {
    common(pools.command(to).argument('<pool>').argument('<server>'))
      .description(to === 'enable' ? 'send calls to a server again' : 'send no more calls to a server')
      .addHelpText('after', example(`tandem pools ${to} media sip:192.0.2.21:5060`))
      .action((pool: string, server: string, options: CommonOptions) =>
        run.act(options, async (session) =>
          (await import('./pools.ts')).switchServer(session, to, pool, server),
        ),
      );
  }
}

function declareCheck(program: Command, run: Run): void {
  common(program.command('check').argument('[script]'))
    .description('would it start with these settings and this script?')
    .option('--script <file>', 'the same, as tandem start takes it')
    .addHelpText('after', example('tandem check my-route.ts'))
    .action(async (script: string | undefined, options: CommonOptions & { script?: string }) => {
      const { check } = await import('./check.ts');
      const asked = script === undefined ? options : { ...options, script };
      run.status = await check(run.terminal, options.json === true, asked);
    });
}

function declareReload(program: Command, run: Run): void {
  common(program.command('reload'))
    .description('the running exchange loads its script again; calls go on')
    .addHelpText('after', example('tandem reload'))
    .action((options: CommonOptions) =>
      run.act(options, async ({ commands, terminal, json }) =>
        (await import('./reload.ts')).reload(commands, terminal, json),
      ),
    );
}

function declareDev(program: Command, run: Run): void {
  common(program.command('dev').argument('[script]'))
    .description('run the exchange, load the script at every change, say a line for each call')
    .option('--script <file>', 'the same, as tandem start takes it')
    .option('--port <number>', 'the port to listen on, instead of that of the settings', portNumber)
    .addHelpText('after', example('tandem dev my-route.ts'))
    .action(async (script: string | undefined, options: DevOptions) => {
      const [{ dev }, { startServer }] = await Promise.all([
        import('./dev.ts'),
        import('../server/server.ts'),
      ]);
      run.terminal.plain = !options.color;
      run.status = await dev(
        script === undefined ? options : { ...options, script },
        run.terminal,
        startServer,
      );
    });
}

function declareDatabase(program: Command, run: Run): void {
  const imports = program.command('import').description('take over the data of another server');
  common(imports.command('opensips'))
    .description('accounts, bindings, domains, aliases, groups and lists of an OpenSIPS database')
    .requiredOption(
      '--from <url>',
      'postgres://…, mysql://… or an SQLite file; password: TANDEM_FROM_PASSWORD',
    )
    .option('--domain <name>', 'for rows without a domain')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addHelpText('after', example('tandem import opensips --from mysql://opensips@db/opensips --dry-run'))
    .action((options: CommonOptions & { from: string; domain?: string; dryRun?: boolean }) =>
      run.act(options, async (session) =>
        (await import('./import-opensips.ts')).importOpensips(session, options),
      ),
    );
  const migrate = program.command('migrate').description('the tables of the database');
  common(migrate.command('status'))
    .description('which migrations are done; a start does the rest')
    .addHelpText('after', example('tandem migrate status'))
    .action((options: CommonOptions) =>
      run.act(options, async (session) => (await import('./migrate.ts')).migrateStatus(session)),
    );
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

function declaring(run: Run): Declaring {
  return { common, act: (options, act) => run.act(options, act) };
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

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
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
