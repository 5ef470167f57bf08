/** The words of `tandem forwards`, `tandem numbers` and their like, made of the kinds there are. */
import type { Command } from 'commander';
import { type AnyKind, anyKinds } from './provisioned-kinds.ts';
import type { Session } from './session.ts';

/** What every command is declared with. */
export interface Declaring {
  /** Adds the options that every command takes. */
  readonly common: (command: Command) => Command;
  readonly act: (options: Words, act: (session: Session) => Promise<number>) => Promise<void>;
}

/** Options as commander has read them. */
export type Words = Readonly<Record<string, unknown>> & { readonly color: boolean };

const EXAMPLES: Readonly<Record<string, string>> = {
  domains: 'example.com',
  numbers: '+4930123456 example.com --target alice@example.com',
  aliases: 'sales@example.com alice@example.com',
  groups: 'alice@example.com international',
  lists: 'alice@example.com in anonymous --action block',
  'global-list': 'out +4990 --description "premium numbers"',
  'speed-dial': 'alice@example.com 23 +4930123456',
  forwards: 'alice@example.com no-answer bob@example.com --ring-ms 15000',
  'ring-groups': 'sales@example.com --strategy serial --fallback alice@example.com',
  'ring-members': 'sales@example.com bob@example.com --position 1',
  schedules: 'example.com office Europe/Berlin \'[{"days":"mon-fri","from":"09:00","to":"17:00"}]\'',
  preferences: 'alice@example.com dnd yes',
  addresses: 'udp:198.51.100.0/24 4 --context pbx@example.com',
};

/** The option of every command that changes something. */
export const DRY_RUN = ['--dry-run', 'say what would be done, and do nothing'] as const;

/** Whether it was given. */
export function isDryRun(options: Words): boolean {
  return options['dryRun'] === true;
}

/** Declares `add`, `set`, `ls`, `show`, `rm`, `import` and `export` of every kind. */
export function declareProvisions(program: Command, declaring: Declaring): void {
  for (const kind of anyKinds) {
    const command = program.command(kind.name).description(kind.about);
    declareReading(command, kind, declaring);
    declareChanging(command, kind, declaring);
  }
}

/** Declares `users show` and `users export`. */
export function declareUsersShown(users: Command, { common, act }: Declaring): void {
  const load = () => import('./users-shown.ts');
  common(users.command('show').argument('<name@domain>'))
    .description('one, with its numbers, groups, lists, forwarding')
    .addHelpText('after', '\nExample:\n  tandem users show alice@example.com')
    .action((user: string, options: Words) =>
      act(options, async (session) => (await load()).showUser(session, user)),
    );
  common(users.command('export'))
    .description('all of them as CSV, or as JSON with --json')
    .option('--hashes', 'with what their passwords are checked by: as secret as those')
    .addHelpText('after', '\nExample:\n  tandem users export --hashes > users.csv')
    .action((options: Words) =>
      act(options, async (session) => (await load()).exportUsers(session, options['hashes'] === true)),
    );
}

function declareReading(command: Command, kind: AnyKind, { common, act }: Declaring): void {
  const load = () => import('./provisions.ts');
  common(command.command('ls').argument('[text]'))
    .description('list them: all, or those with this text')
    .action((wanted: string | undefined, options: Words) =>
      act(options, async (session) => (await load()).listKind(session, kind, wanted)),
    );
  named(common(command.command('show')), kind)
    .description('everything about one')
    .action((...typed: unknown[]) =>
      act(optionsIn(typed), async (session) => (await load()).showOne(session, kind, keyIn(kind, typed))),
    );
  common(command.command('export'))
    .description('all of them as CSV, or as JSON with --json')
    .action((options: Words) => act(options, async (session) => (await load()).exportKind(session, kind)));
}

function declareChanging(command: Command, kind: AnyKind, { common, act }: Declaring): void {
  const load = () => import('./provisions.ts');
  withFields(common(command.command('add')), kind, (name) => !isOptional(kind, name))
    .description('add one')
    .option(...DRY_RUN)
    .addHelpText('after', `\nExample:\n  tandem ${kind.name} add ${EXAMPLES[kind.name] ?? ''}`)
    .action((...typed: unknown[]) =>
      act(optionsIn(typed), async (session) =>
        (await load()).changeOne(
          session,
          kind,
          'add',
          fieldsIn(kind, typed, (name) => !isOptional(kind, name)),
          isDryRun(optionsIn(typed)),
        ),
      ),
    );
  withFields(common(command.command('set')), kind, (name) => isKey(kind, name))
    .description('change one')
    .option(...DRY_RUN)
    .action((...typed: unknown[]) =>
      act(optionsIn(typed), async (session) =>
        (await load()).changeOne(
          session,
          kind,
          'set',
          fieldsIn(kind, typed, (name) => isKey(kind, name)),
          isDryRun(optionsIn(typed)),
        ),
      ),
    );
  named(common(command.command('rm')), kind)
    .description('remove one')
    .option('--yes', 'do not ask')
    .option(...DRY_RUN)
    .action((...typed: unknown[]) =>
      act(optionsIn(typed), async (session) =>
        (await load()).removeOne(session, kind, keyIn(kind, typed), {
          yes: optionsIn(typed)['yes'] === true,
          dryRun: isDryRun(optionsIn(typed)),
        }),
      ),
    );
  common(command.command('import').argument('<file>'))
    .description('from CSV or JSON, as export writes it')
    .option(...DRY_RUN)
    .action((file: string, options: Words) =>
      act(options, async (session) =>
        (await import('./import-provisions.ts')).importProvisions(session, kind, file, isDryRun(options)),
      ),
    );
}

/** The fields that must be there as arguments, in their order; the others as options. */
function withFields(command: Command, kind: AnyKind, isArgument: (name: string) => boolean): Command {
  for (const [name, { about }] of Object.entries(kind.fields)) {
    if (isArgument(name)) command.argument(`<${kebab(name)}>`, about);
    else command.option(`--${kebab(name)} <value>`, about);
  }
  return command;
}

function named(command: Command, kind: AnyKind): Command {
  for (const name of keyNames(kind)) command.argument(`<${kebab(name)}>`, kind.fields[name]?.about);
  return command;
}

function keyNames(kind: AnyKind): readonly string[] {
  return Object.keys(kind.fields).slice(0, kind.keyFields);
}

function isKey(kind: AnyKind, name: string): boolean {
  return keyNames(kind).includes(name);
}

function isOptional(kind: AnyKind, name: string): boolean {
  return kind.fields[name]?.optional === true;
}

/** commander hands on the arguments, then the options, then the command. */
function optionsIn(typed: readonly unknown[]): Words {
  return typed.at(-2) as Words;
}

function keyIn(kind: AnyKind, typed: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(keyNames(kind).map((name, place) => [name, typed[place]]));
}

function fieldsIn(
  kind: AnyKind,
  typed: readonly unknown[],
  isArgument: (name: string) => boolean,
): Record<string, unknown> {
  const options = optionsIn(typed);
  const names = Object.keys(kind.fields);
  const inArguments = names.filter(isArgument).map((name, place) => [name, typed[place]] as const);
  const inOptions = names
    .filter((name) => !isArgument(name) && options[name] !== undefined)
    .map((name) => [name, options[name]] as const);
  return Object.fromEntries([...inArguments, ...inOptions]);
}

/** `ringMs` → `ring-ms` */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
