/** The words of `tandem regs`: the same as those of all other kinds, as far as they make sense. */
import type { Command } from 'commander';
import { TandemError } from '../base/errors.ts';
import type { Declaring, Words } from './program-provisions.ts';

/** Phones register themselves: these verbs say so. */
const OF_PHONES = ['add', 'set', 'import'] as const;

/** Declares `ls`, `show`, `export`, `rm`, and what is said to those who try the others. */
export function declareRegs(program: Command, declaring: Declaring): void {
  const regs = program.command('regs').description('registrations: which phones are there');
  declareReading(regs, declaring);
  declareRemoving(regs, declaring);
  for (const verb of OF_PHONES) {
    // Whatever is typed behind it, the answer is the same.
    declaring
      .common(regs.command(verb, { hidden: true }).argument('[words...]'))
      .option('--dry-run')
      .action(() => {
        throw new TandemError('USAGE', `a phone registers itself: there is no tandem regs ${verb}`, {
          hint: 'the account that it needs:   tandem users add alice@example.com',
        });
      });
  }
}

function declareReading(regs: Command, { common, act }: Declaring): void {
  const load = () => import('./registrations.ts');
  common(regs.command('ls').argument('[user]'))
    .description('list them')
    .addHelpText('after', '\nExample:\n  tandem regs ls alice@example.com')
    .action((user: string | undefined, options: Words) =>
      act(options, async (session) => (await load()).listRegs(session, user)),
    );
  common(regs.command('show').argument('<name@domain>'))
    .description('everything about those of one user')
    .addHelpText('after', '\nExample:\n  tandem regs show alice@example.com')
    .action((user: string, options: Words) =>
      act(options, async (session) => (await import('./registrations-shown.ts')).showRegs(session, user)),
    );
  common(regs.command('export').argument('[user]'))
    .description('all of them as CSV, or as JSON with --json')
    .addHelpText('after', '\nExample:\n  tandem regs export > registrations.csv')
    .action((user: string | undefined, options: Words) =>
      act(options, async (session) => (await import('./registrations-shown.ts')).exportRegs(session, user)),
    );
}

function declareRemoving(regs: Command, { common, act }: Declaring): void {
  common(regs.command('rm').argument('<name@domain>'))
    .description('forget every phone of a user, until it registers again')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'say what would be forgotten, and do nothing')
    .addHelpText('after', '\nExample:\n  tandem regs rm alice@example.com --yes')
    .action((user: string, options: Words) =>
      act(options, async (session) => {
        const { removeRegs } = await import('./registrations-remove.ts');
        return removeRegs(session, user, {
          yes: options['yes'] === true,
          dryRun: options['dryRun'] === true,
        });
      }),
    );
}
